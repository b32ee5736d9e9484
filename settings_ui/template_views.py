"""The pages of e-mail templates: the list, one template with its preview, its versions and its tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from conversation_tracker.message_center import (
    checking,
    choices,
    context,
    engine,
    locales,
    names,
    rendering,
    shape,
    trials,
    versions,
)
from conversation_tracker.message_center.choices import TemplateKey
from conversation_tracker.message_center.defaults import Source
from orders import access, addresses, pages
from orders.access import Right
from orders.models import Store
from settings_ui.forms import SendingForm, TemplateForm

# Pictures may come from elsewhere, as they do in the mail; nothing else may, and nothing runs.
FRAME_POLICY = (
    "default-src 'none'; img-src 'self' data: https:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups"
)
LANGUAGES = {"en": "English", "pt-BR": "Português (Brasil)", "es": "Español"}


@dataclass(frozen=True, slots=True)
class _Opened:
    """The template that a page is about."""

    store: Store
    key: TemplateKey
    locale: str

    @property
    def url(self) -> str:
        return reverse("settings_ui:template", args=[self.store.account, self.key], query={"in": self.locale})


def _open(request: HttpRequest, account: str, key: str) -> _Opened:
    store = access.store(request.user, account, Right.SETTINGS)
    if key not in TemplateKey:
        raise Http404
    wanted = request.POST.get("in") or request.GET.get("in") or locales.of_template(store.locale)
    if wanted not in locales.LOCALES:
        raise Http404
    return _Opened(store, TemplateKey(key), wanted)


@require_safe
@pages.guarded
def templates(request: HttpRequest, account: str) -> HttpResponseBase:
    """Every order mail, whether it is sent, from whom, and in whose words."""
    store = access.store(request.user, account, Right.SETTINGS)
    chosen, changed = choices.of_all(store), versions.changed(store)
    rows = [{"key": key, "choice": chosen.get(key), "own": changed.get(key, [])} for key in TemplateKey]
    return render(request, "settings_ui/templates.html", {"store": store, "rows": rows, "languages": LANGUAGES})


@require_http_methods(["GET", "HEAD", "POST"])
@pages.guarded
def template(request: HttpRequest, account: str, key: str) -> HttpResponseBase:
    """One template in one language: edit it, look at it, try it, go back."""
    opened = _open(request, account, key)
    if request.method != "POST":
        return _page(request, opened)
    form = TemplateForm(request.POST)
    if not form.is_valid():
        return _page(request, opened, form=form, status=400)
    if faults := checking.check(form.source(), context.sample(opened.store, opened.key)):
        return _page(request, opened, form=form, faults=faults, status=400)
    if request.POST.get("do") == "test":
        return _test(request, opened, form)
    try:
        made = versions.save(
            opened.store,
            opened.key,
            opened.locale,
            form.source(),
            based_on=form.cleaned_data["based_on"],
            note=form.cleaned_data["note"],
            user=pages.user(request),
            now=timezone.now(),
        )
    except versions.Outdated:
        form.add_error(None, _("Somebody else has saved a version meanwhile. Compare it below before you save yours."))
        return _page(request, opened, form=form, status=409)
    if made is None:
        messages.info(request, _("Nothing changed: these were the words already."))
    else:
        messages.success(request, _("Saved as version %(number)s.") % {"number": made.number})
    return redirect(opened.url)


def _page(
    request: HttpRequest,
    opened: _Opened,
    *,
    form: TemplateForm | None = None,
    faults: list[checking.Fault] | None = None,
    sending: SendingForm | None = None,
    status: int = 200,
) -> HttpResponseBase:
    store, key, locale = opened.store, opened.key, opened.locale
    history = list(versions.history(store, key, locale)[:50])
    newest = history[0] if history else None
    source = versions.source(newest, key, locale)
    texts = {field: getattr(source, field) for field in versions.FIELDS}
    based_on = newest.number if newest else 0
    page = {
        "store": store,
        "opened": opened,
        "form": form or TemplateForm(initial={**texts, "based_on": based_on}),
        "faults": faults or [],
        "sending": sending or _sending(opened),
        "languages": LANGUAGES,
        "is_own": newest is not None and not newest.is_default,
        "history": history,
        "tests": trials.recent(store, key),
        "test_to": request.POST.get("test_to") or pages.user(request).email,
        "order": request.POST.get("order", ""),
        "names": list(names.all_of(shape.SHAPE)),
        "filters": sorted({*engine.KEPT_FILTERS, "money", "date", "time", "date_time", "number", "replace"}),
    }
    return render(request, "settings_ui/template.html", page, status=status)


def _sending(opened: _Opened, data: Any = None) -> SendingForm:
    if data is not None:
        return SendingForm(data, store=opened.store)
    row = choices.of_all(opened.store).get(opened.key)
    copies = (row.copies.json() if row else None) or {}
    return SendingForm(
        store=opened.store,
        initial={
            "is_enabled": row.is_enabled if row else True,
            "sender": str(row.sender_id or "") if row else "",
            "cc": "\n".join(copies.get("cc", ())),
            "bcc": "\n".join(copies.get("bcc", ())),
        },
    )


@require_POST
@pages.guarded
def sending(request: HttpRequest, account: str, key: str) -> HttpResponseBase:
    """Whether the mail is sent, from whom, with copies to whom."""
    opened = _open(request, account, key)
    form = _sending(opened, request.POST)
    if not form.is_valid():
        return _page(request, opened, sending=form, status=400)
    said = form.cleaned_data
    is_new = choices.choose(
        opened.store,
        opened.key,
        is_enabled=said["is_enabled"],
        sender=form.chosen(),
        cc=said["cc"],
        bcc=said["bcc"],
        user=pages.user(request),
        now=timezone.now(),
    )
    if is_new:
        messages.success(request, _("Saved."))
    else:
        messages.info(request, _("Nothing changed: it was so already."))
    return redirect(opened.url)


@require_POST
@pages.guarded
def back_to_default(request: HttpRequest, account: str, key: str) -> HttpResponseBase:
    """Use the default words again. The store's own stay among the versions."""
    opened = _open(request, account, key)
    versions.save(
        opened.store, opened.key, opened.locale, None, user=pages.user(request), now=timezone.now(),
    )  # fmt: skip
    messages.success(request, _("The default words are used again. Yours are still among the versions."))
    return redirect(opened.url)


@require_safe
@pages.guarded
def version(request: HttpRequest, account: str, key: str, number: int) -> HttpResponseBase:
    """A version beside the one before it, or beside the one that counts now."""
    opened = _open(request, account, key)
    shown = _version(opened, number)
    newest = versions.newest(opened.store, opened.key, opened.locale)
    with_newest = request.GET.get("with") == "newest"
    before = versions.history(opened.store, opened.key, opened.locale).filter(number__lt=number).first()
    other = newest if with_newest else before
    old, new = (versions.source(one, opened.key, opened.locale) for one in (other, shown))
    page = {
        "store": opened.store,
        "opened": opened,
        "languages": LANGUAGES,
        "shown": shown,
        "other": other,
        "newest": newest,
        "with_newest": with_newest,
        "difference": versions.difference(old, new),
    }
    return render(request, "settings_ui/version.html", page)


@require_POST
@pages.guarded
def restore(request: HttpRequest, account: str, key: str, number: int) -> HttpResponseBase:
    """Use the words of an earlier version again, as a new one."""
    opened = _open(request, account, key)
    shown = _version(opened, number)
    wanted = None if shown.is_default else versions.source(shown, opened.key, opened.locale)
    if wanted and checking.check(wanted, context.sample(opened.store, opened.key)):
        messages.error(request, _("This version has faults by today’s rules. Copy what you need of it by hand."))
        return redirect(opened.url)
    made = versions.save(
        opened.store, opened.key, opened.locale, wanted,
        note=_("Restored version %(number)s") % {"number": number}, user=pages.user(request), now=timezone.now(),
    )  # fmt: skip
    if made is None:
        messages.info(request, _("Nothing changed: these were the words already."))
    else:
        messages.success(request, _("Saved as version %(number)s.") % {"number": made.number})
    return redirect(opened.url)


def _version(opened: _Opened, number: int) -> Any:
    found = versions.history(opened.store, opened.key, opened.locale).filter(number=number).first()
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "HEAD", "POST"])
@xframe_options_sameorigin
@pages.guarded
def preview(request: HttpRequest, account: str, key: str) -> HttpResponseBase:
    """The mail as it would look, for a sandboxed frame: of what stands in the editor, or of what is saved."""
    opened = _open(request, account, key)
    source = versions.source(versions.newest(opened.store, opened.key, opened.locale), opened.key, opened.locale)
    said: dict[str, Any] = {"part": request.POST.get("part", "html")}
    if request.method == "POST":
        form = TemplateForm(request.POST)
        if form.is_valid():
            source = form.source()
        else:
            said["form"] = form
    said["faults"] = [] if "form" in said else checking.check(source, context.sample(opened.store, opened.key))
    if "form" not in said and not said["faults"]:
        try:
            said["mail"] = _filled(request, opened, source)
        except access.NotFound:
            said["no_order"] = True
        except engine.Faulty as fault:
            said["failed"] = _words(fault)
    if "mail" in said and said["part"] == "html":
        response = HttpResponse(said["mail"].html)
    else:
        response = render(request, "settings_ui/preview.html", said)
    response["Content-Security-Policy"] = FRAME_POLICY
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "private, no-store"
    return response


def _words(fault: engine.Faulty) -> str:
    place = f" ({fault.line}:{fault.column})" if fault.line else ""
    return f"{checking.WORDS[fault.problem]}: {fault.detail}{place}"


def _filled(request: HttpRequest, opened: _Opened, source: Source) -> rendering.Rendered:
    """With the order that was named, else the sample. Raises access.NotFound or engine.Faulty."""
    number = (request.POST.get("order") or "").strip()
    if number:
        order = access.order(request.user, opened.store.account, number, Right.SETTINGS)
        said = context.of_order(order, now=timezone.now())
    else:
        said = context.sample(opened.store, opened.key)
    return rendering.fill(source, locale=opened.locale, context=said)


def _test(request: HttpRequest, opened: _Opened, form: TemplateForm) -> HttpResponseBase:
    """Queue what stands in the editor as a test. The page does not send it: a worker does."""
    try:
        to = addresses.validated(request.POST.get("test_to", "").strip())
        mail = _filled(request, opened, form.source())
        choice = choices.of(opened.store, opened.key)
        letter = trials.Letter(
            choice.sender_name, choice.sender_address, f"[{_('Test')}] {mail.subject}", mail.html, mail.text
        )
        trials.queue(opened.store, letter, to=to, template=opened.key, user=pages.user(request), now=timezone.now())
    except addresses.NotAnAddress:
        form.add_error(None, _("Write to which address the test goes."))
    except access.NotFound:
        form.add_error(None, _("This store has no such order."))
    except engine.Faulty as fault:
        form.add_error(None, _words(fault))
    except trials.TooMany:
        form.add_error(None, _("That is enough tests for an hour. Try again later."))
    else:
        messages.success(request, _("The test waits to be sent. What becomes of it stands at the end of this page."))
    return _page(request, opened, form=form, status=400 if form.errors else 200)
