"""Golden mails: `tests/emails/*.eml` go in, what comes out is `*.expected.eml` to the letter.

`UPDATE_GOLDEN=1 make test ARGS="-k golden"` writes the expectations anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from conversation_tracker import inbox
from tests import factories

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
FOLDER = Path(__file__).parent.parent / "emails"
MAILS = sorted(path for path in FOLDER.glob("*.eml") if not path.name.endswith(".expected.eml"))


def settle(text: str, names: dict[str, str]) -> str:
    """The mail with all that is random or of the moment replaced by names."""
    for value, name in names.items():
        text = text.replace(value, name)
    text = re.sub(r"<[0-9a-f]{32}@ct\.acme\.example>", "<OUR_ID>", text)
    text = re.sub(r"(?m)^Date: .*$", "Date: NOW", text)
    text = re.sub(r"(?m)^X-Conversation-Tracker-Hop: .*$", "X-Conversation-Tracker-Hop: MARK", text)
    for number, boundary in enumerate(dict.fromkeys(re.findall(r'boundary="(=+\d+==)"', text)), 1):
        text = text.replace(boundary, f"boundary-{number}")
    return text


@pytest.mark.parametrize("path", MAILS, ids=[path.stem for path in MAILS])
def test_golden(path: Path, work: Work) -> None:
    placed = factories.place_order(factories.make_store("acme"), email="maria@people.example", name="Maria")
    customer, store = placed.customer_alias.address.text(), placed.store_alias.address.text()
    raw = path.read_bytes().replace(b"STORE_ALIAS", store.encode())
    inbox.accept_mime(raw, sender="maria@people.example", recipients=[store], now=timezone.now())
    (sent,) = work()
    message = sent.message()
    message.replace_header("Subject", "SUBJECT")  # its folding depends on the alias's digits
    for part in message.walk():
        if part.get("Content-Transfer-Encoding") == "base64":  # to be read, not decoded, in the expectation
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            del part["Content-Transfer-Encoding"]
            part.set_payload(content.decode("utf-8"))
    found = settle(
        message.as_string().replace("SUBJECT", str(sent.subject), 1), {customer: "CUSTOMER_ALIAS", store: "STORE_ALIAS"}
    )
    expected = path.with_suffix(".expected.eml")
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(found)
    assert found == expected.read_text()
