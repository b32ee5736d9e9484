from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("conversation_tracker", "0003_receipts_name_the_batch_they_came_in"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboundmail",
            name="failures",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="outboundmail",
            name="resends",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="outboundmail",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Waiting to be sent"),
                    ("sending", "Being sent"),
                    ("retry", "Will be tried again"),
                    ("sent", "Sent"),
                    ("failed", "Could not be sent"),
                    ("suppressed", "Not sent: the address is suppressed"),
                    ("held", "Held: a real address was found in it"),
                    ("delivered", "Delivered"),
                    ("bounced", "Bounced"),
                    ("complained", "Marked as spam by the recipient"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
    ]
