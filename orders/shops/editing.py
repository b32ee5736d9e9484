"""Take over what was edited of an order in its shop: items, totals and where it goes. An alert tells of what cannot be.

A report tells how the shop has the order now. It counts where that is other than the shop had it before, so that what
was changed here stays; and where it is not older than the newest one, so that a report that comes late undoes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop

from orders import alerts, changing, customers, flow, secrecy, timeline, totals
from orders.models import AlertKind, Kind, Order
from orders.secrecy import Secret
from orders.shops import settling
from orders.shops.reports import OrderReport

REASON = "Changed in the shop."
OTHER_PLACE = "Its delivery address was changed in the shop."
ADDRESS = "order.address"  # on a timeline entry: another address for the delivery
OTHER_ADDRESS = gettext_noop("The shop has another e-mail address of the customer.")
UNSURE_VALUE = gettext_noop(
    "After a refund in another currency the shop does not say what the order is worth, so no edit of it is taken over."
)
ENDED = gettext_noop("The shop edited the order after it had ended here.")
NOT_SO = gettext_noop("The shop edited the order to less than was invoiced here, or to more than an order can be.")


def take_over(order: Order, report: OrderReport, *, is_new: bool, actor: str, now: datetime) -> bool:
    """Change the order as its shop did, in the caller's transaction; False when something of it cannot be followed."""
    flow.hold(order)
    known = Order.objects.values("shop_changed_at", "shop_state", "shop_buyer").get(pk=order.pk)
    at = report.changed_at
    if _is_before(at, known["shop_changed_at"]):
        return True
    is_same_buyer = _is_same_buyer(order, report, known["shop_buyer"], now=now)
    state = _state(report)
    before = bytes(known["shop_state"]) if known["shop_state"] is not None else None
    if (at, state) != (known["shop_changed_at"], before):
        Order.objects.filter(pk=order.pk).update(shop_changed_at=at or known["shop_changed_at"], shop_state=state)
    if report.canceled is not None:
        return is_same_buyer
    if not is_new:
        _take_address(order, report, actor=actor, now=now)
    if state == before:
        return is_same_buyer
    if not report.is_value_sure:
        alerts.raise_about(AlertKind.SHOP, UNSURE_VALUE, order=order, now=now)
        return False
    return (is_new or _edit(order, report, actor=actor, now=now)) and is_same_buyer


def is_late(order: Order, report: OrderReport) -> bool:
    """Whether the shop told something newer of the order before."""
    known = Order.objects.values_list("shop_changed_at", flat=True).get(pk=order.pk)
    return _is_before(report.changed_at, known)


def _is_before(at: datetime | None, known: datetime | None) -> bool:
    return at is not None and known is not None and at < known


def _edit(order: Order, report: OrderReport, *, actor: str, now: datetime) -> bool:
    if not report.items or _is_return(order, report):
        return True
    if _is_renamed(order, report):
        if not settling.is_begun(order):
            _write(order, {**order.document.json(), "items": list(report.items)}, now=now)
        return True
    try:
        changing.restate(
            order, items=list(report.items), value=report.value, reason=REASON, actor=actor, now=now
        )  # fmt: skip
    except (changing.TooLate, changing.NotSo) as error:
        if report.value == order.value:
            return True
        about = ENDED if isinstance(error, changing.TooLate) else NOT_SO
        alerts.raise_about(AlertKind.SHOP, about, order=order, now=now)
        return False
    if not report.refunds:  # after one, the shop's taxes are those of what is left
        _write(order, {**order.document.json(), "totals": totals_of(report)}, now=now)
    return True


def _is_return(order: Order, report: OrderReport) -> bool:
    """Whether goods are fewer for what was given back of them: after an invoice that is told as a return."""
    known = {item["id"] for item in order.document.json().get("items") or []}
    is_fewer = report.item_count < order.item_count and all(item["id"] in known for item in report.items)
    return is_fewer and bool(report.refunds) and report.value == order.value and settling.is_begun(order)


def _is_renamed(order: Order, report: OrderReport) -> bool:
    """Whether the goods are what they were, called otherwise: WooCommerce tells the SKU that a product has now."""
    known = order.document.json().get("items") or []
    return report.value == order.value and _goods(known) == _goods(report.items)


def _goods(items: Iterable[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return sorted((str(item.get("name")), item.get("price", 0), item["quantity"]) for item in items)


def _take_address(order: Order, report: OrderReport, *, actor: str, now: datetime) -> None:
    """The order goes where the shop says now; its mails are not about that, so it is on the timeline alone."""
    document = order.document.json()
    known = (document.get("shippingData") or {}).get("address")
    if report.shipping == known or not any(report.shipping.values()):
        return
    document["shippingData"] = {**(document.get("shippingData") or {}), "address": report.shipping}
    _write(order, document, now=now)
    timeline.happened(order, Kind.CHANGE, data={"event": ADDRESS}, text=OTHER_PLACE, actor=actor, now=now)


def totals_of(report: OrderReport) -> list[dict[str, Any]]:
    """What the shop's total is made of."""
    goods = sum(item["price"] * item["quantity"] for item in report.items)
    return totals.made_of(
        report.value, goods=goods, pieces=report.item_count, shipping=report.shipping_cost, tax=report.tax
    )  # fmt: skip


def _write(order: Order, document: dict[str, Any], *, now: datetime) -> None:
    if document == order.document.json():
        return
    order.document, order.changed_at = Secret.of_json(document), now
    order.save(update_fields=["document", "changed_at"])


def _state(report: OrderReport) -> bytes:
    items = sorted((item["id"], item["price"], item["quantity"]) for item in report.items)
    figure = report.value if report.figure is None else report.figure
    return secrecy.digest(json.dumps([figure, items]), purpose="shop-state")


def _is_same_buyer(order: Order, report: OrderReport, known: bytes | memoryview | None, *, now: datetime) -> bool:
    """False when the shop names another address than it did before: an alias would have to stand for somebody else,
    which is for staff to judge.
    """
    if report.buyer is None:
        return True
    ours, said = bytes(order.customer.address_digest), customers.real_digest(report.buyer.address)
    if said == (ours if known is None else bytes(known)):
        return True
    Order.objects.filter(pk=order.pk).update(shop_buyer=said)
    if said == ours:
        alerts.settle_about(OTHER_ADDRESS, order=order, now=now)
        return True
    alerts.raise_about(AlertKind.SHOP, OTHER_ADDRESS, order=order, now=now)
    return False
