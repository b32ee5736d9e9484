"""The operators' admin of mail: inbox with its quarantine, order mails, outbox. Evidence, read-only, but a receipt in
quarantine can be put back or dismissed.
"""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path as path_to
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from conversation_tracker import inbox, logs, tasks
from conversation_tracker.models import REPLAYABLE, Channel, OrderMail, OutboundMail, Receipt
from orders import clock, pages, secrecy
from orders.admin import ReadOnly
from orders.models import TimelineEntry, User


class WithReason(ActionForm):
    """An action of the list, with the reason that some of them ask for."""

    reason = forms.CharField(required=False, max_length=500, label=_("Reason, to dismiss:"))


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
    actions = ("replay", "dismiss")
    action_form = WithReason

    def get_urls(self) -> list[Any]:
        def at(path: str, view: Any, name: str) -> Any:
            return path_to(f"<int:pk>/{path}/", self.admin_site.admin_view(require_POST(view)), name=f"receipt-{name}")

        return [
            at("replay", self.replay_one, "replay"),
            at("dismiss", self.dismiss_one, "dismiss"),
            at("bytes", self.download, "bytes"),
            *super().get_urls(),
        ]

    def replay_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Put this receipt back into the inbox, from its own page."""
        user, receipt = _operator(request), get_object_or_404(Receipt, pk=pk)
        if inbox.put_back(receipt, user=user, now=clock.now()):
            tasks.wake_inbox()
            messages.success(request, _("Put back into the inbox. A worker reads it now."))
        else:
            messages.info(request, _("There is nothing to replay: it has been read, or is being read."))
        return redirect("admin:conversation_tracker_receipt_change", pk)

    def dismiss_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take this receipt out of quarantine, from its own page; a reason is asked for and audited."""
        user, receipt = _operator(request), get_object_or_404(Receipt, pk=pk)
        reason = _reason(request)
        if not reason:
            messages.error(request, _("Say why it can be dismissed."))
        elif inbox.dismiss(receipt, user=user, reason=reason, now=clock.now()):
            messages.success(request, _("Dismissed. Its bytes are kept for as long as those of other mails."))
        else:
            messages.info(request, _("It is not in quarantine."))
        return redirect("admin:conversation_tracker_receipt_change", pk)

    def download(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The bytes as they came, as a file that no browser opens; a reason is asked for and audited."""
        user, receipt = _operator(request), get_object_or_404(Receipt, pk=pk)
        reason = _reason(request)
        if not reason:
            messages.error(request, _("Say why the mail has to be opened."))
            return redirect("admin:conversation_tracker_receipt_change", pk)
        try:
            content = inbox.reveal(receipt, user=user, reason=reason, now=clock.now())
        except (secrecy.CannotOpen, secrecy.KeyMissing):
            messages.error(request, _("Its bytes cannot be opened: they are damaged, or their key is gone."))
            return redirect("admin:conversation_tracker_receipt_change", pk)
        ending = "eml" if receipt.channel == Channel.MIME else "txt"
        return pages.download(content, name=f"receipt-{pk}.{ending}", content_type="", is_dangerous=True)

    @admin.display(description=_("What became of it"))
    def what_became_of_it(self, receipt: Receipt) -> str:
        """The result for each recipient, and the mail's entries on the pages of their orders."""
        if not receipt.results:
            return "–"
        wanted = [one["entry"] for one in receipt.results if one["entry"]]
        entries = TimelineEntry.objects.filter(pk__in=wanted).select_related("order__store").order_by("pk")
        links = format_html_join(
            "",
            '<p><a href="{}#mail-{}">{}</a></p>',
            (
                (
                    reverse("orders:detail", args=[entry.order.store.account, entry.order.number]),
                    entry.pk,
                    _("Order %(number)s") % {"number": entry.order.number},
                )
                for entry in entries
            ),
        )
        return format_html("{}<pre>{}</pre>", links, json.dumps(receipt.results, indent=2))

    @admin.action(description=_("Replay"), permissions=["view"])
    def replay(self, request: HttpRequest, queryset: QuerySet[Receipt]) -> None:
        """Put quarantined receipts back into the inbox, to be tried anew."""
        user = _operator(request)
        waiting = queryset.filter(REPLAYABLE)
        done = sum(inbox.put_back(receipt, user=user, now=clock.now()) for receipt in waiting)
        tasks.wake_inbox()
        messages.success(request, _("%(count)d receipts put back into the inbox.") % {"count": done})

    @admin.action(description=_("Dismiss"), permissions=["view"])
    def dismiss(self, request: HttpRequest, queryset: QuerySet[Receipt]) -> None:
        """Take receipts out of quarantine that somebody has seen to."""
        user, reason = _operator(request), _reason(request)
        if not reason:
            messages.error(request, _("Say why they can be dismissed."))
            return
        done = sum(inbox.dismiss(receipt, user=user, reason=reason, now=clock.now()) for receipt in queryset)
        messages.success(request, _("%(count)d receipts dismissed.") % {"count": done})


def _reason(request: HttpRequest) -> str:
    """What the operator says, without the addresses in it: the audit log is neither sealed nor ever changed."""
    return logs.without_addresses(request.POST.get("reason", "").replace("\0", "").strip())


def _operator(request: HttpRequest) -> User:
    """Who runs the site; raises PermissionDenied for staff with fewer rights."""
    user = request.user
    if not isinstance(user, User) or not user.is_superuser:
        raise PermissionDenied
    return user


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


@admin.register(OrderMail)
class OrderMailAdmin(ReadOnly):
    """What stores say at each step of an order, before the outbox has it."""

    list_display = (
        "id", "store", "order", "template", "resend", "state", "attempts", "problem", "created_at", "settled_at",
    )  # fmt: skip
    list_filter = ("state", "template", "store")
    fields = (
        "store", "order", "template", "occasion", "resend", "actor", "state", "attempts", "problem", "entry",
        "created_at", "next_attempt_at", "settled_at",
    )  # fmt: skip
    list_select_related = ("store", "order")
