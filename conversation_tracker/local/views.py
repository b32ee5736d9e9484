"""The local mailbox in the browser: who received what, and Reply and Write, which post a real webhook to our door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_safe

from conversation_tracker.local import letters, webhook
from conversation_tracker.local.forms import ReplyForm, WriteForm
from conversation_tracker.local.letters import Letter
from conversation_tracker.local.models import LocalMail
from orders import addresses, aliases, pages, quoting
from orders.models import Alias

NEWEST = 200
_HERE_ONLY = gettext_lazy("It is on its way. It takes a second or two; then it stands on the order page.")

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def local_only(view: View[P]) -> View[P]:
    """These pages show real addresses to anybody, so they exist only on one machine with invented people."""

    @wraps(view)
    def guard(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not (settings.LOCAL and settings.DEBUG):
            raise Http404
        return view(request, *args, **kwargs)

    return guard


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who received mail, with the newest of it."""

    key: str  # the digest of the address, for URLs
    newest: LocalMail
    count: int


@require_safe
@local_only
def people(request: HttpRequest) -> HttpResponseBase:
    """Everybody who received mail, the newest first: two queries."""
    groups = LocalMail.objects.values("recipient_digest").annotate(count=Count("pk"), newest=Max("pk"))
    groups = groups.order_by("-newest")[:NEWEST]
    newest = LocalMail.objects.defer("raw").in_bulk([group["newest"] for group in groups])
    found = [
        Person(bytes(group["recipient_digest"]).hex(), newest[group["newest"]], group["count"]) for group in groups
    ]
    return render(request, "local/people.html", {"people": found})


@require_safe
@local_only
def person(request: HttpRequest, person: str) -> HttpResponseBase:
    """One person's mail, newest first."""
    found = list(_of(person).defer("raw").order_by("-received_at", "-pk")[:NEWEST])
    if not found:
        raise Http404
    return render(request, "local/person.html", {"mails": found, "recipient": found[0].recipient.text()})


@require_http_methods(["GET", "HEAD", "POST"])
@local_only
def mail(request: HttpRequest, pk: int) -> HttpResponseBase:
    """One mail, and the form that answers it."""
    found, letter = _mail(pk)
    alias = aliases.find([letter.answer_to]).get(letter.answer_to)
    name = letter.recipient_name or _own_name(alias, found)
    form = ReplyForm(request.POST if request.method == "POST" else None, initial={"name": name})
    if request.method == "POST" and form.is_valid():
        owner = found.recipient.text()
        draft = webhook.Draft(
            from_name=form.cleaned_data["name"],
            from_address=owner,
            to=letter.answer_to,
            subject=_reply_subject(letter.subject),
            text=_lines(form.cleaned_data["text"]) + _quoted(letter),
            references=letter.references,
        )
        if _post(request, draft):
            return redirect("mailbox:mail", pk)
    context = {
        "mail": found,
        "letter": letter,
        "folded": quoting.fold(letter.text),
        "form": form,
        "alias": alias,
        "person": bytes(found.recipient_digest).hex(),
    }
    return render(request, "local/mail.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@local_only
def write(request: HttpRequest) -> HttpResponseBase:
    """A new mail from anybody to an alias: play the customer, or a carrier nobody has heard of yet."""
    given = {"sender": request.GET.get("from", ""), "to": request.GET.get("to", "")}
    form = WriteForm(request.POST if request.method == "POST" else None, initial=given)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        draft = webhook.Draft(
            from_name=values["name"],
            from_address=addresses.validated(values["sender"]),
            to=values["to"].strip(),
            subject=values["subject"],
            text=_lines(values["text"]),
        )
        if _post(request, draft):
            return redirect("mailbox:write")
    return render(request, "local/write.html", {"form": form}, status=400 if form.errors else 200)


@require_safe
@xframe_options_sameorigin
@local_only
def body(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The formatted version of a mail, cleaned, for a sandboxed frame."""
    _found, letter = _mail(pk)
    if not letter.html:
        raise Http404
    return pages.formatted(request, letter.html, letter.pictures)


@require_safe
@local_only
def file(request: HttpRequest, pk: int, position: int) -> HttpResponse:
    """A file of a mail, to be saved."""
    _found, letter = _mail(pk)
    if position >= len(letter.files):
        raise Http404
    found = letter.files[position]
    return pages.download(found.content, name=found.name, content_type=found.content_type, is_dangerous=True)


def _mail(pk: int) -> tuple[LocalMail, Letter]:
    found = LocalMail.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found, letters.read(found.raw.bytes())


def _of(person: str) -> QuerySet[LocalMail]:
    try:
        digest = bytes.fromhex(person)
    except ValueError as error:
        raise Http404 from error
    return LocalMail.objects.filter(recipient_digest=digest)


def _own_name(alias: Alias | None, mail: LocalMail) -> str:
    """What the person who received the mail is called in its order."""
    if alias is None:
        return ""
    own = Alias.objects.filter(order=alias.order_id, real_digest=bytes(mail.recipient_digest)).first()
    return own.display_name.text() if own else ""


def _post(request: HttpRequest, draft: webhook.Draft) -> bool:
    try:
        webhook.post(draft, now=timezone.now())
    except webhook.NotHandedIn as error:
        messages.error(request, _("The mail was not taken: %(why)s") % {"why": error})
        return False
    messages.success(request, str(_HERE_ONLY))
    return True


def _lines(text: str) -> str:
    """What a browser sends of a text area, with the line ends of our own texts."""
    return text.replace("\r\n", "\n")


def _reply_subject(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"


def _quoted(letter: Letter) -> str:
    quoted = "\n".join(f"> {line}".rstrip() for line in letter.text.rstrip().splitlines())
    who = letter.sender_name or letter.sender
    return f"\n\nOn an earlier day, {who} wrote:\n{quoted}\n" if quoted else ""
