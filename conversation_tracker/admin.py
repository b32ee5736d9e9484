"""The operators' admin of mail: inbox with its quarantine, outbox. Evidence, read-only, but a quarantined receipt can
be put back.
"""

from __future__ import annotations

import json

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from conversation_tracker import inbox, tasks
from conversation_tracker.models import OutboundMail, Receipt, ReceiptState
from orders.admin import ReadOnly
from orders.models import User


@admin.register(Receipt)
class ReceiptAdmin(ReadOnly):
    """What came in."""

    list_display = ("id", "provider", "channel", "state", "trouble", "attempts", "size", "received_at", "settled_at")
    list_filter = ("state", "trouble", "provider", "channel")
    fields = (
        "provider", "channel", "method", "path", "size", "state", "attempts", "deferrals", "trouble",
        "trouble_detail", "received_at", "next_attempt_at", "settled_at", "what_became_of_it",
    )  # fmt: skip
    readonly_fields = ("what_became_of_it",)
    actions = ("replay",)

    @admin.display(description=_("What became of it"))
    def what_became_of_it(self, receipt: Receipt) -> str:
        """The result for each recipient."""
        return format_html("<pre>{}</pre>", json.dumps(receipt.results, indent=2)) if receipt.results else "–"

    @admin.action(description=_("Replay"), permissions=["view"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Receipt]) -> None:
        """Put quarantined receipts back into the inbox, to be tried anew."""
        if not isinstance(request.user, User) or not request.user.is_superuser:
            return
        waiting = queryset.filter(state=ReceiptState.QUARANTINED)
        done = sum(inbox.put_back(receipt, user=request.user, now=timezone.now()) for receipt in waiting)
        tasks.wake_inbox()
        messages.success(request, _("%(count)d receipts put back into the inbox.") % {"count": done})


@admin.register(OutboundMail)
class OutboundMailAdmin(ReadOnly):
    """What goes out, and what became of it."""

    list_display = ("id", "store", "order", "state", "attempts", "problem", "queued_at", "sent_at")
    list_filter = ("state", "store")
    fields = (
        "store", "order", "entry", "state", "attempts", "problem", "message_id", "provider_message_id",
        "queued_at", "next_attempt_at", "sent_at", "state_changed_at",
    )  # fmt: skip
    list_select_related = ("store", "order")
