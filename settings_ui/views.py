"""The pages of store settings: which store, and Orders / Settings with its tabs."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from orders import access, masks, pages, suppression
from orders.access import Right
from orders.models import MaskType, Store, User
from orders.paging import Place
from settings_ui import choices
from settings_ui.forms import MaskTypeForm, TimesForm

EXAMPLE_CUSTOMER = "johndoe@example.com"


@require_safe
@pages.guarded
def stores(request: HttpRequest) -> HttpResponseBase:
    """The stores whose settings one may change."""
    found = access.stores_of(request.user, Right.SETTINGS).order_by("name", "account")
    return render(request, "settings_ui/stores.html", {"stores": found})


@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def orders(request: HttpRequest, account: str) -> HttpResponseBase:
    """Orders / Settings, General tab: the conversation mask type."""
    store = access.store(request.user, account, Right.SETTINGS)
    form = MaskTypeForm(request.POST if request.method == "POST" else None, initial={"mask_type": store.mask_type})
    if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
        if choices.choose_mask_type(store, form.chosen(), user=request.user, now=timezone.now()):
            messages.success(request, _("Saved. It applies to aliases issued from now on."))
        else:
            messages.info(request, _("Nothing changed: this was the mask type already."))
        return redirect("settings_ui:orders", store.account)
    return _general(request, store, form, _times(store))


@require_POST
@pages.guarded
def times(request: HttpRequest, account: str) -> HttpResponseBase:
    """Orders / Settings, General tab: how long an order may be cancelled, and when its payment is reminded of."""
    store = access.store(request.user, account, Right.SETTINGS)
    form = TimesForm(request.POST)
    if not form.is_valid():
        return _general(request, store, MaskTypeForm(initial={"mask_type": store.mask_type}), form)
    if choices.choose_times(store, **form.cleaned_data, user=pages.user(request), now=timezone.now()):
        messages.success(request, _("Saved."))
    else:
        messages.info(request, _("Nothing changed."))
    return redirect("settings_ui:orders", store.account)


def _times(store: Store) -> TimesForm:
    return TimesForm(
        initial={
            "cancellation_window": store.cancellation_window,
            "payment_pending_after": store.payment_pending_after,
        }
    )


def _general(request: HttpRequest, store: Store, form: MaskTypeForm, times_form: TimesForm) -> HttpResponseBase:
    examples = {
        form_.value: masks.example(form_, EXAMPLE_CUSTOMER, tracking_domain=store.tracking_domain)
        for form_ in masks.Form
    }
    context = {
        "store": store,
        "form": form,
        "times": times_form,
        "chosen": form["mask_type"].value(),
        "examples": examples,
        "example_customer": EXAMPLE_CUSTOMER,
        "last_change": choices.last_mask_change(store),
        "MaskType": MaskType,
    }
    return render(
        request, "settings_ui/orders.html", context, status=400 if form.is_bound or times_form.is_bound else 200
    )


@require_safe
@pages.guarded
def suppressions(request: HttpRequest, account: str) -> HttpResponseBase:
    """Orders / Settings, Suppressed addresses: to whom the store sends nothing any more, and why."""
    store = access.store(request.user, account, Right.SETTINGS)
    before = Place.parse(request.GET.get("before", ""))
    context = {"store": store, "page": suppression.of_store(store, before=before), "before": before}
    return render(request, "settings_ui/suppressions.html", context)


@require_POST
@pages.guarded
def lift(request: HttpRequest, account: str, pk: int) -> HttpResponseBase:
    """Let mail go to an address again. Lifted twice, as by a double click, it is simply lifted."""
    store = access.store(request.user, account, Right.SETTINGS)
    if suppression.lift(store, pk, user=pages.user(request), now=timezone.now()):
        messages.success(
            request,
            _("Lifted. Mail goes to this address again from now on; what was not sent can be sent again on its order."),
        )
    else:
        messages.info(request, _("Nothing changed: this address is not suppressed any more."))
    return redirect("settings_ui:suppressions", store.account)
