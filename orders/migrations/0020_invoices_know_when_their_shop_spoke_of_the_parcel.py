from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0019_hooks_switched_off_and_what_targets_answer'),
    ]

    operations = [
        migrations.AddField(
            model_name='invoice',
            name='shop_changed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
