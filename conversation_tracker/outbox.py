"""The outbox: claim a mail that waits, and write down what became of it."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from billiard.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection, transaction
from django.db.models import Count, F
from django.utils.translation import gettext_noop
from psycopg.errors import LockNotAvailable

from conversation_tracker import alarm, finishing, send
from conversation_tracker.models import OrderMail, OrderMailState, OutboundMail, SendState
from conversation_tracker.models.outbound import STOPPED, WAITING, LeftOut
from orders import access, audit, claims, events, faults, suppression
from orders.models import Action, EventKind, Order, SuppressionReason, User

log = logging.getLogger(__name__)

MOST_STOPS = 12  # attempts that ended with their worker
FEWEST_ATTEMPTS = 12  # before a mail is given up, as it is after so long, though what failed may heal
# Tries of a mail that may have arrived each time, within minutes; one more follows after the longest wait. A provider
# that knows a repeat is tried for as long as it does, see finishing.KEY_LIVES, and once more.
TRIES_IN_DOUBT = 4
GIVEN_UP_AFTER = timedelta(days=2)
FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(hours=2)
INTERRUPTED = gettext_noop("The worker was stopped while it sent this.")
# For so many seconds it is tried to write down what came of a mail, and so often that nobody else begins with it once
# the database is back.
PATIENCE, PAUSE = 130.0, 0.5
MARGIN = 20.0  # seconds that handing over may have taken before
AWAY = (OperationalError, InterfaceError, InternalError)  # the last also from a server that takes no writes


# Until when the mail waits is written with the attempt: one that ends with its worker writes nothing more. Nobody
# begins the next before: the lock is lost with the worker, and also with its session, as by a restart, a failover or a
# pooler, while the worker lives and waits to write down that the mail has left.
_TAKE = f"""
    WITH waiting AS (
        SELECT id FROM conversation_tracker_outboundmail
        WHERE state = ANY(%(waiting)s) AND next_attempt_at <= greatest(%(now)s, statement_timestamp())
        ORDER BY next_attempt_at LIMIT 200 FOR UPDATE SKIP LOCKED
    ), taken AS MATERIALIZED (
        SELECT id FROM waiting WHERE pg_try_advisory_lock(%(lock)s + id) LIMIT 1
    )
    UPDATE conversation_tracker_outboundmail AS mail
    SET state = 'sending', attempts = mail.attempts + 1, state_changed_at = %(now)s,
        next_attempt_at = greatest(%(now)s, statement_timestamp()) + greatest(
            interval '{PATIENCE + MARGIN} s',
            (0.75 + random() / 2) * least(
                interval '{LONGEST_DELAY.total_seconds()} s',
                interval '{FIRST_DELAY.total_seconds()} s' * 2 ^ least(mail.attempts, 20)
            )
        )
    FROM taken WHERE mail.id = taken.id RETURNING mail.id
"""  # noqa: S608  constants

# Of a mail whose worker is gone nobody holds the lock. Those that are due are taken up at once.
_INTERRUPTED = """
    WITH sending AS (
        SELECT id FROM conversation_tracker_outboundmail
        WHERE state = 'sending' AND next_attempt_at > statement_timestamp()
        FOR UPDATE SKIP LOCKED
    ), interrupted AS MATERIALIZED (
        SELECT id FROM sending WHERE pg_try_advisory_xact_lock(%(lock)s + id)
    )
    UPDATE conversation_tracker_outboundmail AS mail
    SET state = 'retry', problem = %(problem)s, state_changed_at = %(now)s
    FROM interrupted WHERE mail.id = interrupted.id RETURNING mail.id
"""


def work(*, now: datetime) -> bool:
    """Send the next mail that waits; False when none does.

    The attempt is committed first, then the row is held while the mail leaves: a worker killed in between leaves a
    row that the next one takes up, so that a mail may leave twice under one Message-ID but never not at all.
    """
    params = {"now": now, "waiting": [state.value for state in WAITING]}
    with claims.held(claims.Space.OUTBOX, _TAKE, params) as taken:
        for (pk,) in taken:
            _work_on(pk, now=now)
    return bool(taken)


def note_interrupted(*, now: datetime) -> int:
    """Say of mails whose workers were stopped that they are tried again, and not that they are being sent."""
    params: dict[str, Any] = {"now": now, "problem": INTERRUPTED, "lock": claims.Space.OUTBOX.first}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_INTERRUPTED, params)
            noted = [pk for (pk,) in cursor.fetchall()]
        for row in OutboundMail.objects.filter(pk__in=noted):
            alarm.follow(row, now=now)
    return len(noted)


@dataclass(slots=True)
class _Attempt:
    """One attempt to send a mail, and what came of it once that is known."""

    pk: int
    number: int = 0
    result: send.Result | None = None
    took: timedelta = timedelta()


def _work_on(pk: int, *, now: datetime) -> None:
    """Send the mail and write down what came of it."""
    attempt = _Attempt(pk)
    try:
        with transaction.atomic():
            # A report of it may have come in between. What only few mails need is read when it is needed.
            rows = OutboundMail.objects.select_for_update(of=("self",)).filter(pk=pk, state=SendState.SENDING)
            for row in rows.select_related("order").defer("order__document"):
                began = time.monotonic()
                attempt.number = row.attempts
                attempt.result = _send(row)
                attempt.took = timedelta(seconds=time.monotonic() - began)
                _settle(row, attempt.result, now=now, took=attempt.took)
    except MemoryError:  # perhaps within a statement, after which its transaction takes no other
        attempt.result = attempt.result or send.lacked_memory(attempt.number)
        _write_down(attempt, now=now)
    except (DatabaseError, InterfaceError, SoftTimeLimitExceeded) as error:
        if attempt.result is None:
            raise
        _write_down_again(attempt, now=now)
        if isinstance(error, SoftTimeLimitExceeded):
            raise


def _write_down(attempt: _Attempt, *, now: datetime) -> None:
    """Write down what came of it, unless somebody has begun the next attempt or knows more."""
    with transaction.atomic():
        rows = OutboundMail.objects.select_for_update(of=("self",)).filter(pk=attempt.pk, state__in=WAITING)
        if attempt.number:
            rows = rows.filter(attempts=attempt.number)
        for row in rows.select_related("order").defer("order__document"):
            if attempt.result is not None:
                _settle(row, attempt.result, now=now, took=attempt.took)


def _write_down_again(attempt: _Attempt, *, now: datetime) -> None:
    """The database went away while the mail left, or the task's time was over just then: what is not written down
    leaves a second time. A restart takes seconds, a failover a minute or two; in between the server may take no writes.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        claims.reconnect()
        try:
            _write_down(attempt, now=now)
        except AWAY:
            time.sleep(PAUSE)
        else:
            return
    claims.reconnect()
    try:
        _write_down(attempt, now=now)
    except AWAY:
        if not isinstance(attempt.result, send.Sent):
            raise
        _write_down_shortly(attempt, attempt.result, now=now)


def _write_down_shortly(attempt: _Attempt, result: send.Sent, *, now: datetime) -> None:
    """A database whose disk is full takes no new row, such as the event that tells of it, and yet a change of one."""
    rows = OutboundMail.objects.filter(pk=attempt.pk, state__in=WAITING, attempts=attempt.number)
    rows.update(
        state=SendState.SENT, sent_at=now + attempt.took, provider_message_id=result.provider_message_id, problem="",
        left_out=list(result.left_out), state_changed_at=now,
    )  # fmt: skip


def _send(row: OutboundMail) -> send.Result:
    if row.attempts - row.failures > MOST_STOPS:
        return send.Held(STOPPED)
    try:
        return send.send(row)
    except (SoftTimeLimitExceeded, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001  one mail that cannot be sent must not stop the others
        log.error("sending failed outbound=%s\n%s", row.pk, faults.trace(error))  # noqa: TRY400  its text may quote a mail
        return send.Later(faults.describe(error))


def _settle(row: OutboundMail, result: send.Result, *, now: datetime, took: timedelta) -> None:
    match result:
        case send.Sent(provider_message_id, left_out):
            row.state, row.sent_at, row.left_out = SendState.SENT, now + took, list(left_out)
            row.provider_message_id, row.problem = provider_message_id, ""
        case send.Later(problem) | send.Doubtful(problem) if (
            wait := _wait(row, result, now=now, took=took)
        ) is not None:
            _count(row, result, now=now)
            # It rests for as long as it kept us, so that a few which a server chokes on do not keep all who send.
            row.state, row.problem, row.next_attempt_at = SendState.RETRY, problem, now + took + max(wait, took)
        case send.Later(problem) | send.Doubtful(problem) | send.Never(problem):
            row.failures += 1
            row.state, row.problem = SendState.FAILED, problem
        case send.Suppressed(problem):
            row.failures += 1
            row.state, row.problem = SendState.SUPPRESSED, problem
            alarm.suppress(row, SuppressionReason.REFUSED, now=now)
        case send.Listed(problem):
            row.state, row.problem = SendState.SUPPRESSED, problem
        case send.Skipped(problem):
            row.state, row.problem = SendState.SKIPPED, problem
            _skip(row, problem, now=now)
        case send.Held(problem):
            row.state, row.problem = SendState.HELD, problem
    row.state_changed_at = now
    changed = ("state", "sent_at", "provider_message_id", "problem", "left_out", "failures", "doubts", "doubted_at")
    row.save(update_fields=[*changed, "next_attempt_at", "state_changed_at"])
    # Else nothing was ever wrong with it. An attempt that ended with its worker is no failure.
    if row.state != SendState.SENT or row.failures or row.resends or row.attempts > 1:
        alarm.follow(row, now=now)
    if row.state == SendState.SENT:
        occasion = f"sent:{row.pk}:{row.resends}"
        sent = events.message(
            EventKind.MESSAGE_SENT, order=row.order, entry_id=row.entry_id, occasion=occasion, now=now
        )
        events.publish([sent])
    log.info("mail left outbound=%s state=%s attempts=%s problem=%s", row.pk, row.state, row.attempts, row.problem)


def _is_doubtful(result: send.Later | send.Doubtful) -> bool:
    return isinstance(result, send.Doubtful) or result.may_have_left


def _count(row: OutboundMail, result: send.Later | send.Doubtful, *, now: datetime) -> None:
    row.failures += 1
    if _is_doubtful(result):
        row.doubts, row.doubted_at = row.doubts + 1, row.doubted_at or now


def _wait(row: OutboundMail, result: send.Later | send.Doubtful, *, now: datetime, took: timedelta) -> timedelta | None:
    """How long the mail waits for its next try; None when there is to be none."""
    asked = result.wait if isinstance(result, send.Later) else timedelta()
    key_lives = finishing.KEY_LIVES.get(settings.EMAIL_BACKEND)
    left = (row.doubted_at or now) + key_lives - (now + took) if key_lives is not None else timedelta()
    if not _is_doubtful(result):
        is_young = row.attempts < FEWEST_ATTEMPTS or now - row.queued_at < GIVEN_UP_AFTER
        usual = delay(row.failures + 1)
        if row.doubts and left > FIRST_DELAY:  # so that a repeat is told while it can be
            usual = min(usual, left / 2)
        return max(usual, asked) if is_young else None
    usual = max(delay(row.doubts + 1), asked)
    by_key = (left > -took) + (left > max(usual, took))
    tries = TRIES_IN_DOUBT - row.doubts if key_lives is None else by_key
    if tries == 1:
        return LONGEST_DELAY
    return usual if tries > 1 else None


def _skip(row: OutboundMail, problem: str, *, now: datetime) -> None:
    """Say so of the order mail too, unless this is only a copy of it."""
    said = OrderMail.objects.filter(entry=row.entry_id)
    said.update(state=OrderMailState.SKIPPED, problem=problem, settled_at=now)


def delay(failures: int) -> timedelta:
    """How long to wait after so many failures: doubling up to two hours, give or take a quarter.

    An attempt that ended with its worker is no failure: it says nothing of the provider. How long the mail waits after
    such a one goes by the number of attempts.
    """
    longest: timedelta = min(FIRST_DELAY * 2 ** min(failures - 1, 20), LONGEST_DELAY)
    return longest * random.uniform(0.75, 1.25)  # noqa: S311  spreads retries, guards nothing


class Again(Enum):
    """What came of the wish to send a copy again, or all the same."""

    QUEUED = auto()
    PASSED_ON = auto()  # a rule had stopped it, and now it is on its way
    WAITING = auto()  # it is on its way already
    ARRIVED = auto()  # it left, and nothing is wrong with it
    SUPPRESSED = auto()  # its address has to be lifted first
    EXPIRED = auto()  # an alias of the two has ended, and with it the conversation


LEFT_OUT = {LeftOut.SHOWING: "without the files that show an address", LeftOut.ALL: "without its files"}
GOES = {Again.QUEUED, Again.PASSED_ON}


def send_again(order: Order, entry_id: int, *, leaves_out: bool = False, user: User, now: datetime) -> Again:
    """Put the copy of this mail back into the outbox, under its Message-ID, or one that a rule stopped into it for the
    first time; audited. Asked twice, it is put there once. ``leaves_out``: without the files that keep it back.

    Raises access.NotFound when the order has no such mail, or no copy of it can ever be sent.
    """
    try:
        return _send_again(order, entry_id, leaves_out=leaves_out, user=user, now=now)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):  # it is being sent at this moment
            return Again.WAITING
        raise


def _send_again(order: Order, entry_id: int, *, leaves_out: bool, user: User, now: datetime) -> Again:
    with transaction.atomic():
        rows = OutboundMail.objects.select_for_update(of=("self",), nowait=True)
        rows = rows.select_related("sender_alias", "recipient_alias")
        row = rows.filter(order=order, entry=entry_id).first()
        if row is None:
            raise access.NotFound(entry_id)
        answer = _may_go_again(row, now=now)
        if answer not in GOES:
            return answer
        left_out = _left_out(row) if leaves_out else LeftOut(row.leaves_out)
        audit.record(
            Action.MAIL_SENT_AGAIN,
            subject=f"{row} of order {order.number}",
            store=order.store,
            user=user,
            before=row.state,
            after=SendState.QUEUED + (f", {LEFT_OUT[left_out]}" if left_out else ""),
            now=now,
        )
        OutboundMail.objects.filter(pk=row.pk).update(
            state=SendState.QUEUED, problem="", attempts=0, failures=0, doubts=0, doubted_at=None, sent_at=None,
            resends=F("resends") + 1, leaves_out=left_out, left_out=[], queued_at=now, next_attempt_at=now,
            state_changed_at=now,
        )  # fmt: skip
    return answer


def _left_out(row: OutboundMail) -> LeftOut:
    """Which files keep it back: nobody knows, where the search of them came to no end."""
    return LeftOut.ALL if row.is_unsearched else LeftOut.SHOWING


def _may_go_again(row: OutboundMail, *, now: datetime) -> Again:
    if row.state in WAITING:
        return Again.WAITING
    if not row.may_be_sent_again:
        return Again.ARRIVED
    if suppression.is_suppressed(row.recipient.text(), store_id=row.store_id):
        return Again.SUPPRESSED
    is_valid = row.sender_alias.is_valid_at(now) and row.recipient_alias.is_valid_at(now)
    if not is_valid:
        return Again.EXPIRED
    return Again.PASSED_ON if row.is_stopped else Again.QUEUED


def counts() -> dict[str, int]:
    """How many outbound mails stand in each state."""
    found = dict(OutboundMail.objects.values_list("state").annotate(Count("id")))
    return {state.value: found.get(state, 0) for state in SendState}
