"""Tell from a mail's header what it is: a report, an automatic answer, one of a list, one of ours that came back. Pure.

Sources: RFC 3834 (automatic answers), RFC 3462 and RFC 8098 (reports), RFC 2369 and RFC 2919 (lists).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from conversation_tracker.mailflow.shapes import Envelope, Mail, Mailbox, Trait

HOP_HEADER = "X-Conversation-Tracker-Hop"
MOST_RECEIVED = 50

# How the subjects of automatic answers begin, as mail programs write them in each language.
_AUTO_REPLY_SUBJECT = re.compile(
    r"\s*(?:(?:out of (?:the )?office|auto(?:matic)?[- ]?(?:reply|response)|autoreply|resposta autom[aá]tica"
    r"|respuesta autom[aá]tica|fora do escrit[oó]rio|fuera de (?:la )?oficina|automatische antwort|abwesenheitsnotiz"
    r"|r[eé]ponse automatique|absence du bureau|risposta automatica|automatisch antwoord|odpowied[zź] automatyczna"
    r"|autosvar|automatisk svar)\b|自動応答|自動返信|自动答复|自动回复|自動回覆|자동 회신|자동 응답)",
    re.IGNORECASE,
)
_REPORT_SENDER = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|microsoftexchange[0-9a-f]{32})@", re.IGNORECASE)
_REPORT_SUBJECT = re.compile(
    r"\s*(?:undeliver|mail delivery|delivery (?:status|failure|has)|failure notice|returned mail|could not send message"
    r"|unzustellbar|non remis|no se puede entregar|n[aã]o entregue)",
    re.IGNORECASE,
)
_REPORT_TYPES = {
    "message/delivery-status", "message/global-delivery-status",
    "message/disposition-notification", "message/global-disposition-notification", "message/feedback-report",
}  # fmt: skip
_BULK_PRECEDENCE = {"bulk", "junk", "list"}
_CAMPAIGN = ("x-mailchimp", "x-mc-user", "x-mailer-campaign")
# Brevo, SparkPost, Mailjet and Mailgun put these on each mail, parcel notices and receipts too.
_OF_EVERY_MAIL = frozenset({"list-unsubscribe", "list-unsubscribe-post", "list-help"})
# Whatever else a Feedback-ID says, or whose campaign header it is: services put one on each mail, parcel notices and
# receipts too, and mailboxes of persons have one at many hosts. A newsletter has List-Unsubscribe, or no big mailbox
# service takes it.
_CAMPAIGN_FEEDBACK = re.compile(r"(?:\A|:)\s*(?:mc|campaigns?|newsletters?|marketing)\s*(?:\Z|:)", re.IGNORECASE)

Headers = dict[str, list[str]]  # each header's raw values by lower-case name


def of(
    found: Headers, mail: Mail, *, sender: Mailbox | None, envelope: Envelope, is_own_hop: Callable[[str], bool]
) -> frozenset[Trait]:
    """What the header says of the mail's nature; ``is_own_hop`` knows the mark of a mail that we sent."""
    traits = set()
    null_sender = envelope.has_sender and envelope.sender.strip() in {"", "<>"}
    if _is_report(found, mail, sender, envelope, null_sender=null_sender):
        traits.add(Trait.REPORT)
    elif null_sender or _is_auto_reply(found, mail.subject):
        traits.add(Trait.AUTO_REPLY)
    elif first(found, "auto-submitted").strip().lower().startswith("auto-"):
        traits.add(Trait.AUTO_GENERATED)
    if first(found, "x-auto-response-suppress").strip().lower() not in {"", "none"}:
        traits.add(Trait.NO_AUTO_REPLY)
    if _is_of_list(found):
        traits.add(Trait.BULK)
    elif first(found, "precedence").strip().lower() in _BULK_PRECEDENCE or not _OF_EVERY_MAIL.isdisjoint(found):
        traits |= {Trait.BULK, Trait.ONLY_SAID_BULK}
    if any(is_own_hop(value.strip()) for value in found.get(HOP_HEADER.lower(), [])[:10]):
        traits.add(Trait.OWN_HOP)
    if len(found.get("received", [])) > MOST_RECEIVED:
        traits.add(Trait.TOO_MANY_HOPS)
    return frozenset(traits)


def first(found: Headers, name: str) -> str:
    """The field's first value; empty where there is none."""
    return found.get(name, [""])[0]


def _is_report(found: Headers, mail: Mail, sender: Mailbox | None, envelope: Envelope, *, null_sender: bool) -> bool:
    """Delivery and disposition reports (RFC 3462, RFC 8098), and what a mail system writes in its own name.

    Some providers do not tell the type of the whole. A report is known by its part then, and by the null sender that
    both RFCs demand: a person who passes one on has that part in his mail too. Some do not tell the envelope's sender
    either, and some mail systems put their own name there: then that name says enough, and that of a postmaster, who
    may be a person, with such a subject.
    """
    kind = first(found, "content-type").lower()
    if kind.lstrip().startswith("multipart/report"):
        return True
    if null_sender and any(file.content_type in _REPORT_TYPES for file in mail.files):
        return True
    if sender is None or _REPORT_SENDER.match(sender.address) is None:
        return False
    is_telling = not sender.address.lower().startswith("postmaster@") or _REPORT_SUBJECT.match(mail.subject) is not None
    is_program = not envelope.sender or _REPORT_SENDER.match(envelope.sender.strip(" <>")) is not None
    return null_sender or "x-failed-recipients" in found or (is_telling and is_program)


def _is_auto_reply(found: Headers, subject: str) -> bool:
    """RFC 3834 auto-replied; auto-generated is not one, since carriers mark wanted parcel notices so."""
    return (
        first(found, "auto-submitted").strip().lower().startswith("auto-replied")
        or first(found, "precedence").strip().lower() in {"auto_reply", "junk"}
        or any(name in found for name in ("x-autoreply", "x-autorespond", "x-autoresponder"))
        or _AUTO_REPLY_SUBJECT.match(subject) is not None
    )


def _is_of_list(found: Headers) -> bool:
    """Mailing lists and campaigns."""
    if any(name.startswith(_CAMPAIGN) or (name.startswith("list-") and name not in _OF_EVERY_MAIL) for name in found):
        return True
    is_mailchimps = any(value.strip().lower().startswith("mailchimp") for value in found.get("x-campaign", []))
    return is_mailchimps or any(_CAMPAIGN_FEEDBACK.search(value[:1_000]) for value in found.get("feedback-id", []))
