"""anymail's two signals, each handed to one function; no rule lives here."""

from __future__ import annotations

from typing import Any

from anymail.signals import AnymailInboundEvent, AnymailTrackingEvent, inbound, tracking
from django.dispatch import receiver
from django.utils import timezone

from conversation_tracker import delivery
from conversation_tracker.mailflow import pipeline


@receiver(inbound, dispatch_uid="conversation_tracker.inbound")
def mail_came_in(sender: object, event: AnymailInboundEvent | None, esp_name: str, **_: Any) -> None:
    """A mail to one of our aliases, or so somebody hoped."""
    if event is not None:  # Mailtrap's test call brings none
        pipeline.receive(event, esp_name=esp_name, now=timezone.now())


@receiver(tracking, dispatch_uid="conversation_tracker.tracking")
def delivery_was_reported(sender: object, event: AnymailTrackingEvent | None, esp_name: str, **_: Any) -> None:
    """A provider tells what became of a mail we sent."""
    delivery.report(event, now=timezone.now())
