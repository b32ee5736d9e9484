"""A short chaos run, and a check that sees what it is for."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from django.utils import timezone

from conversation_tracker import inbox
from conversation_tracker.models import Channel, Receipt, ReceiptState
from orders.models import Alias
from orders.outcomes import Outcome, Reason
from tests import factories
from tests.chaos import check
from tests.chaos.generator import MOST_COPIES, TORN, Numbered, Way, make

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_short_run_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    told = tmp_path / "figures.json"
    found = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--mails", "200", "--kills", "5", "--over", "8", "--pause", "0.2", "1",
         "--seconds", "40", "--quiet-seconds", "60", "--json", told],
        cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
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
    return Numbered(7, tuple(alias.address.text() for alias in aliases), Way.SMTP)


def judge(mail: Numbered, *accepted: Alias, unsettled: int = 0) -> check.Verdict:
    taken = {(mail.subject, alias.real.text()): 1 for alias in accepted}
    return check.check([mail], {mail.number}, taken, unsettled=unsettled)


def test_a_mail_on_each_timeline_and_at_the_provider_holds(mail: Numbered, aliases: list[Alias]) -> None:
    for alias in aliases:
        factories.make_mail(None, alias, subject=mail.subject)
    verdict = judge(mail, *aliases)
    assert verdict.holds
    assert verdict.entries == 2
    assert not judge(mail, *aliases, unsettled=1).holds


def test_a_mail_missing_on_one_of_two_timelines_is_lost(mail: Numbered, aliases: list[Alias]) -> None:
    factories.make_mail(None, aliases[0], subject=mail.subject)
    verdict = judge(mail, *aliases)
    assert verdict.lost == [f"{mail.subject} {mail.aliases[1]}"]
    assert not verdict.holds


def test_a_mail_in_the_inbox_is_not_lost_and_one_that_waits_is_not_settled(
    mail: Numbered, aliases: list[Alias]
) -> None:
    assert check.check([mail], set(), {}, unsettled=0).holds
    now = timezone.now()
    inbox.accept(
        provider="postmark", channel=Channel.INBOUND, method="POST", path="", query="", headers=[],
        body=mail.subject.replace(" ", "+").encode(), now=now,
    )  # fmt: skip
    waiting = judge(mail, unsettled=1)
    assert waiting.lost == []
    assert not waiting.holds
    Receipt.objects.update(state=ReceiptState.DONE, settled_at=now)
    assert judge(mail).lost != []
    Receipt.objects.update(state=ReceiptState.QUARANTINED, settled_at=now)
    assert judge(mail).holds


def test_a_mail_twice_on_a_timeline_is_doubled(mail: Numbered, aliases: list[Alias]) -> None:
    for alias in (*aliases, aliases[0]):
        factories.make_mail(None, alias, subject=mail.subject)
    assert judge(mail, *aliases).doubled == [f"{mail.subject} {mail.aliases[0]}"]


def test_a_mail_that_the_provider_never_saw_is_never_sent(mail: Numbered, aliases: list[Alias]) -> None:
    for alias in aliases:
        factories.make_mail(None, alias, subject=mail.subject)
    assert judge(mail, aliases[0]).never_sent == [f"{mail.subject} {mail.aliases[1]}"]


def test_a_mail_that_is_only_recorded_is_told(mail: Numbered, aliases: list[Alias]) -> None:
    for alias in aliases:
        factories.make_mail(None, alias, subject=mail.subject, outcome=Outcome.RECORDED, reason=Reason.BULK)
    assert judge(mail).not_relayed == [f"{mail.subject} {alias}" for alias in sorted(mail.aliases)]


def test_a_mail_on_a_strange_timeline_is_told(mail: Numbered, aliases: list[Alias]) -> None:
    for alias in aliases:
        factories.make_mail(None, alias, subject=mail.subject)
    verdict = judge(replace(mail, aliases=mail.aliases[:1]), *aliases)
    assert verdict.misplaced == [f"{mail.subject} {mail.aliases[1]}"]


def test_mails_differ_and_come_in_every_way() -> None:
    mails = make(2_000, ["a@x.example", "b@x.example", "c@x.example"], seed=1)
    assert {mail.way for mail in mails} == set(Way)
    assert len({mail.subject for mail in mails}) == len({mail.message_id for mail in mails}) == 2_000
    assert {len(set(mail.aliases)) for mail in mails} == {1, 2}
    assert 0 < sum(mail.way == Way.TORN for mail in mails) < 2_000 * TORN * MOST_COPIES
