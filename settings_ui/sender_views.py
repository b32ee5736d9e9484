"""The pages of senders: names and addresses that order mails come from, and what DNS says of their domains."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conversation_tracker.message_center import resolving, senders, trials
from orders import access, addresses, pages
from orders.access import Right
from orders.models import MaskType, Store
from settings_ui import domain_words
from settings_ui.forms import SenderForm

_SELECTOR = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def list_all(request: HttpRequest, account: str) -> HttpResponseBase:
    """The store's senders, and a form for another one."""
    store = access.store(request.user, account, Right.SETTINGS)
    form = SenderForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            senders.add(store, **form.cleaned_data, user=pages.user(request), now=timezone.now())
        except senders.AlreadyThere:
            form.add_error("address", _("The store has a sender of this address."))
        else:
            messages.success(request, _("Saved."))
            return redirect("settings_ui:senders", store.account)
    return _page(request, store, form=form, status=400 if form.is_bound else 200)


def _page(request: HttpRequest, store: Store, *, form: SenderForm, status: int = 200) -> HttpResponseBase:
    rows = [(sender, addresses.split(sender.address.text()).domain) for sender in senders.of(store)]
    own = addresses.split(store.sender_address.text()).domain
    page: dict[str, Any] = {
        "store": store,
        "form": form,
        "rows": rows,
        "own_domain": own,
        "domains": list(dict.fromkeys([*_of_aliases(store), *(domain for _sender, domain in rows), own])),
        "has_default": any(sender.is_default for sender, _domain in rows),
        "tests": trials.recent(store, None),
    }
    return render(request, "settings_ui/senders.html", page, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def edit(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Change one sender."""
    store = access.store(request.user, account, Right.SETTINGS)
    sender = _sender(store, pk)
    known = {"name": sender.name, "address": sender.address.text()}
    form = SenderForm(request.POST if request.method == "POST" else None, initial=known)
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            is_new = senders.change(
                sender, name=said["name"], address=said["address"], user=pages.user(request), now=timezone.now()
            )
        except senders.AlreadyThere:
            form.add_error("address", _("The store has a sender of this address."))
        else:
            messages.success(request, _("Saved.") if is_new else _("Nothing changed: it was so already."))
            return redirect("settings_ui:senders", store.account)
    page = {"store": store, "form": form, "sender": sender}
    return render(request, "settings_ui/sender.html", page, status=400 if form.is_bound else 200)


@require_POST
@pages.guarded
def make_default(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Let mails without a sender of their own come from this one."""
    store = access.store(request.user, account, Right.SETTINGS)
    senders.make_default(_sender(store, pk), user=pages.user(request), now=timezone.now())
    messages.success(request, _("Saved."))
    return redirect("settings_ui:senders", store.account)


@require_POST
@pages.guarded
def remove(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Take a sender away."""
    store = access.store(request.user, account, Right.SETTINGS)
    senders.remove(_sender(store, pk), user=pages.user(request), now=timezone.now())
    messages.success(request, _("The sender was removed. Mails that named it come from the default sender now."))
    return redirect("settings_ui:senders", store.account)


@require_POST
@pages.guarded
def test(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Queue a mail to the sender's own mailbox, where customers' answers are to arrive."""
    store = access.store(request.user, account, Right.SETTINGS)
    sender = _sender(store, pk)
    text = _(
        "This mail was sent from the settings of %(store)s, to try the sender %(name)s.\n\nThat you read it shows that "
        "answers of customers arrive in this mailbox."
    ) % {"store": store.name, "name": sender.name}
    letter = trials.Letter(sender.name, sender.address.text(), f"[{_('Test')}] {sender.name}", "", text)
    try:
        trials.queue(
            store, letter, to=sender.address.text(), template=None, user=pages.user(request), now=timezone.now()
        )
    except trials.TooMany:
        messages.error(request, _("That is enough tests for an hour. Try again later."))
    else:
        messages.success(request, _("The test waits to be sent. What becomes of it stands at the end of this page."))
    return redirect("settings_ui:senders", store.account)


@require_safe
@pages.guarded
def domain(request: HttpRequest, account: str, name: str) -> HttpResponseBase:
    """What DNS says of a domain of this store, in words. The list of senders loads it after itself."""
    store = access.store(request.user, account, Right.SETTINGS)
    known = {*_of_aliases(store), addresses.split(store.sender_address.text()).domain}
    known |= {addresses.split(sender.address.text()).domain for sender in senders.of(store)}
    if name not in known:
        raise Http404
    selector = request.GET.get("selector", "").strip()
    is_bad = bool(selector) and not _SELECTOR.fullmatch(selector)
    is_soft = store.mask_type == MaskType.SOFT and name in _of_aliases(store)
    found = resolving.check(name, selector="" if is_bad else selector, is_soft=is_soft)
    is_fragment = request.headers.get("X-Fragment") == "1"
    page = {
        "store": store,
        "domain": name,
        "is_tracking": name in _of_aliases(store),
        "selector": selector,
        "is_bad_selector": is_bad,
        "findings": [(one, domain_words.of(one.verdict)) for one in found],
    }
    return render(request, "settings_ui/parts/domain.html" if is_fragment else "settings_ui/domain.html", page)


def _of_aliases(store: Store) -> list[str]:
    """The tracking domain, and those of before, whose aliases still send and are answered to."""
    return [store.tracking_domain, *store.former_domains]


def _sender(store: Store, pk: int) -> Any:
    found = senders.find(store, pk)
    if found is None:
        raise Http404
    return found
