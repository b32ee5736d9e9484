"""Bring an order to where its shop says that it stands.

A report holds the whole order, so whatever came first or never came is caught up with: the order is placed when it is
missing, and goes forward only. What it was brought to before stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orders import alerts, cancelling, customers, flow, invoicing, payment, placing, shipping
from orders.models import Alert, AlertKind, Invoice, InvoiceKind, Order, ShopConnection, ShopOutcome, Status
from orders.shops import editing
from orders.shops.reports import Fulfilment, OrderReport, PartReport, Refund, Report

_ENDED = (Status.PAYMENT_DENIED, Status.CANCEL, Status.CANCELED)


class TooEarly(Exception):
    """It is about an order or a parcel of which nothing is known yet."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a report, and the order it is about."""

    outcome: ShopOutcome
    order: Order | None = None


def apply(shop: ShopConnection, report: Report, *, now: datetime) -> Applied:
    """Bring the order along, in the caller's transaction. Raises TooEarly."""
    if isinstance(report, PartReport):
        return _apply_part(shop, report, now=now)
    if report.buyer is None:
        return Applied(ShopOutcome.NO_ADDRESS)
    placed = placing.place(shop.store, _draft(shop, report), now=now, actor=shop.name)
    order = placed.order
    before = order.changed_at
    try:
        is_followed = editing.take_over(order, report, is_new=placed.is_new, actor=shop.name, now=now)
        is_followed &= _catch_up(order, report, actor=shop.name, now=now)
    except _REFUSED:
        return Applied(ShopOutcome.IMPOSSIBLE, order)
    if placed.is_new or order.changed_at != before:
        return Applied(ShopOutcome.TAKEN, order)
    return Applied(ShopOutcome.NOTHING if is_followed else ShopOutcome.IMPOSSIBLE, order)


# What is no fault of ours or the shop's: the order went another way here than there.
_REFUSED = (
    flow.IllegalTransition, invoicing.TooMuch, invoicing.AlreadyInvoiced, invoicing.NothingInvoiced, cancelling.TooLate,
)  # fmt: skip


def marketplace_number(shop: ShopConnection, number: str) -> str:
    """The order's number among all of the store's; two shops may count alike."""
    return f"{shop.kind}-{shop.pk}-{number}"[:128]


def _draft(shop: ShopConnection, report: OrderReport) -> placing.Draft:
    buyer = report.buyer
    if buyer is None:
        raise ValueError("an order needs somebody who bought")
    first, _, last = buyer.name.partition(" ")
    document: dict[str, Any] = {
        "marketplaceOrderId": marketplace_number(shop, report.number),
        "marketplacePaymentValue": report.value,
        "items": list(report.items),
        "clientProfileData": {
            "email": buyer.address, "firstName": first, "lastName": last, "phone": buyer.phone or None,
        },
        "shippingData": {"address": report.shipping, "logisticsInfo": []},
        "paymentData": {"paymentSystemName": report.payment},
        **({"clientPreferencesData": {"locale": buyer.locale}} if buyer.locale else {}),
        "openTextField": {"value": f"{shop.get_kind_display()} {shop.name}, {report.name}"},
    }  # fmt: skip
    return placing.Draft(
        marketplace_number=marketplace_number(shop, report.number),
        person=customers.Person(address=buyer.address, name=buyer.name, phone=buyer.phone[:100], locale=buyer.locale),
        value=report.value,
        item_count=report.item_count,
        document=document,
        currency=report.currency,
        source=shop.kind,
    )


def _catch_up(order: Order, report: OrderReport, *, actor: str, now: datetime) -> bool:
    """Go forward to where the report has the order; False when something of it is not for us to take over."""
    flow.hold(order)
    is_invoiced = Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).exists()
    if report.canceled is not None and not is_invoiced and not report.fulfilments:
        if order.status not in (Status.CANCEL, Status.CANCELED):
            cancelling.cancel(order, reason=report.canceled, actor=actor, now=now)
        return True
    if (report.is_paid or report.fulfilments) and order.authorized_at is None:
        payment.approve(order, payment_id=report.payment, actor=actor, now=now)
    for place, parcel in enumerate(report.fulfilments, 1):
        is_last = report.is_complete and place == len(report.fulfilments)
        _fulfil(order, parcel, report, takes_the_rest=is_last, actor=actor, now=now)
    taken = [_take_back(order, refund, actor=actor, now=now) for refund in report.refunds]
    return all(taken)


def _fulfil(
    order: Order, parcel: Fulfilment, report: OrderReport, *, takes_the_rest: bool, actor: str, now: datetime
) -> None:
    """One invoice for each parcel, under its number: the shop makes none that we could know of."""
    known = Invoice.objects.filter(order=order, number=parcel.number).first()
    if known is None:
        left = order.value - invoicing.total(order, InvoiceKind.OUTPUT)
        share = order.value * (parcel.worth or 0) // report.worth if report.worth else 0
        value = left if takes_the_rest or parcel.worth is None else min(share, left)
        _make_ready(order, actor=actor, now=now)
        draft = invoicing.Draft(
            kind=InvoiceKind.OUTPUT,
            number=parcel.number,
            value=value,
            issued_at=parcel.at or now,
            document={"items": list(report.items) if report.is_complete and len(report.fulfilments) == 1 else []},
            parcel=_parcel(parcel),
        )
        known, _ = invoicing.invoice(order, draft, actor=actor, now=now)
    _follow(order, known, parcel, actor=actor, now=now)


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


def _follow(order: Order, invoice: Invoice, parcel: Fulfilment, *, actor: str, now: datetime) -> None:
    before, at = invoice.shop_changed_at, parcel.changed_at
    if at is None or before is None or at >= before:  # else an older word on it that comes late
        shipping.hand_over(order, invoice, _parcel(parcel), actor=actor, now=now)
        if at is not None and at != before:
            Invoice.objects.filter(pk=invoice.pk).update(shop_changed_at=at)
    sighting = parcel.sighting
    sightings = [shipping.Sighting(sighting.at, sighting.words)] if sighting else []
    if sightings or parcel.delivered_at:
        shipping.track(order, invoice, sightings, delivered_at=parcel.delivered_at, actor=actor, now=now)


def _take_back(order: Order, refund: Refund, *, actor: str, now: datetime) -> bool:
    """A refund is a return of that value. Before anything was invoiced there is nothing to take back.

    False for one in another currency than the order's: what it is worth in that is not known, so an alert tells.
    """
    if not refund.value or not Invoice.objects.filter(order=order, kind=InvoiceKind.OUTPUT).exists():
        return True
    if refund.currency != order.currency:
        about = f"refund-{refund.number} {refund.currency}".strip()[:200]
        if not Alert.objects.filter(order=order, about=about).exists():  # somebody may have dismissed it
            alerts.raise_about(AlertKind.SHOP, about, order=order, now=now)
        return False
    draft = invoicing.Draft(
        kind=InvoiceKind.INPUT,
        number=f"refund-{refund.number}",
        value=refund.value,
        issued_at=refund.at or now,
        document={"items": []},
        parcel=shipping.Parcel(),
    )
    invoicing.invoice(order, draft, actor=actor, now=now)
    return True


def _apply_part(shop: ShopConnection, report: PartReport, *, now: datetime) -> Applied:
    number = marketplace_number(shop, report.order_number)
    orders = Order.objects.select_related("store", "customer").filter(store=shop.store_id)
    order = orders.filter(marketplace_number=number).first()
    if order is None:
        raise TooEarly
    flow.hold(order)
    before = order.changed_at
    try:
        if isinstance(report.part, Refund):
            if not _take_back(order, report.part, actor=shop.name, now=now):
                return Applied(ShopOutcome.IMPOSSIBLE, order)
        else:
            invoice = Invoice.objects.filter(order=order, number=report.part.number).first()
            if invoice is None:
                raise TooEarly
            _follow(order, invoice, report.part, actor=shop.name, now=now)
    except _REFUSED:
        return Applied(ShopOutcome.IMPOSSIBLE, order)
    return Applied(ShopOutcome.TAKEN if order.changed_at != before else ShopOutcome.NOTHING, order)
