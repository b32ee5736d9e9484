"""The page of connected shops in store settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods, require_POST

from orders import access, pages
from orders.access import Right
from orders.models import ShopConnection, ShopKind, Store
from orders.shops import connections
from settings_ui import answers
from settings_ui.forms import SecretForm, ShopForm

TOO_MANY = gettext_noop("This store has as many shops as it may have. Disconnect one first.")


@dataclass(frozen=True, slots=True)
class Shown:
    """A shop as the page shows it; ``secret`` only where it was asked for, ``problem`` with what was entered."""

    shop: ShopConnection
    address: str
    has_secret: bool
    secret: str = ""
    problem: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def shops(request: HttpRequest, account: str) -> HttpResponseBase:
    """The store's shops with their latest calls, and a form to connect another."""
    store = access.store(request.user, account, Right.SETTINGS)
    form = ShopForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            connections.connect(
                store,
                ShopKind(given["kind"]),
                name=given["name"],
                secret=given["secret"],
                user=pages.user(request),
                now=timezone.now(),
            )
        except connections.TooMany:
            messages.error(request, _(TOO_MANY))
        else:
            messages.success(request, _("Connected. Enter the webhook address in the shop."))
        return redirect("settings_ui:shops", store.account)
    return _page(request, store, form=form, status=400 if form.is_bound else 200)


@require_POST
@pages.guarded
def show_secret(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """The page with the secret of one shop on it, this once; audited."""
    store = access.store(request.user, account, Right.SETTINGS)
    shop = connections.one(store, pk)
    secret = connections.reveal_secret(shop, user=pages.user(request), now=timezone.now())
    return _page(request, store, of=pk, secret=secret)


@require_POST
@pages.guarded
def replace_secret(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Verify a shop's calls by another secret."""
    store = access.store(request.user, account, Right.SETTINGS)
    shop = connections.one(store, pk)
    form = SecretForm(request.POST)
    if not form.is_valid():
        return _page(request, store, of=pk, problem=" ".join(map(str, form.errors["secret"])), status=400)
    connections.replace_secret(shop, form.cleaned_data["secret"], user=pages.user(request), now=timezone.now())
    messages.success(request, _("Saved. Calls are verified by this secret from now on."))
    return redirect("settings_ui:shops", store.account)


@require_POST
@pages.guarded
def disconnect(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Take in nothing more from a shop."""
    store = access.store(request.user, account, Right.SETTINGS)
    answers.removed(
        request,
        lambda: connections.remove(connections.one(store, pk), user=pages.user(request), now=timezone.now()),
        done=_("Disconnected. Its orders stay; nothing more is taken in from it, and no customer is asked to pay."),
        done_before=_("Nothing changed: this shop was disconnected already."),
    )
    return redirect("settings_ui:shops", store.account)


@require_POST
@pages.guarded
def connect_again(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Take in the calls of a shop again that was disconnected."""
    store = access.store(request.user, account, Right.SETTINGS)
    user = pages.user(request)
    try:
        shop = connections.one(store, pk, is_removed=True)
        connections.connect_again(shop, user=user, now=timezone.now())
    except access.NotFound:
        connections.one(store, pk)
        messages.info(request, _("Nothing changed: this shop is connected already."))
    except connections.TooMany:
        messages.error(request, _(TOO_MANY))
    else:
        messages.success(request, _("Connected again, under the same address. Its secret is a new one: set it below."))
    return redirect("settings_ui:shops", store.account)


def _page(
    request: HttpRequest,
    store: Store,
    *,
    form: ShopForm | None = None,
    of: int = 0,
    secret: str = "",
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {
        "store": store,
        "shops": [
            Shown(
                shop,
                connections.address(shop),
                bool(shop.secret),
                secret if shop.pk == of else "",
                problem if shop.pk == of else "",
            )
            for shop in connections.of_store(store)
        ],
        "removed": connections.removed_of(store),
        "calls": connections.latest(store),
        "form": form or ShopForm(),
    }
    return answers.unkept(request, "settings_ui/shops.html", context, status=status)
