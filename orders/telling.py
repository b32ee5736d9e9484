"""Say an event in the shapes that feeds and hooks carry; no real address is in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orders import masking, secrecy
from orders.models import Alias, EventKind, OrderEvent, TimelineEntry
from orders.models.feed import Wish

DOMAIN = "Fulfillment"
MESSAGES = (EventKind.MESSAGE_RECEIVED, EventKind.MESSAGE_SENT, EventKind.MESSAGE_BOUNCED)
# What one may ask to hear besides changes of status.
OTHERS = tuple(kind for kind in EventKind if kind is not EventKind.STATUS)


@dataclass(frozen=True, slots=True)
class Choice:
    """What a key wants to hear of, checked; the columns of a ``Wish``."""

    statuses: Sequence[str] = ()
    kinds: Sequence[str] = ()
    expression: str = ""
    fires_once: bool = False

    def columns(self) -> dict[str, Any]:
        """As they are written."""
        return {
            "statuses": list(self.statuses), "kinds": list(self.kinds), "expression": self.expression,
            "fires_once": self.fires_once,
        }  # fmt: skip

    def __str__(self) -> str:
        return ", ".join((*(self.statuses or ["any status"]), *self.kinds))


def choice_of(wish: Wish) -> Choice:
    """What a feed or hook hears of."""
    return Choice(wish.statuses, wish.kinds, wish.expression, wish.fires_once)


def chosen(statuses: Sequence[str], kinds: Sequence[str], *, before: Wish | None = None) -> Choice:
    """What somebody chose by name. The expression of before stays while it means the same statuses."""
    if before is not None and list(statuses) == list(before.statuses):
        return Choice(statuses, kinds, before.expression, before.fires_once)
    return Choice(statuses, kinds)


@dataclass(frozen=True, slots=True)
class Telling:
    """An event made ready. ``data`` is what only its kind has; a change of status has none."""

    id: str  # the same in every feed and hook
    store_id: int
    account: str
    kind: str
    order_number: str
    state: str
    last_state: str
    last_change: str
    current_change: str
    data: dict[str, Any]

    def item(self) -> dict[str, Any]:
        """The item of a feed, but for its handle."""
        found = {
            "eventId": self.id,
            "domain": DOMAIN,
            "state": self.state,
            "lastState": self.last_state,
            "orderId": self.order_number,
            "lastChange": self.last_change,
            "currentChange": self.current_change,
        }
        return found if self.kind == EventKind.STATUS else {**found, "type": self.kind, "data": self.data}

    def notice(self, app_key: str) -> dict[str, Any]:
        """What a hook is posted: a change of status as integrations know it, all else as Standard Webhooks advise."""
        origin = {"Account": self.account, "Key": app_key}
        if self.kind == EventKind.STATUS:
            return {
                "Domain": DOMAIN,
                "OrderId": self.order_number,
                "State": self.state,
                "LastState": self.last_state,
                "LastChange": self.last_change,
                "CurrentChange": self.current_change,
                "Origin": origin,
            }
        data = {"orderId": self.order_number, "state": self.state, "account": self.account, **self.data}
        return {"type": self.kind, "timestamp": self.current_change, "data": data}


def wants(wish: Wish, telling: Telling) -> bool:
    """Whether a feed or hook is to hear of it."""
    if wish.store_id != telling.store_id:  # type: ignore[attr-defined]  # every table of wishes has a store
        return False
    if telling.kind == EventKind.STATUS:
        if wish.fires_once and telling.last_state in wish.statuses:
            return False
        return not wish.statuses or telling.state in wish.statuses
    return telling.kind in wish.kinds


def tell(events: Sequence[OrderEvent]) -> list[Telling]:
    """Make events ready; they come with their order and store. Two queries when mails are among them."""
    mails = _mails([event.entry_id for event in events if event.kind in MESSAGES and event.entry_id])
    return [_telling(event, mails) for event in events]


def _telling(event: OrderEvent, mails: dict[int, dict[str, Any]]) -> Telling:
    is_status = event.kind == EventKind.STATUS
    data = mails.get(event.entry_id or 0) if event.kind in MESSAGES else event.details.json()
    return Telling(
        id=secrecy.digest(str(event.pk), purpose="event-id")[:16].hex().upper(),
        store_id=event.store_id,
        account=event.order.store.account,
        kind=event.kind,
        order_number=event.order.number,
        state=event.new_status,
        last_state=event.old_status if is_status else event.new_status,
        last_change=(event.previous_at or event.occurred_at).isoformat(),
        current_change=event.occurred_at.isoformat(),
        data={} if is_status else data or {},
    )


def _mails(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    if not ids:
        return {}
    shown = ("order", "subject", "first_words", "outcome", "reason", "occurred_at", "sender_alias", "recipient_alias")
    entries = TimelineEntry.objects.select_related("sender_alias", "recipient_alias").only(
        *shown, "sender_alias__address", "sender_alias__party", "recipient_alias__address", "recipient_alias__party"
    )
    found: dict[int, list[TimelineEntry]] = {}
    for entry in entries.filter(pk__in=ids):
        found.setdefault(entry.order_id, []).append(entry)
    for order_id, parties in masking.of_orders(found).items():
        masking.entries(found[order_id], parties)
    return {entry.pk: _mail(entry) for of_order in found.values() for entry in of_order}


def _mail(entry: TimelineEntry) -> dict[str, Any]:
    return {
        "messageId": entry.pk,
        "from": _party(entry.sender_alias),
        "to": _party(entry.recipient_alias),
        "subject": entry.subject,
        "firstWords": entry.first_words,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "date": entry.occurred_at.isoformat(),
    }


def _party(alias: Alias | None) -> dict[str, str] | None:
    return {"alias": alias.address.text(), "party": alias.party} if alias else None
