"""Reading mails, broken ones above all."""

from __future__ import annotations

import base64
import email
from email import policy
from email.message import EmailMessage

import pytest
from billiard.exceptions import SoftTimeLimitExceeded
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation_tracker.mailflow import guards
from conversation_tracker.mailflow.parse import parse
from conversation_tracker.mailflow.shapes import Envelope, Mail, Trait, Verdict
from conversation_tracker.mailflow.traits import HOP_HEADER
from tests import letters
from tests.conversation_tracker.mailflow import passing

ENVELOPE = Envelope("kim@carrier.example", True, ("a@ct.example",), Verdict.NONE, is_spam=False)


def read(raw: bytes, *, envelope: Envelope = ENVELOPE) -> Mail:
    message = email.message_from_bytes(raw, policy=policy.default)
    return parse(message, envelope=envelope, is_own_hop=lambda value: value == "ours")


def with_header(name: str, value: str) -> bytes:
    return f"From: a@b.example\r\n{name}: {value}\r\n\r\nHi".encode()


def test_both_bodies_and_the_files_are_read() -> None:
    mail = read(letters.mime(text="Plain", html="<p>Rich</p>", files=(("a.txt", "text/plain", b"file"),)))
    assert (mail.text, mail.html) == ("Plain", "<p>Rich</p>\n")
    assert [(file.name, file.content) for file in mail.files] == [("a.txt", b"file")]


def test_text_is_made_of_html_when_there_is_none() -> None:
    assert read(b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n<p>One</p><p>Two &amp; three</p>").text == (
        "One\nTwo & three"
    )


@pytest.mark.parametrize(
    ("charset", "body", "expected"),
    [
        ("iso-8859-1", b"caf\xe9", "café"),
        ("x-unknown", b"caf\xe9", "café"),
        ("utf-8", b"caf\xe9", "café"),
        ("utf-8", "日本語".encode(), "日本語"),
        ("iso-2022-jp", "日本語".encode("iso-2022-jp"), "日本語"),
        ("zip", b"plain", "plain"),
        ("iso-8859-1", "It’s 5 €".encode("cp1252"), "It’s 5 €"),
        ("gb2312", "朱镕基".encode("gbk"), "朱镕基"),
        ("shift_jis", "注文①".encode("cp932"), "注文①"),
        ("iso-2022-jp", b"\x1b(I123\x1b(B \x1b$BCmJ8\x1b(B", "ｱｲｳ 注文"),
        ("iso-2022-jp", b"\x1b$BCmJ8-!\x1b(B", "注文①"),
        ("ks_c_5601-1987", "똠방".encode("cp949"), "똠방"),
        ("x-sjis", "注文".encode("cp932"), "注文"),
        ("windows-874", "สวัสดี".encode("cp874"), "สวัสดี"),
        ("iso-8859-8-i", "שלום".encode("iso-8859-8"), "שלום"),
        ("utf-8", "Você não é".encode()[:-1], "Você não"),
        ("us-ascii", "não".encode(), "não"),
        ('"utf-8\0"', "olá".encode(), "olá"),
        ('"utf-8\0"', b"b2zDoQ==\xe9", "olá"),
    ],
)
def test_any_charset_is_read(charset: str, body: bytes, expected: str) -> None:
    encoding = b"\r\nContent-Transfer-Encoding: base64" if b"==" in body else b""
    kind = b"Content-Type: text/plain; charset=" + charset.encode() + encoding + b"\r\n\r\n" + body
    assert read(b"From: a@b.example\r\n" + kind).text == expected
    inner = read(
        b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + kind + b"\r\n--b--\r\n"
    )
    assert inner.text == expected


@pytest.mark.parametrize(
    "name", ["quoted-printable ", '"Quoted-Printable"', "quoted-printable;", "quoted-printable (x)"]
)
def test_an_encoding_is_known_whatever_stands_around_its_name(name: str) -> None:
    assert read(with_header("Content-Transfer-Encoding", name).removesuffix(b"Hi") + b"joao=40b.example").text == (
        "joao@b.example"
    )


@pytest.mark.parametrize("name", ["relatório.pdf".encode(), "relatório.pdf".encode("latin-1")])
def test_a_file_s_name_in_raw_8_bit_is_read(name: bytes) -> None:
    raw = b'From: a@b.example\r\nContent-Type: application/pdf; name="' + name + b'"\r\n\r\n%PDF'
    assert [file.name for file in read(raw).files] == ["relatório.pdf"]


def in_sequence(*parts: str) -> Mail:
    body = "".join(f"--b\r\nContent-Type: {part}\r\n" for part in parts)
    return read(f"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{body}--b--\r\n".encode())


LETTER, FOOTER = "text/plain\r\n\r\nMy 5 < 6 letter.", "text/html\r\n\r\n<p>A footer</p>"
BOTH = (
    f"multipart/alternative; boundary=c\r\n\r\n--c\r\nContent-Type: {LETTER}\r\n--c\r\nContent-Type: {FOOTER}\r\n--c--"
)


def test_what_stands_in_one_form_only_is_in_the_text_and_in_the_html() -> None:
    """Mail programs show one of the two."""
    mail = in_sequence(LETTER, FOOTER)
    assert mail.text == "My 5 < 6 letter.\n\nA footer"
    assert mail.html.index("My 5 &lt; 6 letter.") < mail.html.index("<p>A footer</p>")
    mail = in_sequence(FOOTER, LETTER)
    assert mail.text == "A footer\n\nMy 5 < 6 letter."
    assert mail.html.index("<p>A footer</p>") < mail.html.index("My 5 &lt; 6 letter.")


def test_alternatives_and_what_only_should_be_called_so_are_not_doubled() -> None:
    assert (in_sequence(BOTH).text, in_sequence(BOTH).html) == ("My 5 < 6 letter.", "<p>A footer</p>")
    mail = in_sequence("text/plain\r\n\r\nOne letter.", "text/html\r\n\r\n<p>One <b>letter</b>.</p>")
    assert (mail.text, mail.html) == ("One letter.", "<p>One <b>letter</b>.</p>")


@pytest.mark.parametrize(
    ("letter", "piece", "is_shown"), [("Assim foi", "sim", True), ("Sim, foi", "Sim", False), ("Foi 👍", "👍", False)]
)
def test_a_short_word_is_said_only_where_it_stands_as_one(letter: str, piece: str, is_shown: bool) -> None:
    mail = in_sequence(f"text/html; charset=utf-8\r\n\r\n<p>{letter}</p>", f"text/plain; charset=utf-8\r\n\r\n{piece}")
    assert (piece in mail.html.removeprefix(f"<p>{letter}</p>")) == is_shown


def test_what_cannot_be_stored_is_taken_out() -> None:
    assert read(b"From: a@b.example\r\n\r\na\x00b\x08c").text == "abc"


@pytest.mark.parametrize(
    ("said", "read_as"), [("\u8fbb\U000e0100さん", "\u8fbb\U000e0100さん"), ("a\U000e0100b", "ab"), ("\U000e0100", "")]
)
def test_a_name_keeps_the_form_of_its_characters(said: str, read_as: str) -> None:
    raw = b"From: a@b.example\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    assert read(raw + said.encode()).text == read_as


def test_without_from_the_envelope_says_who_wrote() -> None:
    sender = read(b"Subject: x\r\n\r\nHi").sender
    assert sender is not None
    assert sender.address == "kim@carrier.example"


def test_without_any_sender_there_is_none() -> None:
    assert read(b"\r\nHi", envelope=Envelope("", False, (), Verdict.NONE, is_spam=False)).sender is None


def test_an_empty_mail_is_a_mail() -> None:
    mail = read(b"")
    assert (mail.subject, mail.text, mail.html, mail.files) == ("", "", "", ())


@pytest.mark.parametrize(
    ("name", "value", "traits"),
    [
        ("List-Unsubscribe", "<https://x.example>", {Trait.BULK, Trait.ONLY_SAID_BULK}),
        ("List-Id", "<x.example>", {Trait.BULK}),
        ("Precedence", "bulk", {Trait.BULK, Trait.ONLY_SAID_BULK}),
        ("X-MC-User", "c3f8b1a4e7", {Trait.BULK}),  # Mailchimp
        ("X-MC-Unique", "mzU9vKotPLOIHc9UmGwqfQ-1", set()),  # Mimecast
        ("Feedback-ID", "123220910:user:proton", set()),  # a person's own mail
        ("Feedback-ID", "iab3e480c:Fastmail", set()),
        ("Feedback-ID", "esmtpsz:example.com:qybglogicsvrgz:qybglogicsvrgz8a-1", set()),  # QQ
        ("Feedback-ID", "510616m:510616apGKSTK:510616svbvckzTFf", set()),  # a service that parcel notices leave by
        ("Feedback-ID", "winter:shop42:campaign:newsletters", {Trait.BULK}),
        ("Feedback-ID", "41234:41234.1234:us1:mc", {Trait.BULK}),  # Mailchimp
        ("X-Campaign", "mailchimp1234567890.abcdef", {Trait.BULK}),
        ("Feedback-ID", ":anna@people.example:people.example:flockmailId", set()),  # mailboxes of persons again
        ("Feedback-ID", "68247:10037:null:purelymail", set()),
        ("Feedback-ID", "mb6724:199cb6187370009dc1:192.0.2.18:mbaby", set()),
        ("Feedback-ID", "dfw:ctl:res:onyx", set()),
        ("Feedback-ID", "519:519-664519:519-21489:flowmailer", set()),
        ("Feedback-ID", "m101:people.example", set()),
        ("Feedback-ID", "S:5f1a:anonaddy", set()),  # a service that masks its customers
        ("X-Campaign-Id", "order-confirmation", set()),
        ("X-SFMC-Stack", "1", set()),  # parcel notices leave by it, too
        ("Feedback-ID", "1.us-east-1.abc=:AmazonSES", set()),
        ("Auto-Submitted", "auto-replied", {Trait.AUTO_REPLY}),
        ("Auto-Submitted", "auto-generated", {Trait.AUTO_GENERATED}),
        ("Auto-Submitted", "no", set()),
        ("Precedence", "auto_reply", {Trait.AUTO_REPLY}),
        ("X-Autoreply", "yes", {Trait.AUTO_REPLY}),
        ("Subject", "Automatic reply: Your parcel", {Trait.AUTO_REPLY}),
        ("Subject", "Resposta automática: férias", {Trait.AUTO_REPLY}),
        ("Subject", "Automatic doors", set()),
        ("Content-Type", "multipart/report; report-type=delivery-status; boundary=x", {Trait.REPORT}),
        (HOP_HEADER, "ours", {Trait.OWN_HOP}),
        (HOP_HEADER, "forged", set()),
    ],
)
def test_the_nature_of_a_mail_is_told_by_its_header(name: str, value: str, traits: set[Trait]) -> None:
    assert read(with_header(name, value)).traits == traits


def test_a_null_envelope_sender_means_a_machine_wrote() -> None:
    envelope = Envelope("", True, ("a@ct.example",), Verdict.NONE, is_spam=False)
    assert read(with_header("Subject", "x"), envelope=envelope).traits == {Trait.AUTO_REPLY}


@pytest.mark.parametrize(
    ("sender", "subject", "is_report"),
    [
        ("MAILER-DAEMON@yahoo.example", "Failure Notice", True),
        (f"MicrosoftExchange{'0af9' * 8}@corp.example", "Unzustellbar: Ihr Paket", True),
        ("postmaster@corp.example", "Undeliverable: Your parcel", True),
        ("postmaster@corp.example", "Your parcel", False),  # somebody who is that there
        ("kim@carrier.example", "Undeliverable: Your parcel", False),
    ],
)
def test_a_mail_system_s_report_is_one_where_no_envelope_tells_it(sender: str, subject: str, is_report: bool) -> None:
    untold = Envelope("", False, ("a@ct.example",), Verdict.NONE, is_spam=False)
    raw = f"From: {sender}\r\nSubject: {subject}\r\n\r\nSorry.".encode()
    assert (Trait.REPORT in read(raw, envelope=untold).traits) is is_report


def test_more_than_fifty_hops_are_too_many() -> None:
    received = b"Received: from a by b\r\n"
    assert read(received * 50 + b"From: a@b.example\r\n\r\n").traits == set()
    assert read(received * 51 + b"From: a@b.example\r\n\r\n").traits == {Trait.TOO_MANY_HOPS}


@pytest.mark.parametrize(
    ("kind", "name", "files"),
    [
        ("application/pkcs7-signature", "smime.p7s", []),
        ("application/pgp-signature", "OpenPGP_signature.asc", []),
        ("application/pgp-signature", "openpgp-digital-signature.asc", []),
        ("application/pkcs7-signature", "contract.p7s", ["contract.p7s"]),
        ("application/octet-stream", "smime.p7s", ["smime.p7s"]),
    ],
)
def test_a_signature_over_the_mail_is_no_file_of_it(kind: str, name: str, files: list[str]) -> None:
    raw = EmailMessage()
    raw.set_content("Hello")
    raw.add_attachment(b"\x30\x82 a@b.example", maintype="application", subtype=kind[12:], filename=name)
    raw.set_type("multipart/signed")
    mail = read(raw.as_bytes())
    assert (mail.text, [file.name for file in mail.files]) == ("Hello", files)


@pytest.mark.parametrize(
    ("kind", "content", "files"),
    [
        ("pgp-keys", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEawTI\n-----END PGP PUBLIC KEY BLOCK-----\n", []),
        ("pgp-keys", b"a letter", ["OpenPGP_0x1A2B.asc"]),
        ("octet-stream", b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", ["OpenPGP_0x1A2B.asc"]),
    ],
)
def test_the_writers_public_key_is_no_file_of_the_mail(kind: str, content: bytes, files: list[str]) -> None:
    raw = EmailMessage()
    raw.set_content("Hello")
    raw.add_attachment(content, maintype="application", subtype=kind, filename="OpenPGP_0x1A2B.asc")
    mail = read(raw.as_bytes())
    assert (mail.text, [file.name for file in mail.files]) == ("Hello", files)


def test_an_attached_mail_is_read_with_its_own_parts() -> None:
    outer = EmailMessage()
    outer["From"] = "a@b.example"
    outer.set_content("See below")
    outer.add_attachment(email.message_from_bytes(letters.mime(text="Inner"), policy=policy.default))
    (file,) = read(outer.as_bytes()).files
    assert file.nested is not None
    assert file.nested.text == "Inner"


@pytest.mark.parametrize(
    "content",
    [
        "From: São Paulo\nTo: Rio de Janeiro\nDate: 01/12/2026\nReceived: 3\nWeight: 12 kg\n",
        "From: SP\nTo: RJ\n\na;b\n1;2\n",
        "From:\tAna\nSent:\tMonday\nTo:\tLoja\nSubject:\tRE: Pedido\n\n" + "Olá, o pedido não chegou. " * 60,
    ],
    ids=["quote", "table", "saved"],
)
def test_a_text_that_begins_like_a_mail_is_none(content: str) -> None:
    (file,) = read(passing.incoming(content.encode(), name="a.txt", kind="text/plain", charset="utf-8")).files
    assert (file.nested, file.content) == (None, content.encode())


@pytest.mark.parametrize(
    "field", ["Message-ID: <1@x.example>", "MIME-Version: 1.0", "Content-Transfer-Encoding: base64"]
)
def test_a_mail_that_is_called_a_text_is_one(field: str) -> None:
    content = f"From: a@b.example\r\nSubject: x\r\n{field}\r\n\r\nSGVsbG8="
    (file,) = read(passing.incoming(content.encode(), name="a.txt", kind="text/plain")).files
    assert file.nested is not None


def test_references_end_with_the_mail_that_is_answered() -> None:
    raw = letters.mime(References="<1@x.example> <2@x.example>", In_Reply_To="<3@x.example>")
    assert read(raw).references == ("<1@x.example>", "<2@x.example>", "<3@x.example>")


def test_a_hundred_attached_mails_in_each_other_are_read_to_the_limit() -> None:
    raw = b"From: a@b.example\r\n\r\nHi"
    for _ in range(20):
        raw = b"From: a@b.example\r\nContent-Type: message/rfc822\r\n\r\n" + raw
    assert read(raw).sender is not None


@pytest.mark.parametrize("files", [guards.MOST_PARTS + 1, guards.MOST_PARTS + 2])
def test_no_file_is_left_out_without_a_word(files: int) -> None:
    message = EmailMessage()
    message.set_content("see")
    for number in range(files):
        message.add_attachment(b"x", maintype="application", subtype="octet-stream", filename=f"{number}.bin")
    if files == guards.MOST_PARTS + 1:
        assert len(read(message.as_bytes()).files) == files
    else:
        with pytest.raises(guards.OverLimit):
            read(message.as_bytes())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2_000))
def test_any_bytes_can_be_read(raw: bytes) -> None:
    assert "\0" not in read(raw).text


HEADER_NAMES = [
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "From",
    "To",
    "Subject",
    "References",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(HEADER_NAMES), st.text(max_size=60)), max_size=8), st.binary(max_size=500))
def test_any_header_can_be_read(fields: list[tuple[str, str]], body: bytes) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    mail = read(head.encode("utf-8", "surrogatepass") + b"\r\n" + body)
    assert mail.subject == mail.subject.strip()


def test_the_amp_form_of_a_mail_is_no_file_of_it() -> None:
    raw = (
        b"From: a@b.example\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain\r\n\r\nPlain\r\n"
        b"--x\r\nContent-Type: text/x-amp-html\r\n\r\n<html amp4email>Amp</html>\r\n"
        b"--x\r\nContent-Type: text/html\r\n\r\n<p>Rich</p>\r\n--x--\r\n"
    )
    mail = read(raw)
    assert (mail.text.strip(), mail.html.strip(), mail.files) == ("Plain", "<p>Rich</p>", ())


@pytest.mark.parametrize("error", [MemoryError, SoftTimeLimitExceeded])
def test_nothing_is_left_out_because_time_or_memory_ran_out(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(EmailMessage, "get_content_charset", fail)
    with pytest.raises(error):
        read(b"From: a@b.example\r\n\r\nText")


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_picture_within_the_html_becomes_a_file_that_it_shows(quote: str) -> None:
    one, two = b"\x89PNG\r\n\x1a\n a picture", b"\x89PNG\r\n\x1a\n another"
    first, second = (f"data:image/png;base64,{base64.encodebytes(content).decode()}" for content in (one, two))
    shown = "".join(f"<img src={quote}{uri}{quote}>" for uri in (first, second, first))
    mail = read(letters.mime(text="", html=f"<p>See</p>{shown}"))
    assert [(file.name, file.content_id, file.content) for file in mail.files] == [
        ("picture-1.png", "picture-1.png@inline", one),
        ("picture-2.png", "picture-2.png@inline", two),
    ]
    assert [mail.html.count(f'src="cid:{file.content_id}"') for file in mail.files] == [2, 1]
