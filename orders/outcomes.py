"""What may become of a mail, and the closed list of reasons. Pure; models.timeline has the words."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of a mail."""

    RELAYED = "relayed"
    RECORDED = "recorded"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why. UNKNOWN_ALIAS never reaches a timeline; it is kept in the inbox."""

    CONVERSATION = "conversation"
    UNKNOWN_ALIAS = "unknown_alias"
    EXPIRED = "expired"
    RETIRED = "retired"
    LOOP = "loop"
    BULK = "bulk"
    SPAM = "spam"
    AUTO_REPLY = "auto_reply"
    BOUNCE = "bounce"
    TO_SELF = "to_self"
    NO_SENDER = "no_sender"
    CROWDED = "crowded"
    UNREAD = "unread"
    ORDER_MAIL = "order_mail"  # the store's own, at a step of the order
    WRITTEN = "written"  # by staff or a system of the store
