from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0028_alerts_of_late_mails'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='alert',
            name='alert_kind_is_known',
        ),
        migrations.AlterField(
            model_name='alert',
            name='kind',
            field=models.CharField(choices=[('failed', 'The mail could not be sent'), ('late', 'The mail has not left yet, and is tried again'), ('suppressed', 'The mail was not sent: the address is suppressed'), ('held', 'The mail is held: it may show a real address'), ('bounced', 'The mail came back: the recipient’s mail server did not take it'), ('complained', 'The recipient marked the mail as spam'), ('not_sent', 'An order mail was to be sent and was not'), ('template', 'The store’s own template failed, so the default one was sent'), ('loop', 'Mails went round in circles, so no more of them is passed on'), ('shop', 'The shop said something that was not taken over')], max_length=10),
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['failed', 'late', 'suppressed', 'held', 'bounced', 'complained', 'not_sent', 'template', 'loop', 'shop'])), name='alert_kind_is_known'),
        ),
    ]
