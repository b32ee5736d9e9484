"""A short chaos run, and a check that sees what it is for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import Channel, Receipt, ReceiptState
from orders import vault
from orders.models import Alias, Attachment
from orders.outcomes import Outcome, Reason
from tests import factories
from tests.chaos import check
from tests.chaos.generator import MOST_COPIES, TORN, Numbered, Way, make
from tests.chaos.stub import Provider

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_short_run_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    found = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--mails", "200", "--kills", "5", "--over", "8", "--pause", "0.2", "1",
         "--seconds", "40", "--quiet-seconds", "120", "--json", told],
        cwd=ROOT, capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    figures = json.loads(told.read_text())
    assert figures["acknowledged"] == 200
    assert figures["kills"] == 5
    assert figures["entries"] >= 200 - figures["in_quarantine"]


@pytest.fixture
def aliases(db: None) -> list[Alias]:
    return [factories.place_silently().customer_alias for _ in range(2)]


@pytest.fixture
def mail(aliases: list[Alias]) -> Numbered:
    return Numbered(6, tuple(alias.address.text() for alias in aliases), Way.SMTP)


def keep(mail: Numbered, state: ReceiptState = ReceiptState.DONE) -> None:
    """A receipt of the mail."""
    now = timezone.now()
    receipt = inbox.accept(
        provider="postmark", channel=Channel.INBOUND, method="POST", path="", query="", headers=[],
        body=mail.subject.replace(" ", "+").encode(), now=now,
    )  # fmt: skip
    settled_at = None if state == ReceiptState.PENDING else now
    Receipt.objects.filter(pk=receipt.pk).update(state=state, settled_at=settled_at)


def record(mail: Numbered, *aliases: Alias, **fields: Any) -> None:
    """The mail on the timelines of these, with its original and its file."""
    for alias in aliases:
        values = {"text": mail.text, "original": vault.save(mail.subject.encode()), **fields}
        entry = factories.make_mail(None, alias, subject=mail.subject, **values)
        factories.make_attachment(entry, mail.file)


def judge(
    mail: Numbered, *accepted: Alias, posts: int = 1, sent: int = 1, file: bytes | None = None, **known: int
) -> check.Verdict:
    """The verdict where the provider took the mail for these."""
    provider = Provider(seed=1, silent=0)
    for _ in range(sent):
        for alias in accepted:
            provider.take(mail.subject, alias.real.text(), mail.text, mail.file if file is None else file)
    provider.stop()
    return check.check([mail], {mail.number: posts}, provider, **{"unsettled": 0, "excused": 0, **known})


def test_a_mail_on_each_timeline_and_at_the_provider_holds(mail: Numbered, aliases: list[Alias]) -> None:
    keep(mail)
    record(mail, *aliases)
    verdict = judge(mail, *aliases)
    assert verdict.holds
    assert verdict.entries == 2
    assert not judge(mail, *aliases, unsettled=1).holds


def test_a_post_that_was_acknowledged_and_not_kept_is_told_although_another_was(
    mail: Numbered, aliases: list[Alias]
) -> None:
    keep(mail)
    record(mail, *aliases)
    verdict = judge(mail, *aliases, posts=2)
    assert verdict.not_kept == [mail.subject]
    assert not verdict.holds


def test_a_mail_missing_on_one_of_two_timelines_is_lost(mail: Numbered, aliases: list[Alias]) -> None:
    keep(mail)
    record(mail, aliases[0])
    verdict = judge(mail, *aliases)
    assert verdict.lost == [f"{mail.subject} {mail.aliases[1]}"]
    assert not verdict.holds


def test_a_mail_in_the_inbox_is_not_lost_and_one_that_waits_is_not_settled(mail: Numbered) -> None:
    torn = replace(mail, way=Way.TORN)
    assert judge(torn, posts=0).holds
    keep(torn, ReceiptState.PENDING)
    waiting = judge(torn, unsettled=1)
    assert waiting.lost == []
    assert not waiting.holds
    Receipt.objects.update(state=ReceiptState.DONE, settled_at=timezone.now())
    assert judge(torn).lost != []
    Receipt.objects.update(state=ReceiptState.QUARANTINED)
    assert judge(torn).holds


def test_a_good_mail_in_quarantine_is_not_lost_and_was_never_sent(mail: Numbered) -> None:
    keep(mail, ReceiptState.QUARANTINED)
    verdict = judge(mail)
    assert verdict.lost == []
    assert verdict.never_sent == [f"{mail.subject} {alias}" for alias in sorted(mail.aliases)]
    assert not verdict.holds


def test_a_mail_twice_on_a_timeline_is_doubled(mail: Numbered, aliases: list[Alias]) -> None:
    record(mail, *aliases, aliases[0])
    assert judge(mail, *aliases).doubled == [f"{mail.subject} {mail.aliases[0]}"]


def test_a_copy_for_somebody_to_whom_nobody_wrote_is_misplaced(mail: Numbered, aliases: list[Alias]) -> None:
    keep(mail)
    record(mail, *aliases)
    stranger = factories.make_third_party(aliases[0].order, email="stranger@people.example")
    verdict = judge(mail, *aliases, stranger)
    assert verdict.misplaced == [f"{mail.subject} to stranger@people.example"]
    assert not verdict.holds


def test_a_mail_that_the_provider_never_saw_is_never_sent(mail: Numbered, aliases: list[Alias]) -> None:
    record(mail, *aliases)
    assert judge(mail, aliases[0]).never_sent == [f"{mail.subject} {mail.aliases[1]}"]


def test_a_mail_sent_more_often_than_there_is_an_excuse_for_is_told(mail: Numbered, aliases: list[Alias]) -> None:
    keep(mail)
    record(mail, *aliases)
    assert judge(mail, *aliases, sent=3, excused=4).holds
    verdict = judge(mail, *aliases, sent=3, excused=3)
    assert (verdict.needlessly_sent, verdict.holds) == (1, False)


def test_a_mail_of_which_something_is_missing_is_damaged(mail: Numbered, aliases: list[Alias]) -> None:
    keep(mail)
    record(mail, *aliases)
    assert judge(mail, *aliases, file=b"").damaged == [mail.subject]
    Attachment.objects.first().delete()  # type: ignore[union-attr]  # there are two
    verdict = judge(mail, *aliases)
    assert (verdict.damaged, verdict.holds) == ([mail.subject], False)


@pytest.mark.parametrize("original", ["ab/missing", "another"])
def test_a_mail_whose_original_is_not_its_own_is_damaged(mail: Numbered, aliases: list[Alias], original: str) -> None:
    record(mail, *aliases, original=vault.save(b"mail 000001") if original == "another" else original)
    assert judge(mail, *aliases).damaged == [mail.subject]


def test_a_mail_that_is_only_recorded_is_told(mail: Numbered, aliases: list[Alias]) -> None:
    record(mail, *aliases, outcome=Outcome.RECORDED, reason=Reason.BULK)
    assert judge(mail).not_relayed == [f"{mail.subject} {alias}" for alias in sorted(mail.aliases)]


def test_a_mail_on_a_strange_timeline_is_told(mail: Numbered, aliases: list[Alias]) -> None:
    record(mail, *aliases)
    verdict = judge(replace(mail, aliases=mail.aliases[:1]), aliases[0])
    assert verdict.misplaced == [f"{mail.subject} {mail.aliases[1]}"]


def test_mails_differ_and_come_in_every_way() -> None:
    mails = make(2_000, ["a@x.example", "b@x.example", "c@x.example"], seed=1)
    assert {mail.way for mail in mails} == set(Way)
    assert len({mail.subject for mail in mails}) == len({mail.message_id for mail in mails}) == 2_000
    assert {len(set(mail.aliases)) for mail in mails} == {1, 2}
    assert 0 < sum(mail.way == Way.TORN for mail in mails) < 2_000 * TORN * MOST_COPIES
