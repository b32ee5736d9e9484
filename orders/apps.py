"""The orders application."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Stores, orders, aliases, timelines."""

    name = "orders"
    verbose_name = "Orders"
    default_auto_field = "django.db.models.BigAutoField"
