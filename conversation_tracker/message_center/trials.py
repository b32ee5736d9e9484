"""Send a template or a sender as a test: queued by the page, sent by a worker, visible until it is done."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, formataddr, make_msgid

from django.core.mail import EmailMultiAlternatives
from django.db import models, transaction
from django.utils.translation import gettext_noop

from conversation_tracker import send
from conversation_tracker.message_center import rendering
from conversation_tracker.models.template import TemplateKey
from conversation_tracker.models.trial_mail import TrialMail, TrialMailState
from orders import audit, faults
from orders.models import Action, Store, User
from orders.secrecy import Secret

MOST_AN_HOUR = 30  # of one store, so that nobody mails the world by it
STOPPED = gettext_noop("The worker was stopped while it sent this.")
ABANDONED = timedelta(minutes=10)  # after which a test is not being sent any more: its worker is gone

log = logging.getLogger(__name__)


class TooMany(ValueError):
    """The store has sent as many tests as it may in an hour."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent. ``reply_to`` is a real address of the store."""

    sender_name: str
    reply_to: str
    subject: str
    html: str
    text: str


def queue(
    store: Store, letter: Letter, *, to: str, template: TemplateKey | None, user: User, now: datetime
) -> TrialMail:
    """Put a test into the queue, audited; a worker sends it. Raises TooMany."""
    content = {
        "sender_name": rendering.one_line(letter.sender_name), "reply_to": letter.reply_to,
        "subject": rendering.one_line(letter.subject), "html": letter.html, "text": letter.text,
    }  # fmt: skip
    with transaction.atomic():
        Store.objects.select_for_update().only("pk").get(pk=store.pk)
        if TrialMail.objects.filter(store=store, created_at__gt=now - timedelta(hours=1)).count() >= MOST_AN_HOUR:
            raise TooMany
        made = TrialMail.objects.create(
            store=store, template=template.value if template else "", recipient=Secret.of(to),
            content=Secret.of_json(content), created_by=user, created_at=now, state_changed_at=now,
        )  # fmt: skip
        subject = f"{made}: template {template.value}" if template else f"{made}: sender"
        audit.record(Action.TEMPLATE_TESTED, subject=subject, store=store, user=user, now=now)
    return made


def recent(store: Store, template: TemplateKey | None, *, most: int = 5) -> models.QuerySet[TrialMail]:
    """The last tests of a template, or of senders; the newest first."""
    found = TrialMail.objects.filter(store=store, template=template.value if template else "")
    return found.select_related("created_by").order_by("-created_at", "-pk")[:most]


def work(*, now: datetime) -> bool:
    """Send the next test that waits; False when none does. It is tried once: whoever asked for it sees how it ended."""
    row = _take(now=now)
    if row is None:
        return False
    try:
        result = send.hand_over(_build(row, now=now), key=f"test-{row.pk}")
    except Exception as error:  # noqa: BLE001  a test that cannot be sent must not stop the others
        log.error("test failed test=%s\n%s", row.pk, faults.trace(error))  # noqa: TRY400  its text may quote a mail
        result = send.Never(faults.describe(error))
    is_sent = isinstance(result, send.Sent)
    TrialMail.objects.filter(pk=row.pk).update(
        state=TrialMailState.SENT if is_sent else TrialMailState.FAILED,
        problem="" if isinstance(result, send.Sent) else result.problem[:200],
        content=Secret.of(""),
        state_changed_at=now,
    )
    return True


def _take(*, now: datetime) -> TrialMail | None:
    """Claim a test. One whose worker was killed has perhaps been sent, so it is not sent again, but failed."""
    with transaction.atomic():
        TrialMail.objects.filter(state=TrialMailState.SENDING, state_changed_at__lt=now - ABANDONED).update(
            state=TrialMailState.FAILED, problem=STOPPED, content=Secret.of(""), state_changed_at=now
        )
        waiting = TrialMail.objects.select_for_update(skip_locked=True, of=("self",)).select_related("store")
        row = waiting.filter(state=TrialMailState.QUEUED).order_by("created_at", "pk").first()
        if row is not None:
            row.state, row.state_changed_at = TrialMailState.SENDING, now
            row.save(update_fields=["state", "state_changed_at"])
    return row


def _build(row: TrialMail, *, now: datetime) -> EmailMultiAlternatives:
    """The mail: from the tracking domain, as order mails are, so that it shows how theirs arrive."""
    content = row.content.json()
    domain = row.store.tracking_domain
    message = EmailMultiAlternatives(
        subject=content["subject"],
        body=content["text"],
        from_email=formataddr((content["sender_name"], f"test@{domain}")),
        to=[row.recipient.text()],
        reply_to=[content["reply_to"]],
        headers={
            "Message-ID": make_msgid(idstring=f"test-{row.pk}", domain=domain),
            "Date": format_datetime(now),
            "Auto-Submitted": "auto-generated",
        },
    )
    if content["html"]:
        message.attach_alternative(content["html"], "text/html")
    return message
