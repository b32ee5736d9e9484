from django.db import migrations, models

ACTIONS = [
    ("mask_type_changed", "Conversation mask type changed"),
    ("alias_retired", "Alias retired"),
    ("receipt_replayed", "Quarantined mail replayed"),
    ("receipt_dismissed", "Quarantined mail dismissed"),
    ("receipt_revealed", "Mail opened as it came"),
    ("mail_sent_again", "Mail sent again"),
    ("suppression_lifted", "Suppressed address lifted"),
    ("alert_dismissed", "Alert dismissed"),
    ("address_revealed", "Real address revealed"),
    ("conversation_revealed", "Conversation read with real addresses"),
    ("setting_changed", "Setting changed"),
    ("template_changed", "E-mail template changed"),
    ("template_tested", "E-mail template sent as a test"),
    ("sender_changed", "Sender changed"),
    ("feed_changed", "Order feed changed"),
    ("hook_changed", "Order hook changed"),
    ("shop_changed", "Shop connection changed"),
    ("mail_written", "Mail written to a party"),
    ("admin_changed", "Changed in the operator’s admin"),
]


class Migration(migrations.Migration):

    dependencies = [
        ("orders", "0022_orders_know_which_buyer_their_shop_names"),
    ]

    operations = [
        migrations.RemoveConstraint(model_name="auditentry", name="audit_action_is_known"),
        migrations.AlterField(
            model_name="auditentry", name="action", field=models.CharField(choices=ACTIONS, max_length=32)
        ),
        migrations.AddConstraint(
            model_name="auditentry",
            constraint=models.CheckConstraint(
                condition=models.Q(("action__in", [value for value, _ in ACTIONS])), name="audit_action_is_known"
            ),
        ),
    ]
