from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0020_invoices_know_when_their_shop_spoke_of_the_parcel'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_kind_is_known',
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('failed', 'The mail could not be sent'), ('suppressed', 'The mail was not sent: the address is suppressed'), ('held', 'The mail is held: it may show a real address'), ('bounced', 'The mail came back: the recipient’s mail server did not take it'), ('complained', 'The recipient marked the mail as spam'), ('not_sent', 'An order mail was to be sent and was not'), ('template', 'The store’s own template failed, so the default one was sent'), ('shop', 'The shop said something that was not taken over')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['failed', 'suppressed', 'held', 'bounced', 'complained', 'not_sent', 'template', 'shop'])), name='alert_kind_is_known'),
        ),
    ]
