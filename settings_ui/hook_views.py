"""The page of hooks and feeds in store settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from orders import access, clock, feeds, hook_care, hooks, pages
from orders.access import Right
from orders.models import Feed, Hook, HookDelivery, Store
from settings_ui import answers, hook_words
from settings_ui.forms import DAY, FeedForm, HookForm, NewFeedForm, NewHookForm

NEW_FEED = "feed"  # the prefix of its form; a hook's or feed's own has its number


@dataclass(frozen=True, slots=True)
class Shown:
    """A hook as the page shows it; ``secret`` only where it was asked for."""

    hook: Hook
    form: HookForm
    problem: str
    url: str = field(repr=False)
    headers: tuple[str, ...] = ()  # their names alone
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A feed as the page shows it."""

    feed: Feed
    form: FeedForm
    days: float


@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def hooks_and_feeds(request: HttpRequest, account: str) -> HttpResponseBase:
    """The hooks and feeds of the store's keys with the latest deliveries, and a form for another hook."""
    store = access.store(request.user, account, Right.SETTINGS)
    keys = hook_care.keys_without_hook(store)
    form = NewHookForm(request.POST if request.method == "POST" else None, keys=keys)
    if request.method == "POST" and form.is_valid():
        try:
            hook_care.add(form.chosen_key(), form.wish(), user=pages.user(request), now=clock.now())
        except hooks.NotTaken as error:
            form.add_error("url", hook_words.of(str(error)))
        else:
            messages.success(request, _("The target took the ping. What happens is posted to it from now on."))
            return redirect("settings_ui:hooks", store.account)
    return _page(request, store, filled=form if form.is_bound else None)


@require_POST
@pages.guarded
def change(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Another target, or something else to be told."""
    store = access.store(request.user, account, Right.SETTINGS)
    hook = hook_care.one(store, pk)
    form = HookForm(request.POST, prefix=f"hook-{pk}")
    if form.is_valid():
        try:
            hook_care.change(hook, form.wish(), user=pages.user(request), now=clock.now())
        except hooks.NotTaken as error:
            form.add_error("url", hook_words.of(str(error)))
        else:
            messages.success(request, _("Saved. The target took the ping."))
            return redirect("settings_ui:hooks", store.account)
    return _page(request, store, filled=form)


@require_POST
@pages.guarded
def ping(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Post a test to the target, and say what it answered."""
    store = access.store(request.user, account, Right.SETTINGS)
    answer = hook_care.ping(hook_care.one(store, pk), now=clock.now())
    if answer.is_ok:
        messages.success(request, _("The target took the ping: it answered 200."))
    else:
        messages.error(request, _("The ping was not taken.") + " " + hook_words.of(answer.problem))
    return redirect("settings_ui:hooks", store.account)


@require_POST
@pages.guarded
def show_secret(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """The page with the secret of one hook on it, this once; audited."""
    store = access.store(request.user, account, Right.SETTINGS)
    secret = hook_care.reveal_secret(hook_care.one(store, pk), user=pages.user(request), now=clock.now())
    return _page(request, store, of=pk, secret=secret)


@require_POST
@pages.guarded
def replace_secret(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Sign by another secret, and show it this once; audited."""
    store = access.store(request.user, account, Right.SETTINGS)
    secret = hook_care.replace_secret(hook_care.one(store, pk), user=pages.user(request), now=clock.now())
    messages.success(request, _("Posts are signed by the new secret from now on. What is refused is tried again."))
    return _page(request, store, of=pk, secret=secret)


@require_POST
@pages.guarded
def switch(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Post to the target, or not."""
    store = access.store(request.user, account, Right.SETTINGS)
    is_on = request.POST.get("to") == "on"
    changed = hook_care.switch(hook_care.one(store, pk), is_on=is_on, user=pages.user(request), now=clock.now())
    if not changed:
        messages.info(request, _("Nothing changed: it was so already."))
    elif is_on:
        messages.success(request, _("Switched on. What waited is posted now."))
    else:
        messages.success(request, _("Switched off. What waits stays; what happens meanwhile is not posted."))
    return redirect("settings_ui:hooks", store.account)


@require_POST
@pages.guarded
def remove(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Take a hook away."""
    store = access.store(request.user, account, Right.SETTINGS)
    user, now = pages.user(request), clock.now()
    return _removed(request, store, lambda: hooks.remove(hook_care.one(store, pk).api_key, user=user, now=now))


@require_POST
@pages.guarded
def set_up_feed(request: HttpRequest, account: str) -> HttpResponseBase:
    """Give a key a feed."""
    store = access.store(request.user, account, Right.SETTINGS)
    form = NewFeedForm(request.POST, prefix=NEW_FEED, keys=hook_care.keys_without_feed(store))
    if not form.is_valid():
        return _page(request, store, filled=form)
    feeds.configure(form.chosen_key(), form.wanted(), user=pages.user(request), now=clock.now())
    messages.success(request, _("The feed is set up. What happens from now on waits in it."))
    return redirect("settings_ui:hooks", store.account)


@require_POST
@pages.guarded
def change_feed(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Something else to wait in a feed, or for another time."""
    store = access.store(request.user, account, Right.SETTINGS)
    feed = hook_care.feed(store, pk)
    form = FeedForm(request.POST, prefix=f"feed-{pk}")
    if not form.is_valid():
        return _page(request, store, filled=form)
    feeds.configure(feed.api_key, form.wanted(feed), user=pages.user(request), now=clock.now())
    messages.success(request, _("Saved. What waits in the feed stays."))
    return redirect("settings_ui:hooks", store.account)


@require_POST
@pages.guarded
def remove_feed(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Take a feed away with all that waits in it."""
    store = access.store(request.user, account, Right.SETTINGS)
    user, now = pages.user(request), clock.now()
    return _removed(request, store, lambda: feeds.remove(hook_care.feed(store, pk).api_key, user=user, now=now))


def _removed(request: HttpRequest, store: Store, remove: Callable[[], bool]) -> HttpResponseBase:
    done, done_before = _("Removed, with what waited for it."), _("Nothing changed: it was removed already.")
    answers.removed(request, remove, done=done, done_before=done_before)
    return redirect("settings_ui:hooks", store.account)


def _page(
    request: HttpRequest,
    store: Store,
    *,
    filled: HookForm | FeedForm | None = None,
    of: int = 0,
    secret: str = "",
) -> HttpResponse:
    """With the form that was ``filled`` in and not taken, or the secret of a hook."""
    keys, keys_for_feeds = hook_care.keys_without_hook(store), hook_care.keys_without_feed(store)
    forms: dict[str | None, Any] = {filled.prefix: filled} if filled else {}
    context: dict[str, Any] = {
        "store": store,
        "hooks": [_shown(hook, forms, secret if hook.pk == of else "") for hook in hook_care.of_store(store)],
        "feeds": [_waiting(feed, forms) for feed in hook_care.feeds_of(store, now=clock.now())],
        "deliveries": [_delivered(delivery) for delivery in hook_care.latest(store)],
        "keys": keys,
        "keys_for_feeds": keys_for_feeds,
        "form": forms.get(None) or NewHookForm(keys=keys),
        "feed_form": forms.get(NEW_FEED) or NewFeedForm(prefix=NEW_FEED, keys=keys_for_feeds),
    }
    return answers.unkept(request, "settings_ui/hooks.html", context, status=400 if filled else 200)


def _shown(hook: Hook, forms: dict[str | None, Any], secret: str) -> Shown:
    url, prefix = hook.url.text(), f"hook-{hook.pk}"
    known = {"url": url, "statuses": hook.statuses, "kinds": hook.kinds}
    form = forms.get(prefix) or HookForm(prefix=prefix, initial=known)
    return Shown(hook, form, hook_words.of(hook.last_problem), url, tuple(hook.headers.json() or {}), secret)


def _waiting(feed: Feed, forms: dict[str | None, Any]) -> Waiting:
    prefix = f"feed-{feed.pk}"
    form = forms.get(prefix) or FeedForm(prefix=prefix, initial=FeedForm.said_of(feed))
    return Waiting(feed, form, feed.retention / DAY)


def _delivered(delivery: HookDelivery) -> tuple[HookDelivery, str]:
    return delivery, hook_words.of(delivery.problem)
