"""Replay a receipt: rebuild its request and let anymail's own view parse it and send anymail's signal."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from io import BytesIO
from typing import Any

from anymail.signals import inbound
from django.core.handlers.wsgi import WSGIRequest

from conversation_tracker import bytea, forms, providers
from conversation_tracker.models import Channel, Receipt
from conversation_tracker.providers import mime


class NotRead(Exception):
    """anymail's view turned the receipt away without an exception."""


def run(receipt: Receipt) -> None:
    """Send the signals for what the receipt holds. Raises whatever anymail's view raises on a payload it cannot read.

    The credentials were checked at the door; they are not checked again, since a signature may have aged since.
    """
    if receipt.channel == Channel.MIME:
        event = mime.event(mime.Handed.read(body(receipt), receipt.headers.json()))
        inbound.send(sender=Receipt, event=event, esp_name=mime.ESP_NAME)
        return
    provider, rebuilt = providers.ALL[receipt.provider], request(receipt)
    view = provider.views(receipt.channel)[0]
    view.validators = []
    answer = view.post(rebuilt)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        raise NotRead(f"anymail answered {answer.status_code}")


def split(receipt: Receipt) -> Iterator[bytes]:
    """The body of a request for each item, when the receipt holds several; none when its provider sends no batches."""
    provider = providers.ALL.get(receipt.provider)
    if provider is None or provider.split is None or receipt.channel == Channel.MIME:
        return iter(())
    return provider.split(request(receipt))


def body(receipt: Receipt) -> bytes:
    """What came, which a large receipt lets go of: for whoever needs it again it is fetched once more."""
    if "body" in receipt.get_deferred_fields():
        bytea.fetch(receipt, "body")
    found = receipt.body.bytes()
    if receipt.size > bytea.LARGE:
        del receipt.body
    return found


def said(receipt: Receipt) -> bytes:
    """What came, without the boundary of a form's parts, which a client makes up anew each time."""
    return forms.unbound(receipt.body.bytes(), content_type(receipt))


def request(receipt: Receipt) -> WSGIRequest:
    """The request as it stood at the door."""
    octets = body(receipt)
    environ = {
        "REQUEST_METHOD": receipt.method,
        "PATH_INFO": receipt.path,
        "QUERY_STRING": receipt.query.text(),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": BytesIO(),
        "wsgi.url_scheme": "https",
    }
    for name, value in receipt.headers.json():
        key = name.upper().replace("-", "_")
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    environ["CONTENT_LENGTH"] = str(len(octets))
    rebuilt = _Rebuilt(environ)
    rebuilt._body = octets  # where Django keeps a body that has been read
    return rebuilt


class _Rebuilt(WSGIRequest):
    """A request whose form, if somebody asks for it, is read in little memory."""

    def _load_post_and_files(self) -> Any:
        return forms.keep(self) or super()._load_post_and_files()


def content_type(receipt: Receipt) -> str:
    """What the body is, as the provider called it."""
    found: dict[str, str] = {name.lower(): value for name, value in receipt.headers.json()}
    return found.get("content-type", "application/octet-stream")
