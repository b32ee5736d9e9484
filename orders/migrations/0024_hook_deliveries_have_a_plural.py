from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0023_audit_who_dismissed_a_receipt'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='hookdelivery',
            options={'verbose_name_plural': 'hook deliveries'},
        ),
    ]
