"""The nouns, one a file."""

from orders.models.access import ApiKey, Membership, Role, User
from orders.models.alert import Alert, AlertKind
from orders.models.alias import Alias, FallbackReason, PartyKind
from orders.models.audit import Action, AuditEntry
from orders.models.customer import Customer
from orders.models.event import EventKind, OrderEvent
from orders.models.feed import DeliveryState, Feed, FeedItem, Hook, HookDelivery
from orders.models.invoice import Invoice, InvoiceKind, TrackingEvent
from orders.models.order import Order, Status
from orders.models.repeat import AnsweredCall
from orders.models.shop import (
    ShopConnection,
    ShopDelivery,
    ShopDeliveryState,
    ShopKind,
    ShopOutcome,
    ShopTrouble,
)
from orders.models.store import MaskType, Store
from orders.models.suppression import Suppression, SuppressionReason
from orders.models.timeline import AliasEvent, Attachment, Copy, Kind, TimelineEntry, Verification

__all__ = [
    "Action",
    "Alert",
    "AlertKind",
    "Alias",
    "AliasEvent",
    "AnsweredCall",
    "ApiKey",
    "Attachment",
    "AuditEntry",
    "Copy",
    "Customer",
    "DeliveryState",
    "EventKind",
    "FallbackReason",
    "Feed",
    "FeedItem",
    "Hook",
    "HookDelivery",
    "Invoice",
    "InvoiceKind",
    "Kind",
    "MaskType",
    "Membership",
    "Order",
    "OrderEvent",
    "PartyKind",
    "Role",
    "ShopConnection",
    "ShopDelivery",
    "ShopDeliveryState",
    "ShopKind",
    "ShopOutcome",
    "ShopTrouble",
    "Status",
    "Store",
    "Suppression",
    "SuppressionReason",
    "TimelineEntry",
    "TrackingEvent",
    "User",
    "Verification",
]
