"""The calls that read conversations, fetch their files, and decode aliases."""

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router

from orders import access, conversations, pages
from orders.api import keys, limits, messages, shapes
from orders.api.openapi import answers
from orders.api.read import MOST_ROWS, router
from orders.api.schemas import Text

_MESSAGES = "/oms/pvt/orders/{order_id}/conversation-message"
decoder = Router(tags=["Conversation"])


@router.get(
    _MESSAGES, summary="Read a conversation", tags=["Conversation"], openapi_extra=answers([shapes.Message])
)  # fmt: skip
def read_conversation(  # noqa: PLR0917  ninja passes them by name
    request: HttpRequest,
    response: HttpResponse,
    order_id: str,
    page: Annotated[
        int | None, Query(ge=1, le=100_000, description="From 1; without it and per_page the answer is all of it.")
    ] = None,
    per_page: Annotated[int | None, Query(ge=1, le=MOST_ROWS, description=f"Otherwise {MOST_ROWS}.")] = None,
    attachment_links: Annotated[
        bool, Query(alias="attachmentLinks", description="Add where each file is fetched.")
    ] = False,
) -> list[dict[str, Any]]:
    """The mails of the order, oldest first. ``email`` is the alias too.

    A key that may reveal is answered with real addresses there, which is audited.
    """
    key = keys.of(request)
    order = access.order_of_key(key, order_id)
    entries = conversations.messages(order)
    if page or per_page:
        page, per_page = page or 1, per_page or MOST_ROWS
        response["X-Total-Count"] = str(entries.count())
        entries = entries[(page - 1) * per_page : page * per_page]
    with transaction.atomic():
        if key.may_reveal:
            conversations.reveal(order, key=key, now=timezone.now())
        return messages.conversation(order, entries, reveals=key.may_reveal, links=attachment_links)


@router.get(
    f"{_MESSAGES}/{{message_id}}/attachments/{{position}}",
    summary="Fetch a file",
    tags=["Conversation"],
    url_name="message-attachment",
    openapi_extra={
        "responses": {
            200: {
                "description": "The file, masked where it can be, to be saved and never opened by a browser.",
                "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
            }
        }
    },
)
def read_attachment(request: HttpRequest, order_id: str, message_id: str, position: int) -> HttpResponse:
    """A file of a message, as it was recorded."""
    order = access.order_of_key(keys.of(request), order_id)
    found, content = conversations.attachment(order, message_id, position)
    return pages.download(
        content, name=found.name, content_type=found.content_type, is_dangerous=found.is_dangerous
    )  # fmt: skip


@decoder.get("/pvt/emailMapping", summary="Decode an alias", openapi_extra=answers(shapes.Mapping))
def decode(
    request: HttpRequest,
    alias: Annotated[Text, Query(min_length=3)],
    reason: Annotated[Text, Query(min_length=3, description="Why; it is kept in the audit log.")],
    an: Annotated[str, Query(description="The account; when it is there, it must be that of the key.")] = "",
) -> dict[str, str]:
    """The real address behind an alias. Needs a key that may reveal; each answer is audited with its reason."""
    key = keys.of(request)
    access.ensure_may_reveal(key)
    limits.spend(request, limits.DECODE, key)
    if an and an != key.store.account:
        raise access.NotFound(alias)
    return {"email": conversations.real_address(alias, key=key, reason=reason, now=timezone.now())}
