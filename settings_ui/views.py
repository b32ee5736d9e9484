"""The pages of store settings: which store, and Orders / Settings with its General tab."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from orders import access, masks, pages
from orders.access import Right
from orders.models import MaskType, User
from settings_ui import choices
from settings_ui.forms import MaskTypeForm

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
    examples = {
        form_.value: masks.example(form_, EXAMPLE_CUSTOMER, tracking_domain=store.tracking_domain)
        for form_ in masks.Form
    }
    context = {
        "store": store,
        "form": form,
        "chosen": form["mask_type"].value(),
        "examples": examples,
        "example_customer": EXAMPLE_CUSTOMER,
        "last_change": choices.last_mask_change(store),
        "MaskType": MaskType,
    }
    return render(request, "settings_ui/orders.html", context, status=400 if form.is_bound else 200)
