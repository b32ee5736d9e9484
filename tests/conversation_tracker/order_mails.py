"""What tests of order mails have in common: an order of which a mail can say much, and the steps to a mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from conversation_tracker import order_mails
from conversation_tracker.models import OrderMail
from orders import events
from orders.models import Kind, TimelineEntry

Work = Callable[..., list[EmailMultiAlternatives]]
DOCUMENT = {
    "items": [{"id": "1", "name": "Oak chair", "quantity": 1, "price": 12_990}],
    "clientProfileData": {"firstName": "Ana", "lastName": "Souza", "email": "ana@people.example"},
    "shippingData": {
        "address": {"receiverName": "Ana Souza", "street": "Rua A", "number": "12", "city": "Recife", "state": "PE"}
    },
}


def write(*, now: Any = None) -> None:
    """Dispatch what happened and write what is due."""
    moment = now or timezone.now()
    while events.dispatch(now=moment):
        pass
    while order_mails.work(now=moment):
        pass


def sent_on() -> list[TimelineEntry]:
    return list(TimelineEntry.objects.filter(kind=Kind.MAIL).order_by("occurred_at", "pk"))


def the_mail() -> OrderMail:
    return OrderMail.objects.get()
