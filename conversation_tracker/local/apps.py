"""The local mailbox as a Django application; installed only where LOCAL is set."""

from django.apps import AppConfig


class LocalConfig(AppConfig):
    """What Django is told of this application."""

    name = "conversation_tracker.local"
    label = "local"
    verbose_name = "Local mailbox"
    default_auto_field = "django.db.models.BigAutoField"
