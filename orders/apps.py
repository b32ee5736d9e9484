"""The orders application."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Stores, orders, aliases, timelines."""

    name = "orders"
    verbose_name = "Orders"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from orders import events, tasks

        events.subscribe(events.Subscriber(take=tasks.pass_on, then=tasks.wake_hooks))
