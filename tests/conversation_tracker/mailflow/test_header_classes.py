"""Headers are read as Python reads them, with classes that last."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from conversation_tracker.mailflow.header_classes import Lasting

MAILS = sorted((Path(__file__).resolve().parents[2] / "emails").glob("*.eml"))
PLAIN, LASTING = (policy.EmailPolicy(header_factory=factory()) for factory in (HeaderRegistry, Lasting))


def test_the_policy_of_anymails_messages_uses_it() -> None:
    assert isinstance(policy.default.header_factory, Lasting)
    anymails: Any = EmailMessage().policy
    assert isinstance(anymails.header_factory, Lasting)


def test_a_class_is_made_once_for_each_kind() -> None:
    registry = Lasting()
    assert registry["To"] is registry["to"]
    assert registry["X-One"] is registry["X-Two"]
    assert registry["To"] is not registry["Subject"]
    assert registry["Subject"].__name__ == HeaderRegistry()["Subject"].__name__


def test_a_kind_that_is_mapped_anew_is_taken_up() -> None:
    registry: Any = Lasting()
    before = registry["X-Date"]
    registry.map_to_type("x-date", registry.registry["date"])
    assert registry["X-Date"] is not before
    dated = registry("X-Date", "Mon, 23 Nov 2026 10:00:00 +0000")
    assert dated.datetime.year == 2026


def seen(raw: bytes, how: Any) -> list[tuple[str, str, str, str]]:
    message: Any = message_from_bytes(raw, policy=how)
    return [
        (name, type(value).__name__, str(value), str(value.defects))
        for part in message.walk()
        for name, value in part.items()
    ]


@pytest.mark.parametrize("mail", MAILS, ids=lambda mail: mail.name)
def test_headers_read_as_with_pythons_own_registry(mail: Path) -> None:
    raw = mail.read_bytes()
    assert seen(raw, LASTING) == seen(raw, PLAIN)
