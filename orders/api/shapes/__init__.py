"""What the API answers, field by field, each of its type and empty where we have no value."""

from orders.api.shapes.base import moment, written
from orders.api.shapes.changes import Change, Changes, Receipt
from orders.api.shapes.conversation import Mapping, Message
from orders.api.shapes.lists import ListedOrder, OrderList
from orders.api.shapes.order import Order, PlacedOrder

__all__ = [
    "Change",
    "Changes",
    "ListedOrder",
    "Mapping",
    "Message",
    "Order",
    "OrderList",
    "PlacedOrder",
    "Receipt",
    "moment",
    "written",
]
