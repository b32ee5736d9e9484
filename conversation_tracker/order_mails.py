"""Order mails: note which are due, write each of them once, and let staff have one resent."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from billiard.exceptions import SoftTimeLimitExceeded
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import translation
from django.utils.translation import gettext_noop

from conversation_tracker import limits, outbox, writing
from conversation_tracker.message_center import choices, context, occasions, rendering
from conversation_tracker.message_center.choices import Choice
from conversation_tracker.models import OrderMail, OrderMailState, TemplateKey
from conversation_tracker.writing import Letter
from orders import access, alerts, aliases, audit, claims, customers, faults, flow, placing
from orders.models import Action, AlertKind, Alias, Order, OrderEvent, PartyKind, TimelineEntry, User
from orders.outcomes import Reason
from orders.secrecy import Secret

log = logging.getLogger(__name__)

MOST_ATTEMPTS = 8  # over half an hour
STOPPED = gettext_noop("The worker was stopped each time.")
TOO_SLOW = gettext_noop("It took too long to write.")
RETIRED = gettext_noop("An alias of this conversation was retired.")
FORGOTTEN = gettext_noop("What happened is no longer known.")
OFF = gettext_noop("The store switched it off.")
COPY_TO_SENDER = gettext_noop("A copy was left out: it would go to the mail’s own sender.")
COPY_RETIRED = gettext_noop("A copy was left out: its alias was retired.")


class CannotBeWritten(ValueError):
    """However often it is tried; says why, in words for staff."""


def take(events: Sequence[OrderEvent]) -> None:
    """Note the mails that go with these events, in the caller's transaction. What was noted before stays as it is."""
    due = [
        OrderMail(
            store_id=event.store_id,
            order_id=event.order_id,
            event=event,
            template=template,
            occasion=event.occasion,
            created_at=event.occurred_at,
            next_attempt_at=event.occurred_at,
        )
        for event in events
        if (template := occasions.template_of(event)) is not None
    ]
    OrderMail.objects.bulk_create(due, ignore_conflicts=True)


# An order's mails are written one after the other, so that they stand on its timeline as things happened; one that
# failed and waits for its next attempt holds up none of the others.
_TAKE = """
    WITH waiting AS (
        SELECT id FROM conversation_tracker_ordermail AS mail
        WHERE state = 'due' AND next_attempt_at <= greatest(%(now)s, statement_timestamp()) AND NOT EXISTS (
            SELECT FROM conversation_tracker_ordermail AS earlier
            WHERE earlier.order_id = mail.order_id AND earlier.id < mail.id
            AND earlier.state = 'due' AND earlier.next_attempt_at <= greatest(%(now)s, statement_timestamp())
        )
        ORDER BY next_attempt_at, id LIMIT 200 FOR UPDATE SKIP LOCKED
    ), taken AS MATERIALIZED (
        SELECT id FROM waiting WHERE pg_try_advisory_lock(%(lock)s + id) LIMIT 1
    )
    UPDATE conversation_tracker_ordermail AS mail SET attempts = mail.attempts + 1
    FROM taken WHERE mail.id = taken.id RETURNING mail.id
"""


def work(*, now: datetime) -> bool:
    """Write the next order mail that is due; False when none is.

    The attempt is committed first; then mail, timeline entries and outbox rows stand together or not at all.
    """
    with claims.held(claims.Space.ORDER_MAILS, _TAKE, {"now": now}) as taken:
        for (pk,) in taken:
            _attempt(pk, now=now)
    return bool(taken)


def _attempt(pk: int, *, now: datetime) -> None:
    try:
        with limits.processor_time(), transaction.atomic():
            row = _hold(pk)
            if row is not None:
                _write(row, now=now)
    except SoftTimeLimitExceeded:
        raise
    except CannotBeWritten as error:
        _note(pk, str(error), may_heal=False, now=now)
    except limits.TooSlow:
        _note(pk, TOO_SLOW, may_heal=True, now=now)
    except Exception as error:  # noqa: BLE001  one mail that cannot be written must not stop the others
        log.error("writing failed order_mail=%s\n%s", pk, faults.trace(error))  # noqa: TRY400  its text may quote a mail
        _note(pk, faults.describe(error), may_heal=True, is_passing=faults.is_passing(error), now=now)


def _hold(pk: int) -> OrderMail | None:
    rows = OrderMail.objects.select_for_update(of=("self",))
    rows = rows.select_related("order__store", "order__customer", "event__invoice")
    return rows.filter(pk=pk, state=OrderMailState.DUE).first()


def _write(row: OrderMail, *, now: datetime) -> None:
    if row.attempts > MOST_ATTEMPTS:
        raise CannotBeWritten(STOPPED)
    order, key = row.order, TemplateKey(row.template)
    choice = choices.of(order.store, key)
    skipped_for = "" if row.resend else _why_not(key, order, choice)
    if skipped_for:
        _settle(row, OrderMailState.SKIPPED, problem=skipped_for, now=now)
        return
    said = row.context.json()
    if said is None:
        if row.event is None:
            raise CannotBeWritten(FORGOTTEN)
        said = context.of_event(order, row.event)
    locale = customers.locale_of(order)
    rendered = rendering.render(order.store, key, locale=locale, context=said)
    letter = Letter(rendered.subject, rendered.text, rendered.html, from_name=choice.sender_name)
    row.context = Secret.of_json(said)
    row.entry, left_out = _send(row, letter, choice, now=now)
    if left_out:
        alerts.raise_about(AlertKind.NOT_SENT, name_of(key), order=order, now=now)
    elif rendered.problem:
        alerts.raise_about(AlertKind.TEMPLATE, name_of(key), order=order, unless=_another_failed(row), now=now)
    else:
        alerts.settle_about(name_of(key), order=order, unless=_another_failed(row), now=now)
    _settle(row, OrderMailState.QUEUED, problem=left_out, now=now)


def _another_failed(row: OrderMail) -> Exists:
    """Whether there is another occasion, of which the same mail tells, at which it could not be written."""
    alike = OrderMail.objects.filter(order=row.order, template=row.template)
    written = alike.filter(occasion=OuterRef("occasion"), resend__gt=OuterRef("resend"), state=OrderMailState.QUEUED)
    return Exists(alike.filter(~Exists(written), state=OrderMailState.FAILED).exclude(occasion=row.occasion))


def _why_not(key: TemplateKey, order: Order, choice: Choice) -> str:
    """Why the mail is left out, though nothing went wrong; what somebody has resent is left out for nothing."""
    return occasions.over(key, order) if choice.is_enabled else OFF


def _send(row: OrderMail, letter: Letter, choice: Choice, *, now: datetime) -> tuple[TimelineEntry, str]:
    """Write to the customer, and to everybody who gets a copy under an alias of their own; a resend goes to nobody
    but the customer. Returns the customer's entry, and why a copy was left out; empty when none was.
    """
    order = row.order
    customer = placing.parties(order.aliases.all())[0]
    copies = [] if row.resend else [*choice.cc, *choice.bcc]
    sender, *others = aliases.issue(
        order,
        [
            aliases.Party(PartyKind.STORE, choice.sender_address, choice.sender_name),
            *(aliases.Party(PartyKind.THIRD_PARTY, address) for address in copies),
        ],
        now=now,
    )
    for alias in (customer, sender):
        if not aliases.renew(alias, now=now).is_valid_at(now):
            raise CannotBeWritten(RETIRED)
    recipients = {alias.pk: alias for alias in others if alias.pk not in {customer.pk, sender.pk}}
    valid = [alias for alias in recipients.values() if aliases.renew(alias, now=now).is_valid_at(now)]
    entries = [_mail(row, letter, sender=sender, recipient=alias, now=now) for alias in (customer, *valid)]
    if len(valid) < len(recipients):
        return entries[0], COPY_RETIRED
    is_to_sender = sender.pk != customer.pk and any(alias.pk == sender.pk for alias in others)
    return entries[0], COPY_TO_SENDER if is_to_sender else ""


def _mail(row: OrderMail, letter: Letter, *, sender: Alias, recipient: Alias, now: datetime) -> TimelineEntry:
    return writing.write(
        row.order,
        letter,
        sender=sender,
        recipient=recipient,
        reason=Reason.ORDER_MAIL,
        actor=row.actor,
        once=f"order-mail:{row.pk}",
        order_mail=row,
        now=now,
    )


def _settle(row: OrderMail, state: OrderMailState, *, now: datetime, problem: str = "") -> None:
    row.state, row.problem, row.settled_at = state, problem, now
    row.save(update_fields=["state", "problem", "settled_at", "entry", "context"])
    log.info("order mail settled order_mail=%s state=%s attempts=%s", row.pk, row.state, row.attempts)


def _note(pk: int, problem: str, *, may_heal: bool, is_passing: bool = False, now: datetime) -> None:
    """It failed: another time, or for good and with an alert on the order. What passes by itself gets two days."""
    with transaction.atomic():
        row = _hold(pk)
        if row is None:
            return
        if is_passing and now - row.created_at < outbox.GIVEN_UP_AFTER:
            row.attempts = min(row.attempts, MOST_ATTEMPTS - 1)
        if may_heal and row.attempts < MOST_ATTEMPTS:
            row.problem, row.next_attempt_at = problem[:200], now + outbox.delay(row.attempts)
            row.save(update_fields=["attempts", "problem", "next_attempt_at"])
            return
        alerts.raise_about(AlertKind.NOT_SENT, name_of(TemplateKey(row.template)), order=row.order, now=now)
        _settle(row, OrderMailState.FAILED, problem=problem[:200], now=now)


def name_of(key: TemplateKey) -> str:
    """What the mail is called, untranslated: pages translate it."""
    with translation.override(None):
        return str(key.label)


def resend(order: Order, pk: int, *, user: User, now: datetime) -> OrderMail:
    """Write the mail once more to the customer, as a mail of its own; audited. One that waits already is enough.

    Raises access.NotFound when the order has no such mail.
    """
    with transaction.atomic():
        flow.hold(order)
        row = OrderMail.objects.filter(order=order, pk=pk).first()
        if row is None:
            raise access.NotFound(pk)
        alike = OrderMail.objects.filter(order=order, template=row.template, occasion=row.occasion)
        newest = alike.latest("resend")
        if newest.state == OrderMailState.DUE:
            return newest
        fresh = OrderMail.objects.create(
            store_id=row.store_id,
            order=order,
            event_id=row.event_id,
            template=row.template,
            occasion=row.occasion,
            resend=newest.resend + 1,
            actor=str(user),
            context=row.context,
            created_at=now,
            next_attempt_at=now,
        )
        audit.record(
            Action.MAIL_SENT_AGAIN,
            subject=f"{row} of order {order.number}",
            store=order.store,
            user=user,
            before=row.state,
            after=f"{fresh}",
            now=now,
        )
    return fresh
