from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('conversation_tracker', '0012_outbound_knows_when_it_bounced_softly'),
    ]

    operations = [
        migrations.AddField(
            model_name='outboundmail',
            name='doubts',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
