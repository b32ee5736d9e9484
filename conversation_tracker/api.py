"""The call by which a system of the store writes a mail to a party of an order."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from ninja import Router
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from conversation_tracker import tasks, writing
from conversation_tracker.mailflow import bodies, headers
from conversation_tracker.mailflow.shapes import File
from conversation_tracker.writing import Why
from orders import access, clock, placing
from orders.api import keys, messages, shapes
from orders.api.bodies import JsonParser, Unreadable
from orders.api.errors import BadRequest, Problem
from orders.api.openapi import answers
from orders.models import Alias, PartyKind

WORDS = {
    Why.EXPIRED: "the alias of this conversation has expired, so nobody could answer",
    Why.RETIRED: "the alias of this conversation was retired, so nobody could answer",
    Why.SUPPRESSED: "the store suppresses this address; an admin of the store has to lift it first",
    Why.TO_SELF: "the store cannot write to itself",
}
FILES = "attachments"  # the field of a form that holds files
UNKNOWN = "a message has no such field"
LONGEST_NAME = 255  # characters of a file's name


class NewFile(BaseModel):
    """A file in JSON; ``content`` is base64."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
    contentType: Annotated[str, StringConstraints(max_length=200)] = ""  # noqa: N815  the API's spelling
    content: str


class NewMessage(BaseModel):
    """A mail to a party: ``to`` is ``customer`` or an alias of this order; ``text``, ``html`` or both.

    What has another name is refused: a file or a text under it would be lost and nobody told.
    """

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, StringConstraints(min_length=1, max_length=400)] = "customer"
    subject: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=headers.LONGEST_SUBJECT)]
    text: Annotated[str, StringConstraints(max_length=writing.LONGEST_TEXT)] = ""
    html: Annotated[str, StringConstraints(max_length=writing.LONGEST_TEXT)] = ""
    attachments: Annotated[list[NewFile], Field(max_length=writing.MOST_FILES)] = []


def install(router: Router) -> None:
    """Add the call to the router that answers the same path when it is read."""
    path = "/oms/pvt/orders/{order_id}/conversation-message"
    described = {**answers(shapes.Message, status=HTTPStatus.CREATED), "requestBody": _body()}
    router.post(
        path, summary="Write to a party of an order", tags=["Conversation"], openapi_extra=described
    )(write_message)  # fmt: skip


def _body() -> dict[str, Any]:
    """What is posted, as OpenAPI says it: as JSON, or as a form with the files themselves."""
    in_json = NewMessage.model_json_schema()
    file = in_json.pop("$defs")["NewFile"]
    plain = {name: about for name, about in in_json["properties"].items() if name != "attachments"}
    as_json = {"type": "array", "maxItems": writing.MOST_FILES, "items": file}
    as_form = {"type": "array", "maxItems": writing.MOST_FILES, "items": {"type": "string", "format": "binary"}}
    bodies_of = {"application/json": as_json, "multipart/form-data": as_form}
    return {
        "required": True,
        "content": {
            kind: {"schema": {**in_json, "properties": {**plain, "attachments": files}}}
            for kind, files in bodies_of.items()
        },
    }


def write_message(request: HttpRequest, order_id: str) -> JsonResponse:
    """Write a mail from the store to a party of the order, as JSON or as a form with files (``multipart/form-data``).

    It goes out under the store's alias, and the answer comes back through it. Needs a key that may answer.
    """
    key = keys.of(request)
    access.ensure_may_answer(key)
    order = access.order_of_key(key, order_id)
    to, letter = _read(request)
    parties = list(order.aliases.all())
    _, sender = placing.parties(parties)
    recipient = _recipient(parties, to)
    try:
        entry = writing.answer(
            order, letter, sender=sender, recipient=recipient, actor=key.label, now=clock.now()
        )  # fmt: skip
    except writing.CannotWrite as error:
        raise BadRequest([Problem("to", WORDS[error.why])]) from error
    transaction.on_commit(tasks.wake_outbox)  # a call with an Idempotency-Key stands in a transaction of its own
    return JsonResponse(messages.message(order, entry, name=sender.display_name.text()), status=HTTPStatus.CREATED)


def _recipient(parties: Sequence[Alias], to: str) -> Alias:
    if to == PartyKind.CUSTOMER:
        return placing.parties(parties)[0]
    wanted = to.strip().lower()
    found = next((alias for alias in parties if alias.address.text().lower() == wanted), None)
    if found is None:
        raise BadRequest([Problem("to", "this is no alias of the order; write customer, or an alias as the order has")])
    return found


def _read(request: HttpRequest) -> tuple[str, writing.Letter]:
    """To whom something is to be written, and what. Raises BadRequest."""
    is_form = request.content_type == "multipart/form-data"
    posted = _form(request) if is_form else _json(request)
    try:
        said = NewMessage.model_validate(posted)
    except ValidationError as error:
        raise BadRequest(_problem(found) for found in error.errors()) from error
    html = bodies.clean(said.html) if said.html else ""
    shown = html if bodies.shows(html) else ""
    if not shown and not headers.clean(said.text).strip():
        raise BadRequest([Problem("text", "write text, html or both")])
    files = tuple(_uploaded(request.FILES.getlist(FILES)) if is_form else _decoded(said.attachments))
    if len(files) > writing.MOST_FILES:
        raise BadRequest([Problem("attachments", f"attach at most {writing.MOST_FILES} files")])
    if sum(len(file.content) for file in files) > writing.MOST_BYTES:
        raise BadRequest([Problem("attachments", f"together they are larger than {writing.MOST_BYTES} bytes")])
    return said.to, writing.Letter(subject=said.subject, text=said.text, html=shown, files=files)


def _json(request: HttpRequest) -> dict[str, Any]:
    try:
        found: object = JsonParser().parse_body(request)
    except Unreadable as error:
        raise BadRequest([Problem("", str(error))]) from error
    if not isinstance(found, dict):
        raise BadRequest([Problem("", "post an object")])
    return found


def _problem(found: ErrorDetails) -> Problem:
    is_unknown = found["type"] == "extra_forbidden"
    return Problem(".".join(map(str, found["loc"])), UNKNOWN if is_unknown else found["msg"])


def _form(request: HttpRequest) -> dict[str, Any]:
    """A form's fields. Raises BadRequest for a file under another name than ``attachments``, or a text under that."""
    strange = [Problem(name, f"{UNKNOWN}: attach files as attachments") for name in request.FILES if name != FILES]
    strange += [Problem(FILES, "this is no file: send its file name, too") for name in request.POST if name == FILES]
    if strange:
        raise BadRequest(strange)
    return dict(request.POST.items())


def _uploaded(files: Sequence[UploadedFile[Any]]) -> list[File]:
    return [
        File(name=headers.one_line(file.name or "file"), content_type=file.content_type or "", content=file.read())
        for file in files
    ]


def _decoded(files: Sequence[NewFile]) -> list[File]:
    found, problems = [], []
    for position, file in enumerate(files):
        try:
            content = base64.b64decode(file.content, validate=True)
        except (binascii.Error, ValueError):
            problems.append(Problem(f"attachments.{position}.content", "this is not base64"))
        else:
            found.append(File(name=headers.one_line(file.name), content_type=file.contentType, content=content))
    if problems:
        raise BadRequest(problems)
    return found
