"""The outbox: claim a mail that waits, and write down what became of it."""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Count

from conversation_tracker import faults, send
from conversation_tracker.models import OutboundMail, SendState
from conversation_tracker.models.outbound import WAITING

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 12
FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(hours=2)


def work(*, now: datetime) -> bool:
    """Send the next mail that waits; False when none does.

    The attempt is committed first, then the row is held while the mail leaves: a worker killed in between leaves a
    row that the next one takes up, so that a mail may leave twice under one Message-ID but never not at all.
    """
    claimed = _claim(now)
    if claimed is None:
        return False
    pk, attempts = claimed
    with transaction.atomic():
        row = (
            OutboundMail.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("store")
            .filter(pk=pk, state=SendState.SENDING, attempts=attempts)
            .first()
        )
        if row is not None:
            _settle(row, _send(row), now=now)
    return True


def _send(row: OutboundMail) -> send.Result:
    try:
        return send.send(row)
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:  # noqa: BLE001  one mail that cannot be sent must not stop the others
        log.error("sending failed outbound=%s\n%s", row.pk, faults.trace(error))  # noqa: TRY400  its text may quote a mail
        return send.Later(faults.describe(error))


def _claim(now: datetime) -> tuple[int, int] | None:
    with transaction.atomic():
        found = (
            OutboundMail.objects.select_for_update(skip_locked=True)
            .filter(state__in=WAITING, next_attempt_at__lte=now)
            .order_by("next_attempt_at")
            .values_list("id", "attempts")
            .first()
        )
        if found is None:
            return None
        pk, attempts = found
        if attempts >= MOST_ATTEMPTS:  # every attempt ended with its worker
            OutboundMail.objects.filter(pk=pk).update(
                state=SendState.FAILED, problem="The worker was stopped each time.", state_changed_at=now
            )
            return pk, 0
        OutboundMail.objects.filter(pk=pk).update(state=SendState.SENDING, attempts=attempts + 1, state_changed_at=now)
    return pk, attempts + 1


def _settle(row: OutboundMail, result: send.Result, *, now: datetime) -> None:
    match result:
        case send.Sent(provider_message_id):
            row.state, row.sent_at, row.provider_message_id, row.problem = SendState.SENT, now, provider_message_id, ""
        case send.Later(problem) if row.attempts < MOST_ATTEMPTS:
            row.state, row.problem, row.next_attempt_at = SendState.RETRY, problem, now + delay(row.attempts)
        case send.Later(problem) | send.Never(problem):
            row.state, row.problem = SendState.FAILED, problem
        case send.Suppressed(problem):
            row.state, row.problem = SendState.SUPPRESSED, problem
        case send.Held(problem):
            row.state, row.problem = SendState.HELD, problem
    row.state_changed_at = now
    row.save(
        update_fields=["state", "sent_at", "provider_message_id", "problem", "next_attempt_at", "state_changed_at"]
    )
    log.info("mail left outbound=%s state=%s attempts=%s problem=%s", row.pk, row.state, row.attempts, row.problem)


def delay(attempts: int) -> timedelta:
    """How long to wait after so many attempts: doubling up to two hours, give or take a quarter."""
    longest: timedelta = min(FIRST_DELAY * 2 ** min(attempts - 1, 20), LONGEST_DELAY)
    return longest * random.uniform(0.75, 1.25)  # noqa: S311  spreads retries, guards nothing


def counts() -> dict[str, int]:
    """How many outbound mails stand in each state."""
    found = dict(OutboundMail.objects.values_list("state").annotate(Count("id")))
    return {state.value: found.get(state, 0) for state in SendState}
