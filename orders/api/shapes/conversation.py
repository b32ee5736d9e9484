"""Conversations, and what the decoder answers. The names are the wire's."""
# ruff: noqa: N815

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from orders.api.shapes.base import Answer


class Party(Answer):
    """A side of a conversation. ``aliasMaskType``: 0 is Hard, 1 is Soft."""

    conversationRelatedTo: str
    conversationSubject: str
    emailAlias: str
    aliasMaskType: int
    email: str
    name: str
    role: str | None


class Link(Answer):
    """Where a file is fetched, with the same key."""

    name: str
    contentType: str
    size: int
    url: str


class Message(Answer):
    """A mail of a conversation, masked. ``attachments`` is there only where it was asked for."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    id: str
    sender: Annotated[Party, Field(alias="from")]
    to: list[Party]
    subject: str
    firstWords: str
    body: str
    hasAttachment: bool
    attachmentNames: list[str]
    date: str
    attachments: list[Link] = []


class Mapping(Answer):
    """The real address behind an alias."""

    email: str
