"""What a store wrote in the place of a default template: its versions, of which the newest counts."""

from __future__ import annotations

from conversation_tracker.message_center import defaults
from conversation_tracker.message_center.defaults import Source
from conversation_tracker.models.template import TemplateKey, TemplateVersion
from orders.models import Store


def newest(store: Store, key: TemplateKey, locale: str) -> TemplateVersion | None:
    """The version that counts; None when the store never changed this template."""
    return TemplateVersion.objects.filter(store=store, key=key, locale=locale).order_by("-number").first()


def source(version: TemplateVersion | None, key: TemplateKey, locale: str) -> Source:
    """The texts of a version; those of the default template where it has none of its own."""
    if version is None or version.is_default:
        return defaults.source(key, locale)
    return Source(version.subject, version.preheader, version.html, version.text)
