"""The mail application: connects anymail's signals, the order mails and the system checks."""

from django.apps import AppConfig


class ConversationTrackerConfig(AppConfig):
    """Inbox, mail flow, outbox."""

    name = "conversation_tracker"
    verbose_name = "Mail"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from conversation_tracker import checks, order_mails, signals, tasks  # noqa: F401  importing registers them
        from conversation_tracker.mailflow import header_classes
        from orders import events

        header_classes.install()
        events.subscribe(events.Subscriber(order_mails.take, tasks.wake_order_mails))
