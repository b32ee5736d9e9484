"""Answer every error as JSON that says what to mend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from orders import access, cancelling, changing, faults, flow, invoicing, payment, shipping, vault
from orders.api import bodies, limits

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a request; ``path`` is where, as ``0.clientProfileData.email``."""

    path: str
    message: str


class BadRequest(ValueError):
    """The request cannot be carried out as it stands; carries every problem found."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__(f"{len(self.problems)} problems")


UNREADABLE = "The request cannot be read."
# What the rooms refuse, and how it is answered: their message is for the caller.
REFUSALS: dict[type[Exception], tuple[int, str]] = {
    access.NotAllowed: (403, "forbidden"),
    flow.IllegalTransition: (409, "illegal_transition"),
    cancelling.TooLate: (400, "too_late"),
    cancelling.NotAsked: (409, "not_requested"),
    changing.TooLate: (409, "too_late"),
    payment.TooLate: (409, "too_late"),
    changing.NotSo: (400, "invalid"),
    changing.Invoiced: (409, "already_invoiced"),
    invoicing.AlreadyInvoiced: (409, "already_invoiced"),
    invoicing.TooMuch: (400, "invalid"),
    invoicing.NothingInvoiced: (409, "not_invoiced"),
    shipping.NoSuchInvoice: (404, "not_found"),
}
# Where in the body the fault is, of those that have one place.
PLACES: dict[type[Exception], str] = {invoicing.TooMuch: "invoiceValue"}


class InJson:
    """Middleware: what Django and its middlewares refuse under /api/ is told in our error shape too, as 404 and 405."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        is_refusal = request.path_info.startswith("/api/") and response.status_code >= HTTPStatus.BAD_REQUEST
        if not is_refusal or response.headers.get("Content-Type", "").startswith("application/json"):
            return response
        status = HTTPStatus(response.status_code)
        problems = [Problem("", UNREADABLE)] if status is HTTPStatus.BAD_REQUEST else None  # a form, most likely
        said = f"{UNREADABLE} Nothing was changed." if problems else f"{status.phrase}."
        answer = JsonResponse(_body("invalid" if problems else status.name.lower(), said, problems), status=status)
        for header in ("Allow", "Retry-After"):
            if header in response.headers:
                answer[header] = response.headers[header]
        return answer


def _body(code: str, message: str, problems: Iterable[Problem] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"error": {"code": code, "message": message, "exception": None}}
    if problems is not None:
        body["problems"] = [{"path": problem.path, "message": problem.message} for problem in problems]
    return body


def refusal(status: int, code: str, message: str, problems: Iterable[Problem] | None = None) -> HttpResponse:
    """A refusal in our shape, where ninja is not asked."""
    return JsonResponse(_body(code, message, problems), status=status)


def too_many(request: HttpRequest, error: limits.TooMany | type[limits.TooMany]) -> HttpResponse:
    """The key has made all of its calls; says when to come again."""
    response = refusal(429, "too_many_calls", sentence(error))
    if isinstance(error, limits.TooMany):
        response["Retry-After"] = str(error.standing.resets_in)
    return response


def install(api: NinjaAPI) -> None:
    """Teach the API our error shapes."""

    def answer(
        request: HttpRequest, status: int, code: str, message: str, problems: list[Problem] | None = None
    ) -> HttpResponse:
        return api.create_response(request, _body(code, message, problems), status=status)

    @api.exception_handler(AuthenticationError)
    def _unauthenticated(request: HttpRequest, _: AuthenticationError) -> HttpResponse:
        return answer(
            request, 401, "unauthorized",
            "Send the headers X-VTEX-API-AppKey and X-VTEX-API-AppToken of a key that is not revoked.",
        )  # fmt: skip

    @api.exception_handler(ValidationError)
    def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        problems = [Problem(_path(found["loc"]), _said(found)) for found in error.errors]
        return answer(request, 400, "invalid", _summary(problems), problems)

    @api.exception_handler(BadRequest)
    def _bad(request: HttpRequest, error: BadRequest) -> HttpResponse:
        return answer(request, 400, "invalid", _summary(error.problems), error.problems)

    @api.exception_handler(access.NotFound)
    def _not_found(request: HttpRequest, _: access.NotFound) -> HttpResponse:
        return answer(request, 404, "not_found", "There is no such order in this store.")

    for error, (status, code) in REFUSALS.items():
        api.add_exception_handler(error, partial(_refused, answer, status, code))
    api.add_exception_handler(limits.TooMany, too_many)

    _install_outages(api, answer)

    @api.exception_handler(HttpError)
    def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
        if isinstance(error.__cause__, bodies.Unreadable):
            problems = [Problem("", str(error.__cause__))]
            return answer(request, 400, "invalid", f"{error.__cause__} Nothing was changed.", problems)
        return answer(request, error.status_code, HTTPStatus(error.status_code).name.lower(), str(error))


def _install_outages(api: NinjaAPI, answer: Callable[..., HttpResponse]) -> None:
    """What is away is no fault of the call, and will be back."""

    def unavailable(request: HttpRequest, what: str) -> HttpResponse:
        response = answer(request, 503, "service_unavailable", f"{what} Come again in a minute.")
        response["Retry-After"] = "60"
        return response

    @api.exception_handler(vault.Hanging)
    def _hanging(request: HttpRequest, _: vault.Hanging) -> HttpResponse:
        return unavailable(request, "The storage of mails does not answer. Nothing was changed.")

    @api.exception_handler(OperationalError)
    def _away(request: HttpRequest, error: OperationalError) -> HttpResponse:
        """Of a database that went away nobody knows whether it still wrote what it was told."""
        log.error("database away\n%s", faults.trace(error))
        return unavailable(request, "The database does not answer.")


def _refused(
    answer: Callable[..., HttpResponse], status: int, code: str, request: HttpRequest, error: Any
) -> HttpResponse:
    if status != HTTPStatus.BAD_REQUEST:
        return answer(request, status, code, sentence(error))
    return answer(request, status, code, sentence(error), [Problem(PLACES.get(type(error), ""), str(error))])


def sentence(error: object) -> str:
    """What a room says that it cannot do, as a sentence for the caller, and what stands after it."""
    text = str(error).rstrip(".")
    after = "The refusal is on the order’s timeline" if isinstance(error, cancelling.TooLate) else "Nothing was changed"
    return f"{text[:1].upper()}{text[1:]}. {after}."


def _summary(problems: list[Problem]) -> str:
    first = problems[0]
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return f"{first.path or 'body'}: {first.message.rstrip('.')}{more}. Nothing was changed."


def _said(found: dict[str, Any]) -> str:
    is_object = found["type"] in {"model_type", "model_attributes_type", "dict_type"}  # whose words name our classes
    return "Input should be an object" if is_object else str(found["msg"]).removeprefix("Value error, ")


def _path(loc: Iterable[object]) -> str:
    """``("body", "orders", 0, "items")`` → ``0.items``: the place in what the caller sent, not in our functions."""
    parts = [str(part) for part in loc]
    if parts[:1] == ["body"]:
        return ".".join(parts[2:])
    return parts[-1] if parts[:1] in (["query"], ["path"]) else ".".join(parts)
