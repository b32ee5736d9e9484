"""Invoice what a shop sent, take back what it gave back, and tell staff of what the order here cannot follow.

A shop of these makes no invoice that we could know of, so each parcel is one, under its number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_noop

from orders import alerts, changing, flow, invoicing, shipping
from orders.models import Alert, AlertKind, Invoice, InvoiceKind, Order, Status
from orders.shops.reports import Fulfilment, OrderReport, Refund, Undone

ENDED = (Status.PAYMENT_DENIED, Status.CANCEL, Status.CANCELED)
GOES_ON = gettext_noop("The shop goes on with the order, which was cancelled here.")
OTHER_WAY = gettext_noop("The shop brings the order to where it cannot go from where it stands here.")
KEPT = gettext_noop(
    "The shop cancelled the order or gave all of it back, and not all that was invoiced here is taken back."
)


def differ(order: Order, about: str, *, now: datetime) -> None:
    """Raise an alert of something that the shop says, unless it is open or somebody dismissed it."""
    known = Alert.objects.filter(order=order, entry=None, about=about)
    if not known.filter(Q(settled_at=None) | Q(settled_by__isnull=False)).exists():
        alerts.raise_about(AlertKind.SHOP, about, order=order, now=now)


def differ_in_way(order: Order, *, now: datetime) -> None:
    """Raise an alert of an order that went another way here than in its shop."""
    differ(order, GOES_ON if order.status in ENDED else OTHER_WAY, now=now)


def is_begun(order: Order) -> bool:
    """Whether anything of the order was invoiced."""
    return Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).exists()


def worth(items: Iterable[dict[str, Any]]) -> int:
    """What these items cost together, by their prices."""
    return sum(item.get("price", 0) * item["quantity"] for item in items)


def invoice_of(order: Order, number: str) -> Invoice | None:
    """The invoice that carries the shop's parcel of this number: our own under its number, or another system's."""
    sent = Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT)
    return sent.filter(Q(number=number) | Q(shop_parcel=number)).order_by("pk").first()


def fulfil(
    order: Order, parcel: Fulfilment, *, items: list[dict[str, Any]], is_last: bool, actor: str, now: datetime
) -> bool:
    """Invoice a parcel that left, and follow it; False when all of the order was invoiced before.

    ``items`` are all of the order; of its value a parcel has the share that it has of them, and the last one what is
    left. A parcel that is worth nothing, as a gift's, is no invoice, nor is one whose goods another system invoiced.
    Raises flow.IllegalTransition.
    """
    known = invoice_of(order, parcel.number)
    others = _of_others(order) if known is None else []
    if others and parcel.worth is None:  # all of it left, whatever they invoice
        return True
    if others:
        known = _carried_by(parcel, others, whole=worth(items))
        if known is None:  # what they have not invoiced yet, perhaps
            differ(order, f"parcel-{parcel.number}"[:200], now=now)
            return False
        if not known.shop_parcel:
            Invoice.objects.filter(pk=known.pk).update(shop_parcel=parcel.number)
        alerts.settle_about(f"parcel-{parcel.number}"[:200], order=order, now=now)
    if known is None:
        if order.status in ENDED:
            raise flow.IllegalTransition(Status(order.status), Status.INVOICE)
        left = order.value - invoicing.total(order, InvoiceKind.OUTPUT)
        whole, is_last = worth(items), is_last or _is_rest(order, parcel, items)
        if parcel.worth == 0 and whole:
            return True
        if order.value and not left:
            differ(order, f"parcel-{parcel.number}"[:200], now=now)
            return False
        value = left if is_last or not whole else min(order.value * (parcel.worth or 0) // whole, left)
        if not value and not (is_last and not order.value):  # nothing is invoiced over nothing but a whole free order
            return True
        _make_ready(order, actor=actor, now=now)
        sent = list(parcel.items) or items
        draft = _draft(InvoiceKind.OUTPUT, parcel.number, value, sent, at=parcel.at or now, parcel=_parcel(parcel))
        known, _ = invoicing.invoice(order, draft, actor=actor, now=now)
    follow(order, known, parcel, actor=actor, now=now)
    return True


def follow(order: Order, invoice: Invoice, parcel: Fulfilment, *, actor: str, now: datetime) -> None:
    """Take over how a parcel travels, unless something newer is known of it."""
    before, at = invoice.shop_changed_at, parcel.changed_at
    if at is None or before is None or at >= before:  # else an older word on it that comes late
        known = _parcel(parcel)
        if invoice.dispatched_at is not None:  # which another system may know better
            known = replace(known, dispatched_at=None)
        shipping.hand_over(order, invoice, known, actor=actor, now=now)
        if at is not None and at != before:
            Invoice.objects.filter(pk=invoice.pk).update(shop_changed_at=at)
    sighting = parcel.sighting
    sightings = [shipping.Sighting(sighting.at, sighting.words)] if sighting else []
    if sightings or parcel.delivered_at:
        shipping.track(order, invoice, sightings, delivered_at=parcel.delivered_at, actor=actor, now=now)


def _of_others(order: Order) -> list[Invoice]:
    """The order's invoices that another system made, by the API."""
    sent = Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT)
    return [one for one in sent if "invoiceNumber" in (one.document.json() or {})]


def _carried_by(parcel: Fulfilment, others: list[Invoice], *, whole: int) -> Invoice | None:
    """The invoice, of those of other systems, whose goods the parcel holds, where that is plain: the one with the same
    number for tracking; or the only one, where the parcel holds the whole order and nobody spoke of its way.
    """
    number = parcel.tracking_number
    if number and (same := [one for one in others if one.tracking_number.text() == number]):
        return same[0]
    only = others[0]
    is_plain = len(others) == 1 and parcel.worth == whole and not only.shop_parcel and not only.tracking_number
    return only if is_plain else None


def undo(order: Order, parcel: Undone, *, now: datetime) -> bool:
    """False where a parcel that the shop undid was invoiced here: its customer was told of it. An alert tells staff."""
    if invoice_of(order, parcel.number) is None:
        return True
    differ(order, f"undone-{parcel.number}"[:200], now=now)
    return False


def close(order: Order, report: OrderReport, *, actor: str, now: datetime) -> None:
    """Of an order of which nothing more will leave, invoice what is left, so that refunds of it are returns.

    Of one that was cancelled, that is only what was given back; the rest is taken off the order.
    """
    invoiced = invoicing.total(order, InvoiceKind.OUTPUT)
    left = order.value - invoiced
    if left <= 0 or order.status != Status.INVOICE:
        return
    part = left
    if report.canceled is not None:
        back = sum(refund.value for refund in report.refunds if refund.currency == order.currency)
        part = min(left, max(back - invoiced, 0))
    if part:
        draft = _draft(InvoiceKind.OUTPUT, f"rest-{report.number}"[:100], part, [], at=now, parcel=shipping.Parcel())
        invoicing.invoice(order, replace(draft, is_closing=True), actor=actor, now=now)
    if part < left:
        items, reason = order.document.json().get("items") or [], report.canceled or ""
        changing.restate(order, items=items, value=invoiced + part, reason=reason, actor=actor, now=now)


def take_back(order: Order, refund: Refund, *, actor: str, now: datetime) -> bool:
    """A refund is a return of that value. Before anything was invoiced there is nothing to take back.

    False where it is more than was invoiced so far, or other than before, or in another currency than the order's:
    what it is worth in that is not known. An alert tells.
    """
    if not refund.value or not is_begun(order):
        return True
    about = f"refund-{refund.number}"[:200]
    if refund.currency != order.currency:
        about = f"{about} {refund.currency}".strip()[:200]
        if not Alert.objects.filter(order=order, about=about).exists():  # somebody may have dismissed it
            alerts.raise_about(AlertKind.SHOP, about, order=order, now=now)
        return False
    draft = _draft(
        InvoiceKind.INPUT, f"refund-{refund.number}", refund.value, [], at=refund.at or now, parcel=shipping.Parcel()
    )
    try:
        invoicing.invoice(order, draft, actor=actor, now=now)
    except (invoicing.TooMuch, invoicing.AlreadyInvoiced):
        differ(order, about, now=now)
        return False
    alerts.settle_about(about, order=order, now=now)
    return True


def miss(order: Order, refunds: Iterable[Refund], *, now: datetime) -> bool:
    """False where the shop deleted a refund that was taken back here, and the customer told. An alert tells staff."""
    known = {f"refund-{refund.number}" for refund in refunds}
    returns = Invoice.objects.filter(order=order, kind=InvoiceKind.INPUT, number__startswith="refund-")
    gone = [number for number in returns.values_list("number", flat=True) if number not in known]
    for number in gone:
        differ(order, f"undone-{number}"[:200], now=now)
    return not gone


def has_taken_back_all(order: Order, *, now: datetime) -> bool:
    """Whether all that was invoiced is taken back, of an order that its shop cancelled; else an alert tells."""
    if invoicing.total(order, InvoiceKind.INPUT) >= invoicing.total(order, InvoiceKind.OUTPUT):
        alerts.settle_about(KEPT, order=order, now=now)
        return True
    differ(order, KEPT, now=now)
    return False


def _is_rest(order: Order, parcel: Fulfilment, items: list[dict[str, Any]]) -> bool:
    """Whether the parcel has all that was in no other one."""
    if parcel.worth is None:
        return True
    sent = Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).only("document")
    return sum(worth((one.document.json() or {}).get("items") or []) for one in sent) + parcel.worth == worth(items)


def _make_ready(order: Order, *, actor: str, now: datetime) -> None:
    """Bring a paid order to where it can be invoiced. Raises flow.IllegalTransition from where there is no way."""
    flow.hold(order)
    status = Status(order.status)
    if status is Status.PAYMENT_APPROVED:
        flow.move(order, Status.WAITING_FOR_FULFILLMENT, actor=actor, now=now)
    if order.status in (Status.WAITING_FOR_FULFILLMENT, Status.WINDOW_TO_CANCEL):
        flow.move(order, Status.READY_FOR_HANDLING, actor=actor, now=now)
    if order.status == Status.READY_FOR_HANDLING:
        flow.advance(order, Status.START_HANDLING, actor=actor, now=now)
    if order.status in (Status.START_HANDLING, Status.CANCELLATION_REQUESTED):
        flow.move(order, Status.HANDLING, actor=actor, now=now)


def _parcel(parcel: Fulfilment) -> shipping.Parcel:
    url = parcel.tracking_url if shipping.is_web_address(parcel.tracking_url) else ""
    return shipping.Parcel(parcel.courier, parcel.tracking_number, url, parcel.at)


def _draft(
    kind: InvoiceKind, number: str, value: int, items: list[dict[str, Any]], *, at: datetime, parcel: shipping.Parcel
) -> invoicing.Draft:
    return invoicing.Draft(
        kind=kind, number=number, value=value, issued_at=at, document={"items": items}, parcel=parcel
    )  # fmt: skip
