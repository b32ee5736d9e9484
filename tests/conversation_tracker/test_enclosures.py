"""A mail with files leaves by each provider, the files as they came."""

from __future__ import annotations

import base64

import pytest
from anymail.utils import Attachment
from django.core.mail import EmailMultiAlternatives, get_connection
from pytest_django import Settings

from conversation_tracker import enclosures
from conversation_tracker.mailflow.shapes import StoredFile
from orders import vault

PROVIDERS = "brevo mailersend mailgun mailjet mailtrap mandrill postal postmark resend sparkpost".split()  # noqa: SIM905
CREDENTIALS = {
    f"{name.upper()}_{kind}": "x"
    for name in PROVIDERS
    for kind in ("API_KEY", "API_TOKEN", "SECRET_KEY", "SERVER_TOKEN", "SENDER_DOMAIN")
} | {"POSTAL_API_URL": "https://postal.example"}
PNG = b"\x89PNG\r\n\x1a\n"
FILES = [
    ("note.pdf", "application/pdf", b"%PDF-1.7 a note", "f_m3abc"),  # Gmail gives each file an id
    ("image001.png", "image/png", PNG, "image001.png@01DB"),
    ("forwarded.eml", "message/rfc822", b"Subject: x\n\nx", ""),
    ("invite.ics", "application/ics", b"BEGIN:VCALENDAR", ""),
    ("nfe.xml", "application/xml", b"<nfe/>", ""),
    ("latin.txt", "text/plain", "entrega às 9h".encode("latin-1"), ""),
    ("wide.csv", "text/csv", "nome;ação".encode("utf-16"), ""),
    ("utf-8.txt", "text/plain", "ação".encode(), ""),
    ("odd.txt", "text/plain", b"\xff\xfea", ""),
]


def enclosed(name: str, kind: str, content: bytes, content_id: str, *, shown: tuple[str, ...] = ()) -> Attachment:
    """What anymail makes of it."""
    stored = StoredFile(name, kind, content_id, vault.save(content))
    return Attachment(enclosures.part(stored, shown=shown))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file[0])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_mail_with_a_file_can_be_handed_to_each_provider(
    settings: Settings, provider: str, file: tuple[str, str, bytes, str]
) -> None:
    settings.ANYMAIL = CREDENTIALS
    settings.EMAIL_BACKEND = f"anymail.backends.{provider}.EmailBackend"
    name, kind, content, content_id = file
    stored = StoredFile(name, kind, content_id, vault.save(content))
    message = EmailMultiAlternatives("s", "t", "a@ct.example", ["b@people.example"])
    message.attach_alternative(f'<img src="cid:{content_id}">', "text/html")
    message.attach(enclosures.part(stored, shown=[content_id.lower()]))
    connection = get_connection(settings.EMAIL_BACKEND)
    payload = connection.build_message_payload(message, connection.send_defaults)  # type: ignore[attr-defined]
    if provider == "mailgun":  # it is posted a form
        ((_, (_, left, _)),) = payload.files
        assert left == content
    else:
        assert base64.b64encode(content).decode() in payload.serialize_data()


def test_only_pictures_that_the_html_shows_stand_in_it(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    pdf, picture, *_ = FILES
    assert enclosed(*picture, shown=("image001.png@01db",)).cid == "image001.png@01DB"
    assert not enclosed(*picture).inline
    assert not enclosed(*pdf, shown=("f_m3abc",)).inline
    assert enclosed(*pdf).name == "note.pdf"


@pytest.mark.parametrize(
    ("declared", "content", "expected"),
    [
        ("windows-1251", "Акт приёмки".encode("cp1251"), "windows-1251"),
        ("shift_jis", "注文,お届け先".encode("shift_jis"), "shift_jis"),
        ("Shift_JIS", "①注文".encode("cp932"), "ms932"),  # written under the smaller one's name
        ("iso-2022-jp", "<p>注文</p>".encode("iso-2022-jp"), "iso-2022-jp"),
        ("iso-8859-2", "łódź".encode(), "utf-8"),  # called so in error
        ("us-ascii", "łódź".encode("iso-8859-2"), "iso-8859-1"),
        ("windows-1251", b"plain", "utf-8"),
        ("utf-16le", b"plain text", "utf-8"),
        ("utf-16le", "plain text".encode("utf-16le"), "utf-16le"),
        ("hex", b"00", "utf-8"),
        ("nobody-knows", "ação".encode("latin-1"), "iso-8859-1"),
        ("windows\r\n1251", "Акт".encode("cp1251"), "iso-8859-1"),
        ("", "ação".encode("latin-1"), "iso-8859-1"),
    ],
)
def test_a_text_keeps_the_charset_in_which_it_can_be_read(declared: str, content: bytes, expected: str) -> None:
    part = enclosures.part(StoredFile("a.txt", "text/plain", "", vault.save(content), declared), shown=())
    assert part.get_content_charset() == expected
    found = Attachment(part)
    assert base64.b64decode(found.b64content) == content
