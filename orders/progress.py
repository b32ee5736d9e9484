"""Say how far an order has come, for people: its stages, its parcels, and where it goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Prefetch
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from orders import masking
from orders.known import Known
from orders.models import Invoice, InvoiceKind, Order, Status, TrackingEvent
from orders.models.order import UNPAID

CANCELLED = (Status.PAYMENT_DENIED, Status.CANCELLATION_REQUESTED, Status.CANCEL, Status.CANCELED)
MOST_ITEMS = 100  # shown of one order
LONGEST_URL = 2_000


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of an order's way. ``state``: done, now, coming or bad; ``words`` say more of the one that is now."""

    name: str | Promise
    state: str
    at: datetime | None = None
    words: str | Promise = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """An invoice or a return with how its goods travel; ``url`` and ``document`` are safe to link to, or empty."""

    invoice: Invoice
    courier: str
    number: str
    url: str
    document: str
    sightings: list[TrackingEvent]  # newest first


@dataclass(frozen=True, slots=True)
class Item:
    """A position of the order; ``price`` of one, in minor units."""

    name: str
    quantity: int
    price: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """To whom and where; lines as they stand on a parcel."""

    receiver: str
    lines: list[str]
    service: str


def stages(order: Order, parcels: Sequence[Parcel]) -> list[Stage]:
    """The order's way from placed to delivered, or to where it was cancelled."""
    status = Status(order.status)
    created = Stage(_("Order created"), "done", order.placed_at)
    if status in CANCELLED:
        is_over = status is Status.CANCELED
        end = Stage(status.label, "bad" if is_over else "now", order.canceled_at or order.status_changed_at)
        paid = Stage(_("Payment approved"), "done", order.authorized_at)
        return [created, paid, end] if order.authorized_at else [created, end]
    return [created, _payment(order, status), _handling(status), _invoicing(order, status), *_travel(parcels)]


def _payment(order: Order, status: Status) -> Stage:
    if status in UNPAID:
        return Stage(_("Payment"), "now", words=status.label if status is not Status.ORDER_CREATED else "")
    return Stage(_("Payment approved"), "done", order.authorized_at)


def _handling(status: Status) -> Stage:
    if status in UNPAID:
        return Stage(_("Handling"), "coming")
    if status in {Status.INVOICE, Status.INVOICED}:
        return Stage(_("Handling"), "done")
    return Stage(_("Handling"), "now", words=status.label)


def _invoicing(order: Order, status: Status) -> Stage:
    if status is Status.INVOICED:
        return Stage(_("Invoiced"), "done", order.invoiced_at)
    if status is Status.INVOICE:
        return Stage(_("Invoiced"), "now", words=_("in part"))
    return Stage(_("Invoiced"), "coming")


def _travel(parcels: Sequence[Parcel]) -> list[Stage]:
    sent = [parcel for parcel in parcels if parcel.invoice.kind == InvoiceKind.OUTPUT]
    left = [parcel for parcel in sent if _has_left(parcel)]
    arrived = [parcel for parcel in sent if parcel.invoice.delivered_at]
    return [_count(_("Shipped"), left, sent, "dispatched_at"), _count(_("Delivered"), arrived, sent, "delivered_at")]


def _has_left(parcel: Parcel) -> bool:
    invoice = parcel.invoice
    return bool(invoice.dispatched_at or invoice.delivered_at or parcel.sightings or (parcel.number and parcel.url))


def _count(name: str | Promise, done: Sequence[Parcel], of: Sequence[Parcel], moment: str) -> Stage:
    if not done:
        return Stage(name, "coming")
    times = [at for parcel in done if (at := getattr(parcel.invoice, moment))]
    last = max(times) if times else None
    if len(done) < len(of):
        words = _("%(done)s of %(all)s") % {"done": len(done), "all": len(of)}
        return Stage(name, "now", last, words)
    return Stage(name, "done", last)


def parcels(order: Order, parties: tuple[Known, ...]) -> list[Parcel]:
    """The order's invoices and returns, oldest first, masked; two queries."""
    tracking = Prefetch("tracking", TrackingEvent.objects.order_by("-happened_at", "-pk"))
    found = list(Invoice.objects.filter(order=order).prefetch_related(tracking).order_by("created_at", "pk"))
    masking.sightings((seen for invoice in found for seen in invoice.tracking.all()), parties)
    return [_parcel(invoice, parties) for invoice in found]


def _parcel(invoice: Invoice, parties: tuple[Known, ...]) -> Parcel:
    document = invoice.document.json() or {}
    return Parcel(
        invoice=invoice,
        courier=masking.text(invoice.courier.text(), parties),
        number=masking.text(invoice.tracking_number.text(), parties),
        url=safe_url(masking.text(invoice.tracking_url.text(), parties)),
        document=safe_url(masking.text(str(document.get("invoiceUrl") or ""), parties)),
        sightings=list(invoice.tracking.all()),
    )


def safe_url(value: str) -> str:
    """The address when it is a web page's, else nothing: what others posted becomes a link only then."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme in {"http", "https"} and parts.netloc and len(value) <= LONGEST_URL else ""


def items(document: dict[str, Any]) -> list[Item]:
    """What was ordered, of a masked document."""
    found = document.get("items") or []
    return [
        Item(str(item.get("name") or item.get("id") or ""), int(item.get("quantity") or 0), int(item.get("price") or 0))
        for item in found[:MOST_ITEMS]
    ]


def delivery(document: dict[str, Any]) -> Delivery | None:
    """Where it goes, of a masked document; None where nobody said."""
    shipping = _dict(document.get("shippingData"))
    address = _dict(shipping.get("address"))
    if not address:
        return None
    street = " ".join(_words(address, "street", "number"))
    place = ", ".join(_words(address, "city", "state"))
    lines = [street, *_words(address, "complement", "neighborhood"), place, *_words(address, "postalCode", "country")]
    logistics = shipping.get("logisticsInfo")
    first = _dict(logistics[0]) if isinstance(logistics, list) and logistics else {}
    service = " · ".join(_words(first, "selectedSla", "deliveryCompany"))
    return Delivery(" ".join(_words(address, "receiverName")), [line for line in lines if line], service)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(found: dict[str, Any], *names: str) -> list[str]:
    return [str(found[name])[:200] for name in names if isinstance(found.get(name), str | int) and found[name] != ""]
