"""Bring an order to where its shop says that it stands.

A report holds the whole order, so whatever came first or never came is caught up with: the order is placed when it is
missing, and goes forward only. What it was brought to before stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from orders import alerts, cancelling, customers, events, flow, invoicing, payment, placing
from orders.models import Invoice, Order, ShopConnection, ShopKind, ShopOutcome, Status
from orders.shops import editing, settling
from orders.shops.reports import Deletion, Fulfilment, OrderReport, PartReport, Refund, Report, Undone

SLACK = timedelta(minutes=10)  # clocks differ


class TooEarly(Exception):
    """It is about an order of which nothing is known yet, or about a parcel of it with items that it does not hold."""

    def __init__(self, order: Order | None = None, parcel: str = "") -> None:
        self.order, self.parcel = order, parcel
        super().__init__()


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
    order, is_of_before = placed.order, _is_of_before(shop, report, placed)
    told = 0 if placed.is_new else events.newest(order)
    applied = _bring_along(shop, report, placed, now=now)
    if report.is_paid_later or shop.removed_at is not None or is_of_before:
        payment.remind_no_more(Order.objects.filter(pk=order.pk), now=now)
    _keep_untold(shop, order, told=told, is_of_before=is_of_before, now=now)
    return applied


def _keep_untold(shop: ShopConnection, order: Order, *, told: int, is_of_before: bool, now: datetime) -> None:
    """Tell nobody what an order went through while its shop was not connected: its customer knows it from others."""
    if is_of_before or order.placed_at < shop.created_at - SLACK:
        events.keep_untold(order, after=told, before=shop.created_at, is_all=is_of_before, now=now)


def _is_of_before(shop: ShopConnection, report: OrderReport, placed: placing.Placed) -> bool:
    """Whether the order was made, or something of it was sent, while its shop was not connected."""
    if placed.is_new:
        return report.ordered_at is not None and report.ordered_at < shop.created_at - SLACK
    return _has_left_before(shop, report.fulfilments, placed.order)


def _has_left_before(shop: ShopConnection, parcels: Sequence[Fulfilment], order: Order) -> bool:
    """Whether one of these parcels of a known order, not known here, was sent while its shop was away."""
    since = shop.created_at - SLACK
    sent = {parcel.number for parcel in parcels if parcel.worth != 0 and parcel.at and parcel.at < since}
    if not sent or order.placed_at >= since or order.status == Status.INVOICED:
        return False
    known = Invoice.objects.filter(order=order).values_list("number", "shop_parcel")
    return not sent <= {number for numbers in known for number in numbers}


def _bring_along(shop: ShopConnection, report: OrderReport, placed: placing.Placed, *, now: datetime) -> Applied:
    order = placed.order
    before, is_late = order.changed_at, editing.is_late(order, report)
    if is_late:  # a newer one would say that it is cancelled
        report = replace(report, canceled=None)
    try:
        is_followed = editing.take_over(order, report, is_new=placed.is_new, actor=shop.name, now=now)
        is_followed &= _catch_up(order, report, actor=shop.name, now=now)
        if shop.kind == ShopKind.WOOCOMMERCE and not is_late:  # where refunds can be deleted
            is_followed &= settling.miss(order, report.refunds, now=now)
        if order.status in settling.ENDED and report.is_paid and report.canceled is None:
            raise flow.IllegalTransition(Status(order.status), Status.PAYMENT_APPROVED)
    except _REFUSED:
        if is_late:
            return Applied(ShopOutcome.NOTHING, order)
        settling.differ_in_way(order, now=now)
        return Applied(ShopOutcome.IMPOSSIBLE, order)
    if placed.is_new or order.changed_at != before:
        return Applied(ShopOutcome.TAKEN, order)
    return Applied(ShopOutcome.NOTHING if is_followed else ShopOutcome.IMPOSSIBLE, order)


# What is no fault of ours or the shop's: the order went another way here than there.
_REFUSED = (
    flow.IllegalTransition, invoicing.TooMuch, invoicing.AlreadyInvoiced, invoicing.NothingInvoiced, cancelling.TooLate,
)  # fmt: skip


def give_up(missed: TooEarly, *, now: datetime) -> Applied:
    """What becomes of a part that waited in vain; an alert tells of it when its order is known."""
    if missed.order is None:
        return Applied(ShopOutcome.NO_ORDER)
    settling.differ(missed.order, f"parcel-{missed.parcel}"[:200], now=now)
    return Applied(ShopOutcome.IMPOSSIBLE, missed.order)


def marketplace_number(shop: ShopConnection, number: str) -> str:
    """The order's number among all of the store's; two shops may count alike."""
    return f"{numbers_of(shop)}{number}"[:128]


def numbers_of(shop: ShopConnection) -> str:
    """How the numbers of the shop's orders begin."""
    return f"{shop.kind}-{shop.pk}-"


def _draft(shop: ShopConnection, report: OrderReport) -> placing.Draft:
    buyer = report.buyer
    if buyer is None:
        raise ValueError("an order needs somebody who bought")
    first, _, last = buyer.name.partition(" ")
    document: dict[str, Any] = {
        "marketplaceOrderId": marketplace_number(shop, report.number),
        "marketplacePaymentValue": report.value,
        "items": list(report.items),
        "totals": editing.totals_of(report),
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
    if report.canceled is not None and not report.fulfilments and not settling.is_begun(order):
        _cancel(order, reason=report.canceled, actor=actor, now=now)
        return True
    if (report.is_paid or report.fulfilments) and order.authorized_at is None:
        payment.approve(order, payment_id=report.payment, actor=actor, now=now)
    followed = []
    for place, parcel in enumerate(report.fulfilments, 1):
        is_last = report.is_complete and place == len(report.fulfilments)
        followed.append(
            settling.fulfil(order, parcel, items=list(report.items), is_last=is_last, actor=actor, now=now)
        )  # fmt: skip
    followed += [settling.undo(order, parcel, now=now) for parcel in report.undone]
    if report.is_complete or report.canceled is not None:
        settling.close(order, report, actor=actor, now=now)
    followed += [settling.take_back(order, refund, actor=actor, now=now) for refund in report.refunds]
    if all(followed) and report.canceled is not None:
        return settling.has_taken_back_all(order, now=now)
    return all(followed)


def _cancel(order: Order, *, reason: str, actor: str, now: datetime) -> None:
    if order.status not in (Status.CANCEL, Status.CANCELED):
        cancelling.cancel(order, reason=reason, actor=actor, now=now)
    alerts.settle_about(settling.GOES_ON, order=order, now=now)


def _apply_part(shop: ShopConnection, report: PartReport, *, now: datetime) -> Applied:
    number = marketplace_number(shop, report.order_number)
    orders = Order.objects.select_related("store", "customer").filter(store=shop.store_id)
    order = orders.filter(marketplace_number=number).first()
    if order is None:
        raise TooEarly
    flow.hold(order)
    before, told = order.changed_at, events.newest(order)
    is_of_before = isinstance(report.part, Fulfilment) and _has_left_before(shop, [report.part], order)
    try:
        if isinstance(report.part, Refund):
            is_followed = settling.take_back(order, report.part, actor=shop.name, now=now)
        elif isinstance(report.part, Undone):
            is_followed = settling.undo(order, report.part, now=now)
        elif isinstance(report.part, Deletion):
            is_followed = _delete(order, report.part, actor=shop.name, now=now)
        else:
            is_followed = _fulfil_part(order, report.part, actor=shop.name, now=now)
    except _REFUSED:
        settling.differ_in_way(order, now=now)
        is_followed = False
    _keep_untold(shop, order, told=told, is_of_before=is_of_before, now=now)
    if not is_followed:
        return Applied(ShopOutcome.IMPOSSIBLE, order)
    return Applied(ShopOutcome.TAKEN if order.changed_at != before else ShopOutcome.NOTHING, order)


def _delete(order: Order, deletion: Deletion, *, actor: str, now: datetime) -> bool:
    """Cancel an order that its shop deleted; of one that was invoiced an alert tells, unless it is taken back."""
    if settling.is_begun(order):
        return settling.has_taken_back_all(order, now=now)
    _cancel(order, reason=deletion.reason, actor=actor, now=now)
    return True


def _fulfil_part(order: Order, parcel: Fulfilment, *, actor: str, now: datetime) -> bool:
    """A parcel told by itself names its items without their prices in the order's currency: those are the order's.

    Raises TooEarly where it holds something that the order does not: the shop edited that, and tells it by itself.
    """
    document = order.document.json()
    prices = {item["id"]: item.get("price", 0) for item in document["items"]}
    if settling.invoice_of(order, parcel.number) is None:
        if not parcel.items or any(item["id"] not in prices for item in parcel.items):
            raise TooEarly(order, parcel.number)
        if order.authorized_at is None:
            payment_id = document["paymentData"]["paymentSystemName"]
            payment.approve(order, payment_id=payment_id, actor=actor, now=now)
    items = tuple({**item, "price": prices.get(item["id"], 0)} for item in parcel.items)
    known = replace(parcel, items=items, worth=settling.worth(items))
    return settling.fulfil(order, known, items=document["items"], is_last=False, actor=actor, now=now)
