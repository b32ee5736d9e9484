"""What passes between the steps: frozen, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from orders.outcomes import Reason

MIME_TYPE = "message/rfc822"  # of an original that is the mail itself, not a provider's document about it


class Verdict(StrEnum):
    """What the provider says of the sender: aligned authentication passed, failed, or not judged."""

    PASS = "pass"  # noqa: S105  a verdict, no password
    FAIL = "fail"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who handed the mail in for whom. ``has_sender`` False: the provider does not tell; True and empty: ``<>``."""

    sender: str
    has_sender: bool
    recipients: tuple[str, ...]
    verdict: Verdict
    is_spam: bool
    is_header: bool = False  # the recipients are those of To and Cc, since the envelope's are not told
    from_fallback: str = ""  # the provider's own reading of From, for a payload without that header


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name and a bare address."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class File:
    """A part of a mail that is not its text. ``nested`` is set for an attached mail instead of ``content``."""

    name: str
    content_type: str
    content: bytes
    content_id: str = ""
    charset: str = ""  # as declared, for text
    nested: Mail | None = None


class Trait(StrEnum):
    """What a mail's header says of its nature."""

    BULK = "bulk"
    ONLY_SAID_BULK = "only_said_bulk"  # by what desks and services put on each mail; it has nothing else of a list
    AUTO_REPLY = "auto_reply"
    AUTO_GENERATED = "auto_generated"  # by a program, but no answer: a parcel notice, a ticket's receipt
    NO_AUTO_REPLY = "no_auto_reply"  # asks for no automatic answer
    REPORT = "report"
    OWN_HOP = "own_hop"  # carries the signed mark of a mail we sent
    TOO_MANY_HOPS = "too_many_hops"
    UNREAD = "unread"  # nothing in it was looked at


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, read: everything decoded, cleaned for storage, nothing trusted."""

    sender: Mailbox | None
    subject: str
    message_id: str  # with angle brackets, or empty
    references: tuple[str, ...]  # oldest first, In-Reply-To last
    date: str
    text: str
    html: str
    files: tuple[File, ...] = ()
    traits: frozenset[Trait] = frozenset()
    is_text_made: bool = False  # of the HTML, here
    hop: str = ""  # the mark that we put on what we send; anybody may have written it


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a mail was not read, and what its bytes are told by."""

    is_over_limit: bool  # its shape is absurd; else it could not be read
    detail: str  # never a word of the mail
    digest: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """One mail as the door's replay gives it to the pipeline."""

    mail: Mail
    envelope: Envelope
    original: bytes
    original_type: str
    provider_id: str = ""  # of the mail, the same in each repeat: the provider's own, or a digest of the header
    unread: Unread | None = None  # then ``mail`` holds what the envelope tells, and no more


@dataclass(frozen=True, slots=True)
class Party:
    """A party of an order as the pure steps see it: its alias with the addresses opened."""

    alias_id: int
    order_id: int
    is_third: bool  # neither the customer nor the store
    alias: str
    real: str
    name: str
    expires_at: datetime
    retired_at: datetime | None
    is_store: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """An arrival at one of its recipients: the alias, everybody in its order, and the sender among them."""

    recipient: Party
    parties: tuple[Party, ...]
    sender: Party | None
    sender_is_alias: bool  # the From address is itself an alias: our own mail, come back
    third_parties: int = 0  # of the order so far
    auto_reply_relayed_at: datetime | None = None  # the last automatic reply passed on from one to the other
    relayed_lately: int = 0  # mails passed on from one to the other in the last hour; counted for automatic ones only
    answers_ours: bool = False  # names one of our Message-IDs
    is_wanted: bool = False  # the sender is somebody to whom a mail of the recipient was passed on
    alike_lately: int = 0  # mails with such a subject, each way in the last day; counted where there are many


@dataclass(frozen=True, slots=True)
class Relay:
    """Record it and pass it on."""

    reason: Reason = Reason.CONVERSATION


@dataclass(frozen=True, slots=True)
class RecordOnly:
    """Record it; there is nothing to pass on."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Refuse:
    """Record it, and do not pass it on although somebody wanted that."""

    reason: Reason


Decision = Relay | RecordOnly | Refuse


@dataclass(frozen=True, slots=True)
class MaskedFile:
    """A file as it is recorded and relayed."""

    name: str
    content_type: str
    content: bytes
    content_id: str
    is_searchable: bool
    is_dangerous: bool
    charset: str = ""  # as declared, for text


@dataclass(frozen=True, slots=True)
class Masked:
    """A mail in which every real address of the order's parties is replaced by its alias."""

    sender_name: str
    subject: str
    text: str
    html: str
    files: tuple[MaskedFile, ...]
    count: int  # addresses replaced


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of an outbound mail, by its name in the vault."""

    name: str
    content_type: str
    content_id: str
    stored_as: str
    charset: str = ""  # as declared, for text


@dataclass(frozen=True, slots=True)
class Content:
    """All that an outbound mail says, ready to be sealed; the recipient's address is kept beside it."""

    from_name: str
    from_address: str
    subject: str
    text: str
    html: str
    message_id: str
    date: str
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    files: tuple[StoredFile, ...] = ()
