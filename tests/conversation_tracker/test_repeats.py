"""A mail that comes again is one entry, and one that only looks like it is another."""

from __future__ import annotations

import base64
import json
from email.message import EmailMessage

import pytest
from django.test import Client
from pytest_django import Settings

from conversation_tracker.models import Receipt
from orders import vault
from orders.outcomes import Reason
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.conversing import Work, ids, mails

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]


@pytest.mark.parametrize("times", [2, 5])
def test_a_repeated_webhook_is_one_entry_and_one_mail(client: Client, work: Work, placed: Placed, times: int) -> None:
    for _ in range(times):
        letters.post_mailgun(client, letters.mailgun(placed.customer_alias.address.text()))  # each with a new token
    assert len(work()) == 1
    letters.post_mailgun(client, letters.mailgun(placed.customer_alias.address.text()))
    assert work() == []
    assert len(mails(placed.order)) == 1
    assert [row.results[0]["repeat"] for row in Receipt.objects.order_by("id")] == [False] + [True] * times


def test_the_same_mail_through_two_providers_is_one_entry(client: Client, work: Work, placed: Placed) -> None:
    alias = placed.customer_alias.address.text()
    raw = letters.mime(Date="Mon, 23 Nov 2026 10:00:00 +0000", text="It is at your door.")
    letters.post_ses(client, letters.ses([alias], raw))
    letters.post_mailgun(client, letters.mailgun(alias))
    letters.post_postmark(client, letters.postmark(alias))
    assert len(work()) == 1
    assert len(mails(placed.order)) == 1


@pytest.mark.parametrize(
    "date",
    ["Mon, 23 Nov 2026 10:00:00 GMT", "Mon, 23 Nov 2026 07:00:00 -03:00", "23 Nov 2026 11:00:00 +0100 (CET)",
     "Mon, 23 Nov 2026 10:00:00 -0000"],
)  # fmt: skip
def test_a_date_that_a_provider_wrote_anew_makes_no_other_mail(
    client: Client, work: Work, placed: Placed, date: str
) -> None:
    alias = placed.customer_alias.address.text()
    raw = letters.mime(Date="Mon, 23 Nov 2026 10:00:00 +0000", text="It is at your door.")
    letters.post_ses(client, letters.ses([alias], raw))
    letters.post_postmark(client, letters.postmark(alias, Date=date))
    assert len(work()) == 1
    assert len(mails(placed.order)) == 1


@pytest.mark.parametrize("date", ["Mon, 23 Nov 2026 10:00:01 +0000", "Mon, 99 Nov 2026 10:00:00 +0000", "today", ""])
def test_another_date_makes_another_mail(client: Client, work: Work, placed: Placed, date: str) -> None:
    alias = placed.customer_alias.address.text()
    raw = letters.mime(Date="Mon, 23 Nov 2026 10:00:00 +0000", text="It is at your door.")
    letters.post_ses(client, letters.ses([alias], raw))
    letters.post_postmark(client, letters.postmark(alias, Date=date))
    assert len(work()) == 2


def test_the_same_mail_with_its_files_in_another_order_is_one_entry(client: Client, work: Work, placed: Placed) -> None:
    pdf, png = ("a.pdf", "application/pdf", b"%PDF-1.7 a"), ("b.png", "image/png", b"\x89PNG\r\n\x1a\nx")
    alias = placed.customer_alias.address.text()
    for files in ((pdf, png), (png, pdf)):
        letters.post_ses(
            client, letters.ses([alias], letters.mime(Date="Mon, 23 Nov 2026 10:00:00 +0000", files=files))
        )
    assert len(work()) == 1
    assert len(mails(placed.order)) == 1


def test_a_text_file_is_one_entry_whichever_line_ends_a_server_writes(
    client: Client, work: Work, placed: Placed
) -> None:
    alias = placed.customer_alias.address.text()
    report = b"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822;\n a@x.example\nAction: delayed\n"
    boundary, start = b"\n--b\n", letters.mime(Date="Mon, 23 Nov 2026 10:00:00 +0000").partition(b"Content-Type")[0]
    parts = (
        b"Content-Type: text/plain\n\nSee the list.\n",
        b"Content-Type: text/csv; name=list.csv\n\na;b\nc;d\n",
        b"Content-Type: application/json; name=list.json\n\n{}\n\n",
        b"Content-Type: message/delivery-status\n\n" + report,
    )
    raw = start + b"Content-Type: multipart/mixed; boundary=b\n" + boundary + boundary.join(parts) + b"\n--b--\n"
    for one in (raw, raw.replace(b"\n", b"\r\n")):
        letters.post_ses(client, letters.ses([alias], one))
    assert len(work()) == 1
    assert len(mails(placed.order)) == 1


def test_html_in_pieces_around_a_file_is_one_entry_raw_and_in_parts(client: Client, work: Work, placed: Placed) -> None:
    alias, pdf = placed.customer_alias.address.text(), b"%PDF-1.7 a"
    pieces = EmailMessage()
    pieces.make_mixed()
    for content in ("<p>Before</p>", "<p>After</p>"):
        piece = EmailMessage()
        piece.set_content(content, subtype="html")
        pieces.attach(piece)
    pieces.add_attachment(pdf, maintype="application", subtype="pdf", filename="a.pdf")
    raw = EmailMessage()
    raw["From"], raw["Subject"], raw["Message-ID"] = "kim@carrier.example", "Your parcel", "<1@carrier.example>"
    raw["Date"] = "Mon, 23 Nov 2026 10:00:00 +0000"
    raw.set_content("Before After")
    raw.make_alternative()
    raw.attach(pieces)
    file = {"Name": "a.pdf", "ContentType": "application/pdf", "Content": base64.b64encode(pdf).decode()}
    html = "<p>Before</p><p>After</p>"
    parts = letters.postmark(alias, TextBody="Before After", HtmlBody=html, Attachments=[file])
    letters.post_ses(client, letters.ses([alias], raw.as_bytes()))
    letters.post_postmark(client, parts)
    assert len(work()) == 1
    assert len(mails(placed.order)) == 1


def test_a_forged_repeat_with_other_words_is_another_entry(client: Client, work: Work, placed: Placed) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody="Pay to another account."))
    assert len(work()) == 2
    assert len(mails(placed.order)) == 2


HTML = (
    '<h1>Your <b>parcel</b></h1><p>See <a href="https://x.example/a_b?c=1&amp;d=2">this</a>, or '
    '<a href="https://x.example/">https://x.example/</a>.</p><ul><li>one</li><li>two</li></ul>'
)
MADE = (
    "# Your **parcel**\n\nSee [this](https://x.example/a_b?c=1&d=2), or\n<https://x.example/>.\n\n  * one\n  * two\n\n"
)


def test_html_is_one_entry_whoever_made_a_text_of_it(client: Client, work: Work, placed: Placed) -> None:
    alias = placed.customer_alias.address.text()
    header = letters.mime(Date="Mon, 23 Nov 2026 10:00:00 +0000").partition(b"Content-Type")[0]
    letters.post_ses(client, letters.ses([alias], header + b"Content-Type: text/html\n\n" + HTML.encode() + b"\n"))
    letters.post_mailgun(client, letters.mailgun(alias, **{"body-plain": MADE, "body-html": HTML}))
    letters.post_postmark(client, letters.postmark(alias, TextBody="", HtmlBody=HTML))
    assert len(work()) == 1
    letters.post_postmark(client, letters.postmark(alias, TextBody=MADE.replace("x.e", "evil.e"), HtmlBody=HTML))
    assert len(work()) == 1
    assert len(mails(placed.order)) == 2


@pytest.mark.parametrize(
    "forged",
    [
        {"TextBody": "Deliver 10 lamps."},
        {"HtmlBody": '<p><a href="https://evil.example/">Pay here</a></p>'},
        {"HtmlBody": '<p><a href="https://acme.example/">Pay here</a><img src="https://evil.example/p"></p>'},
        {"HtmlBody": '<p><a href="https://acme.example/" title="IBAN 666">Pay here</a></p>'},
        {"HtmlBody": '<p><a href="https://acme.example/">Pay here</a><img alt="IBAN 666" src="cid:a"></p>'},
        {"HtmlBody": '<p><a href="https://acme.example/" style="color:white">Pay here</a></p>'},
    ],
    ids=["space", "link", "picture", "title", "alternative", "look"],
)
def test_a_forged_repeat_with_other_content_is_another_entry(
    client: Client, work: Work, placed: Placed, forged: dict[str, str]
) -> None:
    html = '<p><a href="https://acme.example/">Pay here</a></p>'
    genuine = letters.postmark(placed.customer_alias, TextBody="Deliver 1 0 lamps.", HtmlBody=html)
    letters.post_postmark(client, genuine)
    letters.post_postmark(client, {**genuine, **forged})
    assert len(work()) == 2
    assert len(mails(placed.order)) == 2


def test_a_repeat_with_other_line_ends_and_other_names_of_its_pictures_is_one_entry(
    client: Client, work: Work, placed: Placed
) -> None:
    html = '<p>Pay <a href="https://acme.example/?a=1&amp;b=2">here</a>, <img src="cid:{}"></p>'
    for text, name, gap in (("At your door.\r\n", "one", " "), ("At your\ndoor.", "two", "\r\n ")):
        body = html.format(name).replace(" ", gap)
        letters.post_postmark(client, letters.postmark(placed.customer_alias, TextBody=text, HtmlBody=body))
    assert len(work()) == 1
    assert len(mails(placed.order)) == 1


REFUSABLE = {
    "spam": [{"Name": "X-Spam-Status", "Value": "Yes"}, {"Name": "X-Spam-Score", "Value": "9"}],
    "bulk": [{"Name": "Precedence", "Value": "bulk"}, {"Name": "List-Id", "Value": "<news.example>"}],
    "loop": [{"Name": "Received", "Value": f"from {number}.example by mx.example"} for number in range(60)],
}


@pytest.mark.parametrize("reason", REFUSABLE)
def test_a_refused_copy_does_not_swallow_the_good_one(client: Client, work: Work, placed: Placed, reason: str) -> None:
    bad = [*ids("<1@carrier.example>"), *REFUSABLE[reason]]
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias, Headers=bad))
        assert work() == []
    assert [entry.reason for entry in mails(placed.order)] == [reason]  # a repeat of it stays one
    for _ in range(2):
        letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert len(work()) == 1
    assert [entry.reason for entry in mails(placed.order)] == [reason, Reason.CONVERSATION]


def test_two_short_mails_without_message_id_and_date_are_two(client: Client, work: Work, placed: Placed) -> None:
    for message_id in ("one", "two", "two"):
        payload = letters.postmark(placed.customer_alias, Headers=[], Date="", MessageID=message_id)
        letters.post_postmark(client, payload)
    assert len(work()) == 2
    assert len(mails(placed.order)) == 2


@pytest.mark.parametrize("is_raw", [True, False])
@pytest.mark.parametrize("days", [("23", "23"), ("23", "24")], ids=["one mail", "two mails"])
def test_a_mail_without_message_id_that_is_handed_over_for_each_recipient_is_one_for_each(
    client: Client, work: Work, placed: Placed, days: tuple[str, str], *, is_raw: bool
) -> None:
    """A server does so whose recipients are in several domains, as those of Soft aliases are; each call names both."""
    aliases = (placed.customer_alias, placed.store_alias)
    both = [alias.address.text() for alias in aliases]
    for number, (recipient, day) in enumerate(zip(both, days, strict=True)):
        date = f"{day} Nov 2026 10:00:00 +0000"
        raw = letters.mime(Date=date, To=", ".join(both), Message_ID="")
        came = f"by mx.example id {number} for <{recipient}>; 23 Nov 2026 10:00:0{number} +0000"
        payload = letters.postmark(
            recipient,
            ToFull=[{"Email": one, "Name": ""} for one in both],
            Headers=[{"Name": "Received", "Value": came}],
            Date=date,
            MessageID=f"call-{number}",
            **({"RawEmail": f"Received: {came}\r\n{raw.decode()}"} if is_raw else {}),
        )
        letters.post_postmark(client, payload)
    different = len(set(days))
    assert sorted(mail.to[0] for mail in work()) == sorted([alias.real.text() for alias in aliases] * different)
    assert len(mails(placed.order)) == 2 * different


def test_without_message_id_and_date_the_header_tells_mails_apart(
    client: Client, work: Work, placed: Placed, settings: Settings
) -> None:
    letters.mount(settings, "mailjet")
    alias = placed.customer_alias.address.text()
    for day in ("21", "22", "22"):
        came = f"by mx.example; {day} Nov 2026 10:00:00 +0000"
        fields = [("Received", came), ("From", "Kim <kim@carrier.example>"), ("Subject", "Alarm")]
        letters.post_mailgun(client, letters.mailgun(alias, **{"message-headers": json.dumps(fields)}))
        letters.post(client, "/anymail/mailjet/inbound/", letters.mailjet(alias, Headers=dict(fields)))
    assert len(work()) == 4
    assert len(mails(placed.order)) == 4


def test_the_original_of_a_repeat_with_other_bytes_is_kept_too(client: Client, work: Work, placed: Placed) -> None:
    raw = letters.mime(Date="Mon, 23 Nov 2026 10:00:00 +0000")
    other = b"Received: by another way\r\n" + raw
    for one in (raw, other, other, raw):
        letters.post_ses(client, letters.ses([placed.customer_alias.address.text()], one))
    assert len(work()) == 1
    (entry,) = mails(placed.order)
    assert vault.load(entry.original) == raw
    assert [vault.load(copy.original) for copy in entry.copies.all()] == [other]
