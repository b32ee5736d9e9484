"""How the parcels of an order travel: handed over, on the way, delivered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from orders import events, flow, masking, secrecy, timeline
from orders.known import Known
from orders.models import EventKind, Invoice, InvoiceKind, Kind, Order, OrderEvent, TrackingEvent
from orders.secrecy import Secret

_WEB = re.compile(r"https?://[^\s/?#\\]+([/?#]\S*)?\Z", re.IGNORECASE)


class NoSuchInvoice(LookupError):
    """The order has no invoice of this number."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """How an invoice's goods travel; what is empty is not known."""

    courier: str = ""
    number: str = ""
    url: str = ""
    dispatched_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a carrier said: when, where, what."""

    happened_at: datetime
    description: str
    city: str = ""
    state: str = ""


def find(order: Order, number: str) -> Invoice:
    """The order's invoice of this number, whose parcel is meant. Raises NoSuchInvoice."""
    found = Invoice.objects.filter(order=order, number=number, kind=InvoiceKind.OUTPUT).first()
    if found is None:
        raise NoSuchInvoice(f"the order has no invoice {number}")
    return found


def hand_over(order: Order, invoice: Invoice, parcel: Parcel, *, actor: str, now: datetime) -> bool:
    """Say how an invoice's goods travel; what is empty stays as it is. False when nothing of it is new."""
    with transaction.atomic():
        flow.hold(order)
        invoice.refresh_from_db()
        fresh = {
            field: Secret.of(value)
            for field, value in (
                ("courier", parcel.courier), ("tracking_number", parcel.number), ("tracking_url", parcel.url),
            )
            if value and getattr(invoice, field).text() != value
        }  # fmt: skip
        is_corrected = "tracking_number" in fresh and bool(invoice.tracking_number and invoice.tracking_url)
        is_dispatched = parcel.dispatched_at is not None and invoice.dispatched_at != parcel.dispatched_at
        if not fresh and not is_dispatched:
            return False
        for field, value in fresh.items():
            setattr(invoice, field, value)
        if is_dispatched:
            invoice.dispatched_at = parcel.dispatched_at
        invoice.save(update_fields=[*fresh, "dispatched_at"])
        tell_shipped(order, invoice, is_corrected=is_corrected, actor=actor, now=now)
        _touch(order, now=now)
    return True


def is_web_address(url: str) -> bool:
    """Whether a browser can be sent there: http or https, and a host."""
    return _WEB.match(url) is not None


def tell_shipped(
    order: Order, invoice: Invoice, *, actor: str, now: datetime, is_corrected: bool = False
) -> None:  # fmt: skip
    """Once the parcel's number and address for tracking are known, write and publish that it is on its way.

    With another number than was told before, it is an occasion of its own: the customer looks for the wrong parcel.
    """
    number, url = invoice.tracking_number.text(), invoice.tracking_url.text()
    if not (number and url) or invoice.kind != InvoiceKind.OUTPUT:
        return
    said = {
        "invoice": invoice.number, "courier": invoice.courier.text(), "tracking_number": number, "url": url,
        "dispatched_at": invoice.dispatched_at.isoformat() if invoice.dispatched_at else None,
    }  # fmt: skip
    parties = masking.of_order(order)
    occasion = f"shipped:{invoice.number}"
    if is_corrected:
        occasion += f":{secrecy.digest(number, purpose='tracking-number').hex()[:16]}"
    _tell(order, invoice, EventKind.SHIPPED, said, parties, occasion=occasion, actor=actor, now=now)


def track(
    order: Order, invoice: Invoice, sightings: Sequence[Sighting], *, delivered_at: datetime | None,
    actor: str, now: datetime,
) -> int:  # fmt: skip
    """Write what the carrier said and, with ``delivered_at``, that the parcel arrived; returns how much was new."""
    with transaction.atomic():
        flow.hold(order)
        invoice.refresh_from_db()
        parties = masking.of_order(order)
        fresh = _fresh(invoice, sightings, parties, now=now)
        TrackingEvent.objects.bulk_create(fresh)
        for one in fresh:
            said = {
                "invoice": invoice.number, "city": one.city, "state": one.state, "description": one.description,
                "happened_at": one.happened_at.isoformat(),
            }  # fmt: skip
            occasion = f"tracking:{one.pk}"
            _tell(order, invoice, EventKind.TRACKING, said, parties, occasion=occasion, actor=actor, now=now)
        is_delivered = delivered_at is not None and invoice.delivered_at is None
        if is_delivered and delivered_at is not None:
            invoice.delivered_at = delivered_at
            invoice.save(update_fields=["delivered_at"])
            said = {"invoice": invoice.number, "delivered_at": delivered_at.isoformat()}
            occasion = f"delivered:{invoice.number}"
            _tell(order, invoice, EventKind.DELIVERED, said, parties, occasion=occasion, actor=actor, now=now)
        if fresh or is_delivered:
            _touch(order, now=now)
    return len(fresh) + is_delivered


def _fresh(
    invoice: Invoice, sightings: Sequence[Sighting], parties: tuple[Known, ...], *, now: datetime
) -> list[TrackingEvent]:
    known = {bytes(seen) for seen in invoice.tracking.values_list("fingerprint", flat=True)}
    fresh = []
    for sighting in sorted(sightings, key=lambda sighting: sighting.happened_at):
        moment = sighting.happened_at.astimezone(UTC).isoformat()
        said = "\0".join((moment, sighting.description, sighting.city, sighting.state))
        fingerprint = secrecy.digest(said, purpose="tracking-event")
        if fingerprint in known:
            continue
        known.add(fingerprint)
        fresh.append(
            TrackingEvent(
                store_id=invoice.store_id,
                invoice=invoice,
                description=masking.within(sighting.description, parties, most=1000),
                city=masking.within(sighting.city, parties, most=200),
                state=masking.within(sighting.state, parties, most=200),
                happened_at=sighting.happened_at,
                fingerprint=fingerprint,
                created_at=now,
            )
        )
    return fresh


def _tell(
    order: Order,
    invoice: Invoice,
    kind: EventKind,
    said: dict[str, Any],
    parties: tuple[Known, ...],
    *,
    occasion: str,
    actor: str,
    now: datetime,
) -> OrderEvent:
    masked = masking.document({"event": kind.value, **said}, parties)
    entry = timeline.happened(order, Kind.TRACKING, data=masked, actor=actor, now=now)
    event = events.build(order, kind, occasion=occasion, entry=entry, invoice=invoice, details=masked, now=now)
    return events.publish([event])[0]


def _touch(order: Order, *, now: datetime) -> None:
    order.changed_at = now
    order.save(update_fields=["changed_at"])
