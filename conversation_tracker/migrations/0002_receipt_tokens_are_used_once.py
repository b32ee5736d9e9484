from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("conversation_tracker", "0001_inbox_and_outbox"),
    ]

    operations = [
        migrations.AddField(
            model_name="receipt",
            name="once",
            field=models.BinaryField(blank=True, max_length=32, null=True),
        ),
        migrations.AddConstraint(
            model_name="receipt",
            constraint=models.UniqueConstraint(
                condition=models.Q(("once__isnull", False)), fields=("once",), name="receipt_token_is_used_once"
            ),
        ),
    ]
