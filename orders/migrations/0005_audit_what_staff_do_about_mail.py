from django.db import migrations, models

ACTIONS = [
    ("mask_type_changed", "Conversation mask type changed"),
    ("alias_retired", "Alias retired"),
    ("receipt_replayed", "Quarantined mail replayed"),
    ("mail_sent_again", "Mail sent again"),
    ("suppression_lifted", "Suppressed address lifted"),
    ("alert_dismissed", "Alert dismissed"),
    ("admin_changed", "Changed in the operator’s admin"),
]


class Migration(migrations.Migration):

    dependencies = [
        ("orders", "0004_alerts_for_mails_that_did_not_arrive"),
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
