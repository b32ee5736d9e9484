from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0029_alerts_of_loops'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='hookdelivery',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['hook', 'failures', 'next_attempt_at', 'id'], name='hook_delivery_next'),
        ),
    ]
