"""Hold what was acknowledged against what is there."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from django.utils import timezone

from conversation_tracker import inbox, outbox
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from conversation_tracker.models.outbound import WAITING
from orders.models import Kind, TimelineEntry
from orders.outcomes import Outcome
from tests.chaos.generator import Numbered


@dataclass(frozen=True, slots=True)
class Verdict:
    """The figures of a run. ``lost``, ``double_entries`` and ``never_sent`` must be nothing."""

    mails: int
    acknowledged: int
    posts: int
    failed_posts: int
    kills: dict[str, int]
    seconds: float
    lost: list[int]
    double_entries: list[str]
    never_sent: list[str]
    quarantined: int
    sent_more_than_once: int
    answers_withheld: int
    unsettled: int

    @property
    def holds(self) -> bool:
        """Whether everything that was promised was kept."""
        return not (self.lost or self.double_entries or self.never_sent or self.unsettled)

    def report(self) -> str:
        """The figures as JSON."""
        return json.dumps(asdict(self), indent=2)


def wait_until_settled(*, seconds: float) -> int:
    """Wait until nothing waits any more; returns how much still does when the time is over.

    What is to be tried again later is tried at once, so that nobody has to wait for hours.
    """
    until = time.monotonic() + seconds
    while True:
        OutboundMail.objects.filter(state=SendState.RETRY).update(next_attempt_at=timezone.now())
        Receipt.objects.filter(state=ReceiptState.PENDING).update(next_attempt_at=timezone.now())
        left = inbox.counts()["pending"] + OutboundMail.objects.filter(state__in=WAITING).count()
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.5)


def check(
    mails: Sequence[Numbered],
    acknowledged: set[int],
    accepted: Mapping[str, int],
    *,
    posts: int,
    failed_posts: int,
    kills: Mapping[str, int],
    seconds: float,
    answers_withheld: int,
    unsettled: int,
) -> Verdict:
    """Compare the generator's, the database's and the provider's view of every mail."""
    entries = Counter(
        TimelineEntry.objects.filter(kind=Kind.MAIL).values_list("subject", "recipient_alias_id").iterator()
    )
    recorded = {subject for subject, _ in entries}
    quarantined = b"".join(
        receipt.body.bytes() for receipt in Receipt.objects.filter(state=ReceiptState.QUARANTINED).iterator()
    )
    relayed = set(
        TimelineEntry.objects.filter(kind=Kind.MAIL, outcome=Outcome.RELAYED).values_list("subject", flat=True)
    )
    by_number = {mail.number: mail for mail in mails}
    return Verdict(
        mails=len(mails),
        acknowledged=len(acknowledged),
        posts=posts,
        failed_posts=failed_posts,
        kills=dict(kills),
        seconds=round(seconds, 1),
        lost=[
            number
            for number in sorted(acknowledged)
            if by_number[number].subject not in recorded and by_number[number].subject.encode() not in quarantined
        ],
        double_entries=sorted(subject for (subject, _), count in entries.items() if count > 1),
        never_sent=sorted(relayed - set(accepted)),
        quarantined=inbox.counts()["quarantined"],
        sent_more_than_once=sum(count > 1 for count in accepted.values()),
        answers_withheld=answers_withheld,
        unsettled=unsettled + outbox.counts()[SendState.FAILED],
    )
