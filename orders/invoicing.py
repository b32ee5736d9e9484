"""Invoice an order, in one piece or in several, and take goods back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Sum

from orders import events, flow, masking, shipping, timeline
from orders.models import EventKind, Invoice, InvoiceKind, Kind, Order, Status
from orders.secrecy import Secret


class AlreadyInvoiced(ValueError):
    """The order has an invoice of this number that says something else."""


class TooMuch(ValueError):
    """More would be invoiced than the order is worth, or more returned than was invoiced."""


class NothingInvoiced(ValueError):
    """Nothing of the order, or not as many of an article, was invoiced, so there is nothing to take back."""


_SAID_LATER = ("invoiceKey", "invoiceUrl", "embeddedInvoice", "cfop", "items")  # as the document of an invoice has them


@dataclass(frozen=True, slots=True)
class Misfit:
    """A position of an invoice that the order does not hold: the place in the list, and what is wrong there."""

    place: int
    field: str
    message: str


class NotOrdered(ValueError):
    """The invoice names goods that the order does not hold, or more of them; carries every such position."""

    def __init__(self, misfits: Sequence[Misfit]) -> None:
        self.misfits = misfits
        super().__init__(f"{len(misfits)} positions are not as ordered")


@dataclass(frozen=True, slots=True)
class Position:
    """So many of one article."""

    article: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Draft:
    """An invoice as posted, checked. ``value`` in minor units; ``document`` as posted.

    ``positions`` are compared with what was ordered; without any, nothing is.
    """

    kind: InvoiceKind
    number: str
    value: int
    issued_at: datetime
    document: dict[str, Any]
    parcel: shipping.Parcel
    positions: Sequence[Position] = ()
    is_closing: bool = False  # nothing leaves with it: it is there for returns, and the customer hears of those


def invoice(order: Order, draft: Draft, *, actor: str, now: datetime) -> tuple[Invoice, bool]:
    """Write an invoice or a return; with True when it is new.

    The same one posted again gives the first, with what it says that was empty before or is new of the parcel. The
    order is invoiced once its invoices add up to its value. Raises flow.IllegalTransition, AlreadyInvoiced,
    NothingInvoiced, NotOrdered or TooMuch; nothing is changed then.
    """
    with transaction.atomic():
        flow.hold(order)
        if known := Invoice.objects.filter(order=order, number=draft.number).first():
            _complete(order, known, draft, now=now)
            shipping.hand_over(order, known, draft.parcel, actor=actor, now=now)
            return known, False
        if draft.kind is InvoiceKind.INPUT:
            return _take_back(order, draft, actor=actor, now=now), True
        return _invoice(order, draft, actor=actor, now=now), True


def total(order: Order, kind: InvoiceKind) -> int:
    """What the order's invoices, or its returns, add up to; minor units."""
    return Invoice.objects.filter(order=order, kind=kind).aggregate(total=Sum("value"))["total"] or 0


def pieces(order: Order, kind: InvoiceKind) -> Counter[str]:
    """How many of each article the order's invoices, or its returns, name."""
    return _sum(_named(order, kind))


def _named(order: Order, kind: InvoiceKind) -> list[Counter[str]]:
    found = Invoice.objects.filter(order=order, kind=kind).only("document")
    return [count(one.document.json()) for one in found]


def _sum(counts: Iterable[Counter[str]]) -> Counter[str]:
    found = Counter[str]()
    for one in counts:
        found.update(one)
    return found


def _complete(order: Order, known: Invoice, draft: Draft, *, now: datetime) -> None:
    """Take over what the invoice did not say before. Raises AlreadyInvoiced where it said something else."""
    if (known.kind, known.value) != (draft.kind, draft.value):
        raise AlreadyInvoiced(f"the order has an invoice {draft.number} of another value or type")
    document = known.document.json() or {}
    said = {name: draft.document[name] for name in _SAID_LATER if draft.document.get(name)}
    others = [name for name, value in said.items() if document.get(name) and document[name] != value]
    if others:
        raise AlreadyInvoiced(f"the order has an invoice {draft.number} with another {others[0]}")
    if all(document.get(name) == value for name, value in said.items()):
        return
    if not document.get("items"):
        _ensure_fits(order, draft)
    known.document = Secret.of_json({**document, **said})
    known.save(update_fields=["document"])
    order.changed_at = now
    order.save(update_fields=["changed_at"])


def _invoice(order: Order, draft: Draft, *, actor: str, now: datetime) -> Invoice:
    status = Status(order.status)
    if status is not Status.INVOICE:
        flow.route(order, Status.INVOICE)
    _ensure_fits(order, draft)
    invoiced = total(order, InvoiceKind.OUTPUT) + draft.value
    if invoiced > order.value:
        raise TooMuch(f"the invoices would add up to {invoiced}, and the order is worth {order.value}")
    if status is not Status.INVOICE:
        flow.advance(order, Status.INVOICE, actor=actor, now=now)
    made = _write(order, draft, EventKind.INVOICED, actor=actor, now=now)
    if invoiced == order.value:
        flow.advance(order, Status.INVOICED, actor=actor, now=now, details={"invoice": made.number})
    shipping.tell_shipped(order, made, actor=actor, now=now)
    return made


def _take_back(order: Order, draft: Draft, *, actor: str, now: datetime) -> Invoice:
    if not Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).exists():
        raise NothingInvoiced("nothing of the order was invoiced, so there is nothing to take back")
    _ensure_fits(order, draft)
    invoiced, returned = total(order, InvoiceKind.OUTPUT), total(order, InvoiceKind.INPUT) + draft.value
    if returned > invoiced:
        raise TooMuch(f"the returns would add up to {returned}, and {invoiced} was invoiced")
    return _write(order, draft, EventKind.REFUNDED, actor=actor, now=now)


def _ensure_fits(order: Order, draft: Draft) -> None:
    """Raise NotOrdered or NothingInvoiced when the positions are more than was ordered or, of a return, invoiced."""
    if draft.positions:
        _ensure_ordered(order, draft)
        if draft.kind is InvoiceKind.INPUT:
            _ensure_invoiced(order, draft)


def _ensure_ordered(order: Order, draft: Draft) -> None:
    """Raise NotOrdered when the positions are more than what was ordered, together with those of other invoices."""
    ordered = count(order.document.json())
    left = Counter(ordered)
    left.subtract(pieces(order, draft.kind))
    misfits = []
    for place, position in enumerate(draft.positions):
        article = position.article
        if article not in ordered:
            misfits.append(Misfit(place, "id", "The order has no such item."))
        elif position.quantity > left[article]:
            most = max(left[article], 0)
            misfits.append(Misfit(place, "quantity", f"Of {ordered[article]} that were ordered, {most} are left."))
        left[article] -= position.quantity
    if misfits:
        raise NotOrdered(misfits)


def _ensure_invoiced(order: Order, draft: Draft) -> None:
    """Raise NothingInvoiced when more of an article would come back than is left of what was invoiced."""
    invoices = _named(order, InvoiceKind.OUTPUT)
    if not all(invoices):  # an invoice that names no goods may be over any
        return
    left = _sum(invoices)
    left.subtract(pieces(order, InvoiceKind.INPUT))
    for position in draft.positions:
        if position.quantity > left[position.article]:
            most = max(left[position.article], 0)
            raise NothingInvoiced(f"of the item {position.article}, {most} are left of what was invoiced")
        left[position.article] -= position.quantity


def count(document: Any) -> Counter[str]:
    """How many of each article stand in a document's list of items."""
    found = Counter[str]()
    for item in (document or {}).get("items") or []:
        found[str(item.get("id"))] += item.get("quantity") or 0
    return found


def _write(order: Order, draft: Draft, kind: EventKind, *, actor: str, now: datetime) -> Invoice:
    try:
        with transaction.atomic():
            made = Invoice.objects.create(
                store_id=order.store_id,
                order=order,
                kind=draft.kind,
                number=draft.number,
                value=draft.value,
                document=Secret.of_json(draft.document),
                courier=Secret.of(draft.parcel.courier),
                tracking_number=Secret.of(draft.parcel.number),
                tracking_url=Secret.of(draft.parcel.url),
                dispatched_at=draft.parcel.dispatched_at,
                issued_at=draft.issued_at,
                created_at=now,
            )
    except IntegrityError as error:  # cannot be while the order is held, but for a hand in the database
        raise AlreadyInvoiced(f"the order has an invoice {draft.number}") from error
    said: dict[str, Any] = {"number": made.number, "value": made.value, "type": made.kind}
    if draft.is_closing:
        said["closing"] = True
    masked = masking.document(said, masking.of_order(order))
    entry = timeline.happened(order, Kind.INVOICE, data=masked, actor=actor, now=now)
    occasion = f"invoice:{made.number}"
    events.publish([events.build(order, kind, occasion=occasion, entry=entry, invoice=made, details=masked, now=now)])
    order.changed_at = now
    order.save(update_fields=["changed_at"])
    return made
