from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("conversation_tracker", "0002_receipt_tokens_are_used_once"),
    ]

    operations = [
        migrations.AddField(
            model_name="receipt",
            name="split_from",
            field=models.BigIntegerField(blank=True, null=True),
        ),
    ]
