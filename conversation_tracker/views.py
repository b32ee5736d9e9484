"""What staff may do about mail on the order page: have a copy sent again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from conversation_tracker import outbox, tasks
from conversation_tracker.outbox import Again
from orders import access, pages
from orders.access import Right

ANSWERS = {
    Again.QUEUED: (messages.SUCCESS, _("The mail is being sent again.")),
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


@require_POST
@pages.guarded
def send_again(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """Send the copy of a mail again that did not arrive."""
    order = access.order(request.user, account, number, Right.ANSWER)
    answer = outbox.send_again(order, pk, user=pages.user(request), now=timezone.now())
    if answer is Again.QUEUED:
        tasks.wake_outbox()
    level, words = ANSWERS[answer]
    messages.add_message(request, level, words)
    return pages.back_to_order(request, order)
