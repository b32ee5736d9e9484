"""Take over what was edited of an order in its shop: items and totals.

A report tells how the shop has the order now. It counts where that is other than the shop had it before, so that what
was changed here stays; and where it is not older than the newest one, so that a report that comes late undoes nothing.
"""

from __future__ import annotations

import json
from datetime import datetime

from orders import changing, flow, secrecy
from orders.models import Order
from orders.shops.reports import OrderReport

REASON = "Changed in the shop."


def take_over(order: Order, report: OrderReport, *, is_new: bool, actor: str, now: datetime) -> bool:
    """Change the order as its shop did, in the caller's transaction; False when it stands where it cannot follow."""
    flow.hold(order)
    known = Order.objects.values("shop_changed_at", "shop_state").get(pk=order.pk)
    at = report.changed_at
    if at is not None and known["shop_changed_at"] is not None and at < known["shop_changed_at"]:
        return True
    state = _state(report)
    before = bytes(known["shop_state"]) if known["shop_state"] is not None else None
    if (at, state) != (known["shop_changed_at"], before):
        Order.objects.filter(pk=order.pk).update(shop_changed_at=at or known["shop_changed_at"], shop_state=state)
    if is_new or state == before or report.canceled is not None or not report.items:
        return True
    try:
        changing.restate(
            order, items=list(report.items), value=report.value, reason=REASON, actor=actor, now=now
        )  # fmt: skip
    except (changing.TooLate, changing.NotSo):
        return report.value == order.value  # goods that were sent back are fewer, too, and are told as a return
    return True


def _state(report: OrderReport) -> bytes:
    items = sorted((item["id"], item["price"], item["quantity"]) for item in report.items)
    return secrecy.digest(json.dumps([report.value, items]), purpose="shop-state")
