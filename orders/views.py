"""The pages of orders: the list, one order with its timeline, the formatted body of a mail, an attachment."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders import (
    access,
    alerts,
    cancelling,
    clock,
    comments,
    history,
    listing,
    masking,
    pages,
    progress,
    rendering,
    secrecy,
    tasks,
    timeline,
    vault,
)  # fmt: skip
from orders.access import Right
from orders.models import Alert, Attachment, Kind, PartyKind, Status, Store, TimelineEntry
from orders.paging import Place

MOST_ORDER_MAILS = 200  # shown of one order
SHORTEST_PAGE_NAME = 3  # letters of a page's name before it is suggested

log = logging.getLogger(__name__)


@require_safe
@pages.guarded
def order_list(request: HttpRequest) -> HttpResponseBase:
    """The orders of every store one may see, newest first; with ``q``, or ``s`` veiled, those that it names exactly."""
    stores = list(access.stores_of(request.user).order_by("name", "account"))
    chosen = next((store for store in stores if store.account == request.GET.get("store")), None)
    status = _status(request.GET.get("status", ""))
    asked = listing.wanted(request.GET.get("q", ""))
    if asked and not _may_show(asked):
        return _to_search(request, asked)
    query = asked or listing.unveiled(request.GET.get("s", ""), pages.user(request))
    if query:
        return _search(request, stores, query)
    before = Place.parse(request.GET.get("before", ""))
    attention = request.GET.get("attention") == "1"
    wanted = [chosen] if chosen else stores
    context = {
        "page": listing.page(listing.of_stores(wanted, status=status, needs_attention=attention), before=before),
        "stores": stores,
        "chosen": chosen,
        "status": status,
        "statuses": Status,
        "attention": attention,
        "in_need": listing.count_in_need(wanted),
        "before": before,
    }
    return render(request, "orders/list.html", context)


@sensitive_post_parameters("q")
@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def search(request: HttpRequest) -> HttpResponseBase:
    """Take in what was typed, so that an address does not pass through a URL, and lead to what it finds."""
    return _to_search(request, listing.wanted(request.POST.get("q", "")))


def _to_search(request: HttpRequest, query: str) -> HttpResponseBase:
    return redirect(reverse("orders:list", query=_url_query(request, query)))


def _url_query(request: HttpRequest, query: str) -> dict[str, str]:
    """Shareable as it is, but for what may be about a person."""
    if query and not _may_show(query):
        return {"s": listing.veiled(query, pages.user(request))}
    return {"q": query} if query else {}


def _may_show(query: str) -> bool:
    return listing.is_number(query) or _names_a_page(query)


def _search(request: HttpRequest, stores: list[Store], query: str) -> HttpResponseBase:
    before = Place.parse(request.GET.get("before", ""))
    found = listing.page(listing.found_by(stores, query), before=before)
    settings_of = list(access.stores_of(request.user, Right.SETTINGS).order_by("name")) if _names_a_page(query) else []
    if len(found.rows) == 1 and not (settings_of or before or found.older):
        order = found.rows[0].order
        return redirect("orders:detail", order.store.account, order.number)
    context = {
        "page": found,
        "query": query,
        "url_query": urlencode(_url_query(request, query)),
        "settings_of": settings_of,
    }
    return render(request, "orders/search.html", context)


def _names_a_page(query: str) -> bool:
    """Whether somebody who types this looks for the settings, in our languages: the search bar finds pages too."""
    names = ("orders", "store settings", "settings", "mask", _("Orders"), _("Store settings"), _("Settings"))
    return len(query) >= SHORTEST_PAGE_NAME and any(str(name).casefold().startswith(query.casefold()) for name in names)


def _status(value: str) -> Status | None:
    return Status(value) if value in Status.values else None


@require_safe
@pages.guarded
def order_detail(request: HttpRequest, account: str, number: str) -> HttpResponseBase:
    """One order: what is known of it, its aliases, and its history."""
    order = access.order(request.user, account, number)
    before = Place.parse(request.GET.get("before", ""))
    open_alerts = alerts.open_of(order)
    wanted = request.GET.get("show", "")
    shown = history.Shown(wanted) if wanted in history.Shown.values else history.Shown.ALL
    by_entry = {alert.entry_id: alert for alert in open_alerts if alert.entry_id}
    order_mails = list(order.order_mails.defer("context").order_by("-pk")[:MOST_ORDER_MAILS])  # by its name: mail's
    of_entries = {mail.entry_id: mail.pk for mail in order_mails if mail.entry_id}
    known = list(order.aliases.order_by("issued_at", "pk"))
    page = history.page(order, aliases=known, before=before, alerts=by_entry, order_mails=of_entries, shown=shown)
    visible = {moment.entry.pk for moment in page.moments}
    aliases = [(alias, alias.is_valid_at(timezone.now())) for alias in known]
    parties = masking.known(known)
    asked = cancelling.open_request(order)
    elsewhere = [alert.entry for alert in open_alerts if alert.entry]
    masking.entries([*elsewhere, *([asked] if asked else [])], parties)
    parcels = progress.parcels(order, parties)
    document = masking.document(order.document.json(), parties)
    context = {
        "order": order,
        "rights": access.rights_in(order.store, request.user),
        "asked": asked,
        "matters": len(open_alerts) + bool(asked),
        "alerts": [(alert, _elsewhere(alert, visible)) for alert in open_alerts],
        "aliases": aliases,
        "stages": progress.stages(order, parcels),
        "parcels": parcels,
        "order_mails": order_mails,
        "items": progress.items(document),
        "delivery": progress.delivery(document),
        "recipients": [alias for alias, is_valid in aliases if is_valid and alias.party != PartyKind.STORE],
        "answers": _to_be_answered(page),
        "longest_comment": comments.LONGEST,
        "longest_reason": cancelling.LONGEST_REASON,
        "page": page,
        "before": before,
        "shown": shown,
        "Shown": history.Shown,
    }
    return render(request, "orders/detail.html", context)


def _to_be_answered(page: history.Page) -> dict[str, Any]:
    """To whom an answer goes unless somebody says otherwise, and about what: the last mail that is not the store's.

    Each form is good for one mail: ``once``.
    """
    mails = (one.entry for one in reversed(page.moments) if one.entry.kind == Kind.MAIL and one.side != PartyKind.STORE)
    known: dict[str, Any] = {"once": secrets.token_hex(16)}
    if last := next(mails, None):
        known |= {"to": last.sender_alias_id, "subject": history.subject_of_answer(last)}
    return known


def _elsewhere(alert: Alert, shown: set[int]) -> str:
    """The stretch of the timeline that ends with the entry of the alert; empty when it is on this one, or has none."""
    entry = alert.entry
    return f"?before={Place(entry.occurred_at, entry.pk + 1)}" if entry and entry.pk not in shown else ""


@require_POST
@pages.guarded
def comment(request: HttpRequest, account: str, number: str) -> HttpResponseBase:
    """Keep what staff say among themselves on the order's timeline."""
    order = access.order(request.user, account, number, Right.ANSWER)
    text = request.POST.get("text", "").replace("\r\n", "\n").replace("\0", "").strip()
    if text and len(text) <= comments.LONGEST:
        comments.add(order, text, actor=str(pages.user(request)), now=timezone.now())
        messages.success(request, _("The comment stands in the order history. It is mailed to nobody."))
    elif text:
        messages.error(request, _("The comment is too long, and was not kept."))
    else:
        messages.error(request, _("Write something first."))
    return pages.back_to_order(request, order)


@require_POST
@pages.guarded
def answer_request(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """Cancel the order as the customer asks for in this entry, or let it go on."""
    order = access.order(request.user, account, number, Right.ANSWER)
    reason = request.POST.get("reason", "").replace("\r\n", "\n").replace("\0", "").strip()
    answer = {"accept": cancelling.accept, "refuse": cancelling.deny}.get(request.POST.get("answer", ""))
    if answer is None or not 0 < len(reason) <= cancelling.LONGEST_REASON:
        most = cancelling.LONGEST_REASON
        messages.error(request, _("Nothing was changed: say why, in at most %(most)d characters.") % {"most": most})
        return pages.back_to_order(request, order)
    try:
        answer(order, request=pk, reason=reason, actor=str(pages.user(request)), now=clock.now())
    except cancelling.NotAsked:
        messages.error(request, _("Nothing was changed: the request was answered before. The order history says how."))
        return pages.back_to_order(request, order)
    tasks.wake_events()
    if answer is cancelling.accept:
        messages.success(request, _("The order is cancelled."))
    else:
        messages.success(request, _("The request is refused, and the order goes on. No mail tells the customer."))
    return pages.back_to_order(request, order)


@require_POST
@pages.guarded
def dismiss_alert(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """Somebody has looked at an alert, and it needs no more attention."""
    order = access.order(request.user, account, number, Right.ANSWER)
    if alerts.dismiss(order, pk, user=pages.user(request), now=timezone.now()) is None:
        raise Http404
    messages.success(request, _("The alert is dismissed."))
    return pages.back_to_order(request, order)


@require_safe
@xframe_options_sameorigin
@pages.guarded
def entry_body(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """The formatted version of a mail, cleaned, for a sandboxed frame; the policy on it is this page's alone."""
    entry = _entry(request, account, number, pk)
    if not entry.html:
        raise Http404
    return pages.formatted(request, entry.html, _pictures(entry))


def _pictures(entry: TimelineEntry) -> dict[str, bytes]:
    """The pictures of the mail that its HTML shows, as far as they fit."""
    wanted = set(rendering.content_ids(entry.html))
    found: dict[str, bytes] = {}
    room = rendering.MAX_PICTURES
    for attachment in entry.attachments.all():
        name = rendering.bare_id(attachment.content_id)
        if name in wanted and name not in found and attachment.size <= room:
            room -= attachment.size
            try:
                found[name] = vault.load(attachment.stored_as)
            except (vault.Missing, vault.Hanging, secrecy.CannotOpen):
                log.exception("%s cannot be opened", attachment)
    return found


@require_safe
@pages.guarded
def entry_text(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """The whole text of a mail, however long."""
    entry = _entry(request, account, number, pk)
    return pages.harmless(HttpResponse(entry.text, content_type="text/plain; charset=utf-8"))


@require_safe
@pages.guarded
def attachment(request: HttpRequest, account: str, number: str, pk: int) -> HttpResponseBase:
    """A file of a mail, to be saved and never shown in the browser."""
    order = access.order(request.user, account, number)
    found = Attachment.objects.filter(entry__order=order, pk=pk).first()
    if found is None:
        raise Http404
    try:
        content = vault.load(found.stored_as)
    except vault.Hanging:
        return HttpResponse(status=503, headers={"Retry-After": "60"})
    except (vault.Missing, secrecy.CannotOpen) as error:
        log.exception("%s cannot be opened", found)
        raise Http404 from error
    masking.file_names([found], masking.of_order(order))
    return pages.download(content, name=found.name, content_type=found.content_type, is_dangerous=found.is_dangerous)


def _entry(request: HttpRequest, account: str, number: str, pk: int) -> TimelineEntry:
    order = access.order(request.user, account, number)
    found = timeline.entry(order, pk)
    if found is None:
        raise Http404
    return found
