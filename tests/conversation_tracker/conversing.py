"""What tests of conversations have in common: how a mail is put together, and what stands on the timeline."""

from __future__ import annotations

from collections.abc import Callable

from django.core.mail import EmailMultiAlternatives

from orders.models import Alias, Kind, Order, TimelineEntry

Work = Callable[..., list[EmailMultiAlternatives]]


def ids(message_id: str, **others: str) -> list[dict[str, str]]:
    named = {"Message-ID": message_id, **{name.replace("_", "-"): value for name, value in others.items()}}
    return [{"Name": name, "Value": value} for name, value in named.items()]


def mails(order: Order) -> list[TimelineEntry]:
    return list(order.timeline.filter(kind=Kind.MAIL).order_by("id"))


def person(alias: Alias, name: str = "") -> dict[str, str]:
    return {"Email": alias.real.text(), "Name": name}


def finished(mail: EmailMultiAlternatives) -> str:
    return mail.message().as_bytes().decode()
