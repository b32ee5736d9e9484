"""What pages share: their door (signed in, 404 told from 403), and how a mail's HTML and files are answered safely."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views import defaults

from orders import access, rendering
from orders.models import Order, User
from orders.paging import Place

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def guarded(view: View[P]) -> View[P]:
    """Ask to sign in; then what the user must not know of is 404, and what he may know of but not do is 403."""

    @wraps(view)
    def guard(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except (access.NotFound, Http404) as error:
            # Answered here and not raised on, so that a run with DEBUG shows it as every other run does.
            return defaults.page_not_found(request, Http404(error))
        except access.NotAllowed as error:
            raise PermissionDenied(
                _("You may see this store, but your role in it does not allow this. Ask one of its admins.")
            ) from error

    return login_required(guard)


def user(request: HttpRequest) -> User:
    """Who is signed in; only behind ``guarded``."""
    if not isinstance(request.user, User):
        raise TypeError("nobody is signed in")
    return request.user


def back_to_order(request: HttpRequest, order: Order) -> HttpResponseBase:
    """To the order's page, at the stretch of the timeline from which a form was sent."""
    before = Place.parse(request.POST.get("before", ""))
    query = {"before": str(before)} if before else None
    return redirect(reverse("orders:detail", args=[order.store.account, order.number], query=query))


def formatted(request: HttpRequest, html: str, pictures: dict[str, bytes]) -> HttpResponse:
    """A page with the HTML of a mail and nothing else."""
    response = render(request, "orders/formatted.html", {"shown": rendering.safe_html(html, pictures)})
    response["Content-Security-Policy"] = rendering.POLICY
    response["Cache-Control"] = "private, no-store"
    return response


def download(content: bytes, *, name: str, content_type: str, is_dangerous: bool) -> HttpResponse:
    """A file as an answer that no browser opens in our place. RFC 6266 writes the name, whatever is in it."""
    safe_type = "application/octet-stream" if is_dangerous else content_type
    response = HttpResponse(content, content_type=safe_type or "application/octet-stream")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name or "file")
    return harmless(response)


def harmless(response: HttpResponse) -> HttpResponse:
    """Keep a browser from guessing at what a mail brought, from running it and from keeping it."""
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
