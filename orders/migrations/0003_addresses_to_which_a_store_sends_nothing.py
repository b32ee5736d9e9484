import django.db.models.deletion
from django.db import migrations, models

import orders.secrecy


class Migration(migrations.Migration):

    dependencies = [
        ("orders", "0002_timeline_and_audit_only_grow"),
    ]

    operations = [
        migrations.CreateModel(
            name="Suppression",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("address", orders.secrecy.SealedField()),
                ("address_digest", models.BinaryField(max_length=32)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("bounced", "It bounced for good"),
                            ("complained", "A mail was marked as spam"),
                            ("refused", "The mail provider refuses it"),
                        ],
                        max_length=10,
                    ),
                ),
                ("since", models.DateTimeField()),
                ("source", models.CharField(max_length=64)),
                (
                    "alias",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="orders.alias"
                    ),
                ),
                (
                    "store",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="suppressions", to="orders.store"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["store", "-since", "-id"], name="suppression_newest_of_store")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("store", "address_digest"), name="suppression_is_one_per_store_and_address"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason__in", ["bounced", "complained", "refused"])),
                        name="suppression_reason_is_known",
                    ),
                ],
            },
        ),
    ]
