"""Hold what was acknowledged against what is there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState, SendState
from conversation_tracker.models.outbound import WAITING
from orders import secrecy, vault
from orders.models import Alias, Kind, TimelineEntry
from orders.outcomes import Outcome
from tests.chaos.generator import Numbered, Way, numbers

Contents = Mapping[tuple[str, str], set[tuple[str, bytes]]]


class Taken(Protocol):
    """What a provider took, by subject and recipient: how often, and each text with its file."""

    accepted: Counter[tuple[str, str]]
    contents: dict[tuple[str, str], set[tuple[str, bytes]]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the mails. All but the first four must be nothing; the lists name mails, most with an alias."""

    entries: int
    in_quarantine: int
    sent: int
    sent_more_than_once: int
    not_kept: list[str]  # acknowledged more often than there are receipts of it
    lost: list[str]  # acknowledged, and neither on the alias's timeline nor in the inbox, waiting or in quarantine
    doubled: list[str]  # more than once on one timeline
    not_relayed: list[str]  # on the timeline, but for no good reason not to be sent on
    never_sent: list[str]  # acknowledged and good, and never seen by the provider, be it for quarantine
    needlessly_sent: int  # more often, of all, than answers were withheld and senders or the database killed
    misplaced: list[str]  # on a timeline, or sent to somebody, to whom nobody wrote
    damaged: list[str]  # its original or its file cannot be opened or is another's, or the provider got less than all
    unsettled: int  # still waiting when the time was over

    @property
    def holds(self) -> bool:
        """Whether everything that was promised was kept."""
        broken = (
            self.not_kept, self.lost, self.doubled, self.not_relayed, self.never_sent, self.needlessly_sent,
            self.misplaced, self.damaged, self.unsettled,
        )  # fmt: skip
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
    mails: Sequence[Numbered], acknowledged: Mapping[int, int], provider: Taken, *, unsettled: int, excused: int
) -> Verdict:
    """Compare the generator's, the database's and the provider's view of every mail.

    ``acknowledged`` says how many posts of each mail were. ``excused``: how many sendings may have been repeated, since
    nobody can have known that the provider took the mail.
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
    kept, waiting = _receipts()
    relayed = {(subject, alias) for subject, alias, outcome in found if outcome == Outcome.RELAYED}
    good = [mail for mail in mails if mail.way != Way.TORN]
    meant = {(mail.subject, alias) for mail in good for alias in mail.aliases}
    repeats = sum(provider.accepted.values()) - len(provider.accepted)
    return Verdict(
        entries=len(found),
        in_quarantine=Receipt.objects.filter(state=ReceiptState.QUARANTINED).count(),
        sent=sum(provider.accepted.values()),
        sent_more_than_once=sum(count > 1 for count in provider.accepted.values()),
        not_kept=[mail.subject for mail in mails if acknowledged.get(mail.number, 0) > kept[mail.number]],
        lost=[
            f"{mail.subject} {alias}"
            for mail in mails
            if acknowledged.get(mail.number) and mail.number not in waiting
            for alias in mail.aliases
            if (mail.subject, alias) not in entries
        ],
        doubled=sorted(f"{subject} {alias}" for (subject, alias), count in entries.items() if count > 1),
        not_relayed=sorted(f"{subject} {alias}" for subject, alias in set(entries) - relayed),
        never_sent=sorted(
            f"{mail.subject} {alias}"
            for mail in good
            if acknowledged.get(mail.number)
            for alias in mail.aliases
            if not provider.accepted.get((mail.subject, real[alias]))
        ),
        needlessly_sent=max(repeats - excused, 0),
        misplaced=sorted(f"{subject} {alias}" for subject, alias in set(entries) - meant)
        + _astray(meant, real, provider),
        damaged=sorted({*_damaged_here(good), *_damaged_there(good, real, provider.contents)}),
        unsettled=unsettled + OutboundMail.objects.exclude(state__in=(*WAITING, SendState.SENT)).count(),
    )


def _astray(meant: set[tuple[str, str]], real: Mapping[str, str], provider: Taken) -> list[str]:
    """The copies that the provider took for somebody who is none of the people written to."""
    awaited = {(subject, real[alias]) for subject, alias in meant if alias in real}
    return [f"{subject} to {recipient}" for subject, recipient in set(provider.accepted) - awaited]


def _receipts() -> tuple[Counter[int], set[int]]:
    """How many receipts there are of each mail, and of which there is one that is not done."""
    kept: Counter[int] = Counter()
    waiting: set[int] = set()
    for receipt in Receipt.objects.only("state", "body").iterator():
        told = numbers(receipt.body.bytes())
        kept.update(told)
        if receipt.state != ReceiptState.DONE:
            waiting |= told
    return kept, waiting


def _damaged_here(mails: Sequence[Numbered]) -> Iterator[str]:
    """The mails whose original or file is not in the storage as it came."""
    known = {mail.subject: mail for mail in mails}
    rows = TimelineEntry.objects.filter(kind=Kind.MAIL, subject__in=known).prefetch_related("attachments")
    for entry in rows.only("subject", "text", "original"):
        mail = known[entry.subject]
        try:
            is_whole = numbers(vault.load(entry.original)) == {mail.number} and mail.text in entry.text
            files = [vault.load(file.stored_as) for file in entry.attachments.all()]
        except (vault.Missing, secrecy.CannotOpen):
            yield mail.subject
        else:
            if not is_whole or files != ([mail.file] if mail.file else []):
                yield mail.subject


def _damaged_there(mails: Sequence[Numbered], real: Mapping[str, str], contents: Contents) -> Iterator[str]:
    """The mails of which the provider was handed something else than all."""
    for mail in mails:
        for alias in mail.aliases:
            if contents.get((mail.subject, real[alias]), set()) - {(mail.text, mail.file)}:
                yield mail.subject
