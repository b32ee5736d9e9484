"""Tell what a provider's report says of an address: that it takes no mail any more, or nothing that lasts.

anymail calls soft and hard bounces alike, and rejected is also what a provider says of a mail that it does not like.
So the provider's own word is looked at where anymail's does not tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason

from conversation_tracker.providers import base
from orders.models import SuppressionReason

_ENDED = (None, RejectReason.BOUNCED, RejectReason.INVALID)
_REJECTED = {
    None: SuppressionReason.REFUSED,
    RejectReason.BLOCKED: SuppressionReason.REFUSED,
    RejectReason.UNSUBSCRIBED: SuppressionReason.REFUSED,
    RejectReason.BOUNCED: SuppressionReason.BOUNCED,
    RejectReason.INVALID: SuppressionReason.BOUNCED,
    RejectReason.SPAM: SuppressionReason.COMPLAINED,
    # Mandrill, whose other words are about our domain, our account or the mail, or pass.
    "hard-bounce": SuppressionReason.REFUSED,
    "unsub": SuppressionReason.REFUSED,
    "custom": SuppressionReason.REFUSED,
}

# What passes, and what is said of the mail, its sender or the connection rather than of the recipient's address.
_PASSING = frozenset({
    "bounce.bounceType=Transient", "bounce.bounceType=Undetermined", "eventType=Reject",  # Amazon SES
    "Type=SoftBounce", "Type=Blocked", "Type=DMARCPolicy", "Type=Unconfirmed",  # Postmark
    "event=soft_bounce",  # Brevo, Mandrill
    "data.type=soft_bounced",  # MailerSend
    "data.bounce.type=Transient", "data.bounce.type=Temporary", "data.bounce.type=Undetermined",  # Resend
    "hard_bounce=False", "error=quota exceeded", "error=sender blocked", "error=content blocked",  # Mailjet
    "error=policy issue", "error=duplicate in campaign", "error=system issue", "error=protocol issue",
    "error=connection issue", "error=connection timeout", "error=greylisted",
    *(  # Mailtrap
        f"bounce_category={name}"
        for name in ("transientfail", "greylisting", "badsender", "block", "content", "dnsFail", "spam")
    ),
    *(  # SparkPost
        f"msys.message_event.bounce_class={number}"
        for number in (1, 20, 21, 22, 23, 24, 25, 40, 50, 51, 52, 53, 54, 70)
    ),
    "msys.message_event.type=policy_rejection", "msys.gen_event.type=generation_rejection",
})  # fmt: skip
_OF_THE_WAY = frozenset({"Type=Transient", "Type=DnsError"})
_PLACES = (
    ("bounce", "bounceType"), ("eventType",), ("Type",), ("event",), ("data", "type"), ("data", "bounce", "type"),
    ("hard_bounce",), ("error",), ("bounce_category",), ("msys", "message_event", "bounce_class"),
    ("msys", "message_event", "type"), ("msys", "gen_event", "type"),
)  # fmt: skip
_VAGUE, _QUOTED = ("Transient", "General"), {"action", "status", "diagnosticCode"}
# How Mailtrap begins the reason of a rejection that is about the address; others are about our domain or account.
_ON_MAILTRAPS_LIST = "Recipient in suppression list"


def verdict(event: AnymailTrackingEvent) -> SuppressionReason | None:
    """Why nothing should be sent to this address any more; None when the report is no reason for that."""
    if event.event_type == EventType.COMPLAINED:
        return SuppressionReason.COMPLAINED
    if not _PASSING.isdisjoint(_words(event.esp_event)):
        return None
    if event.event_type == EventType.BOUNCED:
        return SuppressionReason.BOUNCED if event.reject_reason in _ENDED else None
    if event.event_type == EventType.REJECTED and not _is_about_us(event.esp_event):
        return _REJECTED.get(event.reject_reason)
    return None


def may_be_absence(event: AnymailTrackingEvent) -> bool:
    """Whether it is a bounce of no special kind, in which no server is quoted: so Amazon SES, and Resend that sends by
    it, call what a vacation program answers to a mail that has arrived (AWS, "Why did I receive a soft bounce").
    """
    ses, resend = base.dig(event.esp_event, "bounce"), base.dig(event.esp_event, "data", "bounce")
    if isinstance(ses, Mapping):
        recipients = ses.get("bouncedRecipients")
        said = [one for one in recipients if isinstance(one, Mapping)] if isinstance(recipients, list) else []
        kind = ses.get("bounceType"), ses.get("bounceSubType")
        return kind == _VAGUE and not any(one.keys() & _QUOTED for one in said)
    if isinstance(resend, Mapping):
        return (resend.get("type"), resend.get("subType")) == _VAGUE and not resend.get("diagnosticCode")
    return False


def is_of_the_way(event: AnymailTrackingEvent) -> bool:
    """Whether it is about the way to the recipient's server, which ended where the mail was delivered (Postmark)."""
    return not _OF_THE_WAY.isdisjoint(_words(event.esp_event))


def _is_about_us(said: object) -> bool:
    why = said.get("reason") if isinstance(said, Mapping) and said.get("event") == "reject" else None
    return isinstance(why, str) and not why.startswith(_ON_MAILTRAPS_LIST)


def _words(said: object) -> Iterator[str]:
    """The provider's own words in its report, each as ``place=word``; a report may have any shape."""
    for place in _PLACES:
        found = base.dig(said, *place)
        if isinstance(found, str | int):
            yield f"{'.'.join(place)}={found}"
