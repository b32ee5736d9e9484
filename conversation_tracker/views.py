"""What staff may do about mail on the order page: write one, have one sent again, or passed on that was stopped."""

from __future__ import annotations

import secrets

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from conversation_tracker import order_mails, outbox, tasks, writing
from conversation_tracker.answer_form import AnswerForm
from conversation_tracker.mailflow import headers
from conversation_tracker.outbox import Again
from conversation_tracker.writing import Why
from orders import access, clock, history, pages, placing, timeline, vault
from orders.access import Right
from orders.models import Alias, Order, PartyKind, TimelineEntry

ANSWERS = {
    Again.QUEUED: (messages.SUCCESS, _("The mail is being sent again.")),
    Again.PASSED_ON: (messages.SUCCESS, _("The mail is being passed on.")),
    Again.WAITING: (messages.INFO, _("The mail is on its way already.")),
    Again.ARRIVED: (messages.INFO, _("The mail left and nothing is wrong with it, so it was not sent again.")),
    Again.SUPPRESSED: (
        messages.ERROR,
        _(
            "Not sent: the store suppresses this address. An admin of the store has to lift it first, in "
            "Store settings / Orders / Suppressed addresses."
        ),
    ),
    Again.EXPIRED: (
        messages.ERROR,
        _("Not sent: an alias of this conversation is no longer valid, so nobody could answer."),
    ),
}

REFUSALS = {
    Why.EXPIRED: _("Not sent: an alias of this conversation has expired, so nobody could answer."),
    Why.RETIRED: _("Not sent: an alias of this conversation was retired, so nobody could answer."),
    Why.SUPPRESSED: _(
        "Not sent: the store suppresses this address. An admin of the store has to lift it first, in "
        "Store settings / Orders / Suppressed addresses."
    ),
    Why.TO_SELF: _("Not sent: the store cannot write to itself."),
}


@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def write(request: HttpRequest, account: str, number: str) -> HttpResponseBase:
    """Write from the store to one of the order's parties: a page of its own, and what the box on the order page posts.

    With ``about`` it answers that mail.
    """
    order = access.order(request.user, account, number, Right.ANSWER)
    user, now = pages.user(request), clock.now()
    parties = list(order.aliases.order_by("pk"))
    sender = placing.parties(parties)[1]
    recipients = [alias for alias in parties if alias.party != PartyKind.STORE and alias.is_valid_at(now)]
    about = _about(order, request.POST.get("about") or request.GET.get("about", ""))
    if request.method == "POST":
        form = AnswerForm(request.POST, request.FILES, recipients=recipients)
        if form.is_valid():
            recipient = next(alias for alias in recipients if alias.pk == form.cleaned_data["to"])
            once = form.cleaned_data["once"]
            try:
                writing.answer(
                    order, form.letter(), sender=sender, recipient=recipient, actor=str(user), user=user, about=about,
                    once=f"{user.pk}:{once}" if once else "", now=now,
                )  # fmt: skip
            except writing.CannotWrite as error:
                form.add_error(None, REFUSALS[error.why])
            except vault.Hanging:
                form.add_error(None, _("Not sent: the storage of mails does not answer. Try again in a minute."))
            else:
                tasks.wake_outbox()
                messages.success(request, _("Your mail is on its way. The answer will come to this page."))
                return pages.back_to_order(request, order)
    else:
        form = AnswerForm(recipients=recipients)
    answers = _posted(request) if form.is_bound else _beginning(about, recipients)
    context = {"order": order, "form": form, "recipients": recipients, "about": about, "answers": answers}
    return render(request, "orders/write.html", context, status=400 if form.is_bound else 200)


def _about(order: Order, value: str) -> TimelineEntry | None:
    return timeline.entry(order, int(value)) if value.isdecimal() and len(value) < 19 else None  # noqa: PLR2004  a bigint


def _beginning(about: TimelineEntry | None, recipients: list[Alias]) -> dict[str, object]:
    """To whom it goes and what it is about, as far as that is known; each form is good for one mail: ``once``."""
    once = secrets.token_hex(16)
    if about is None:
        return {"once": once}
    both = {about.sender_alias_id, about.recipient_alias_id}
    to = next((alias.pk for alias in recipients if alias.pk in both), "")
    return {"once": once, "subject": history.subject_of_answer(about)[: headers.LONGEST_SUBJECT], "to": to}


def _posted(request: HttpRequest) -> dict[str, object]:
    """What was written, for the form to show again."""
    to = request.POST.get("to", "")
    said = {name: request.POST.get(name, "") for name in ("once", "subject", "text")}
    return {**said, "to": int(to) if to.isdecimal() else ""}


@require_POST
@pages.guarded
def send_again(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """Send the copy of a mail again that did not arrive, or that of one that a rule stopped; with ``leaves_out``
    without the files that keep it back.
    """
    order = access.order(request.user, account, number, Right.ANSWER)
    leaves_out = bool(request.POST.get("leaves_out"))
    answer = outbox.send_again(order, pk, leaves_out=leaves_out, user=pages.user(request), now=clock.now())
    if answer in outbox.GOES:
        tasks.wake_outbox()
    level, words = ANSWERS[answer]
    messages.add_message(request, level, words)
    return pages.back_to_order(request, order)


@require_POST
@pages.guarded
def resend(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """Have an order mail written once more, to the customer."""
    order = access.order(request.user, account, number, Right.ANSWER)
    order_mails.resend(order, pk, user=pages.user(request), now=clock.now())
    tasks.wake_order_mails()
    messages.success(request, _("The order mail is being written again."))
    return pages.back_to_order(request, order)
