"""The mail application: connects anymail's signals and the system checks."""

from django.apps import AppConfig


class ConversationTrackerConfig(AppConfig):
    """Inbox, mail flow, outbox."""

    name = "conversation_tracker"
    verbose_name = "Mail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from conversation_tracker import checks, signals  # noqa: F401  importing registers them
        from conversation_tracker.mailflow import header_classes

        header_classes.install()
