from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0025_stores_keep_their_former_domains'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='order',
            index=models.Index(
                condition=models.Q(('status', 'cancellation-requested')),
                fields=['store'],
                name='order_asks_to_be_cancelled',
            ),
        ),
    ]
