from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0021_alerts_tell_of_what_a_shop_said'),
    ]

    operations = [
        migrations.AddField(
            model_name='order',
            name='shop_buyer',
            field=models.BinaryField(blank=True, max_length=32, null=True),
        ),
    ]
