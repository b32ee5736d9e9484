"""The store settings application: pages only, no tables of its own."""

from django.apps import AppConfig


class SettingsUiConfig(AppConfig):
    """What Django is told of this application."""

    name = "settings_ui"
    verbose_name = "Store settings"
