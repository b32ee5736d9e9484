"""Hold what was acknowledged against what is there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from conversation_tracker.models.outbound import WAITING
from orders.models import Alias, Kind, TimelineEntry
from orders.outcomes import Outcome
from tests.chaos.generator import Numbered, Way


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the mails. All but the first four must be nothing; each names mails, most with an alias."""

    entries: int
    in_quarantine: int
    sent: int
    sent_more_than_once: int
    lost: list[str]  # acknowledged, and neither on the alias's timeline nor in the inbox, waiting or in quarantine
    doubled: list[str]  # more than once on one timeline
    not_relayed: list[str]  # on the timeline, but for no good reason not to be sent on
    never_sent: list[str]  # to be sent on, and never seen by the provider
    misplaced: list[str]  # on a timeline to which nobody wrote
    unsettled: int  # still waiting when the time was over

    @property
    def holds(self) -> bool:
        """Whether everything that was promised was kept."""
        broken = (self.lost, self.doubled, self.not_relayed, self.never_sent, self.misplaced, self.unsettled)
        return not any(broken)

    def figures(self) -> dict[str, Any]:
        """All of it, for printing."""
        return asdict(self)


def wait_until_settled(*, until: float) -> int:
    """Wait until nothing waits any more; returns how much still does at that moment of the monotonic clock.

    What is to be tried again later is tried at once, so that nobody has to wait for hours.
    """
    while True:
        now = timezone.now()
        OutboundMail.objects.filter(state__in=WAITING, next_attempt_at__gt=now).update(next_attempt_at=now)
        Receipt.objects.filter(state=ReceiptState.PENDING, next_attempt_at__gt=now).update(next_attempt_at=now)
        left = inbox.counts()["pending"] + OutboundMail.objects.filter(state__in=WAITING).count()
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.5)


def check(
    mails: Sequence[Numbered], acknowledged: Collection[int], accepted: Mapping[tuple[str, str], int], *, unsettled: int
) -> Verdict:
    """Compare the generator's, the database's and the provider's view of every mail.

    ``accepted`` counts what the provider took, by subject and recipient.
    """
    address = {alias.pk: alias.address.text() for alias in Alias.objects.all()}
    real = {alias.address.text(): alias.real.text() for alias in Alias.objects.all()}
    found = [
        (subject, address[alias_id], outcome)
        for subject, alias_id, outcome in TimelineEntry.objects.filter(kind=Kind.MAIL).values_list(
            "subject", "recipient_alias_id", "outcome"
        )
    ]
    entries = Counter((subject, alias) for subject, alias, _ in found)
    in_inbox = Receipt.objects.exclude(state=ReceiptState.DONE)
    kept = b"\n".join(one.body.bytes() for one in in_inbox).replace(b"+", b" ")  # as a form writes a space
    relayed = [(subject, alias) for subject, alias, outcome in found if outcome == Outcome.RELAYED]
    meant = {(mail.subject, alias) for mail in mails for alias in mail.aliases if mail.way != Way.TORN}
    return Verdict(
        entries=len(found),
        in_quarantine=in_inbox.filter(state=ReceiptState.QUARANTINED).count(),
        sent=sum(accepted.values()),
        sent_more_than_once=sum(count > 1 for count in accepted.values()),
        lost=[
            f"{mail.subject} {alias}"
            for mail in mails
            if mail.number in acknowledged and mail.subject.encode() not in kept
            for alias in mail.aliases
            if (mail.subject, alias) not in entries
        ],
        doubled=sorted(f"{subject} {alias}" for (subject, alias), count in entries.items() if count > 1),
        not_relayed=sorted(f"{subject} {alias}" for subject, alias in set(entries) - set(relayed)),
        never_sent=sorted(
            f"{subject} {alias}" for subject, alias in relayed if not accepted.get((subject, real[alias]))
        ),
        misplaced=sorted(f"{subject} {alias}" for subject, alias in set(entries) - meant),
        unsettled=unsettled + OutboundMail.objects.exclude(state__in=(*WAITING, SendState.SENT)).count(),
    )
