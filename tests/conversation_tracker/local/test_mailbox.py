"""The local mailbox: what real people received, and answering as them."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox
from conversation_tracker.local.models import LocalMail
from conversation_tracker.models import Receipt
from orders import customers
from orders.models import Kind, Verification
from orders.outcomes import Outcome
from tests import factories

pytestmark = pytest.mark.django_db
BACKEND = "conversation_tracker.local.mailbox.MailboxBackend"
PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.fixture(autouse=True)
def _one_machine(settings: Settings) -> None:
    settings.DEBUG = True


def send(*recipients: str, html: str = "", headers: dict[str, str] | None = None, **fields: Any) -> LocalMail:
    values = {"subject": "Hello", "body": "Where is it?\n\n> quoted", "from_email": "Store <alias@ct.example>"}
    mail = EmailMultiAlternatives(**{**values, **fields}, to=list(recipients), headers=headers)
    if html:
        mail.attach_alternative(html, "text/html")
    assert get_connection(BACKEND).send_messages([mail]) == 1
    newest = LocalMail.objects.order_by("-pk").first()
    assert newest is not None
    return newest


def person_url(address: str) -> str:
    return f"/mailbox/people/{customers.real_digest(address).hex()}/"


def test_a_mail_is_kept_once_for_each_recipient():
    send("Eva <eva@people.example>", "ulf@people.example", cc=["eva@people.example"])
    kept = [mail.recipient.text() for mail in LocalMail.objects.order_by("pk")]
    assert kept == ["eva@people.example", "ulf@people.example"]


def test_a_mail_is_kept_byte_for_byte():
    mail = send("eva@people.example", headers={"Message-ID": "<1@ct.example>"})
    assert b"\nMessage-ID: <1@ct.example>\n" in mail.raw.bytes()
    assert mail.subject.text() == "Hello"


def test_the_database_holds_no_open_address(django_db_blocker):
    from django.db import connection

    send("eva@people.example")
    with connection.cursor() as cursor:
        cursor.execute("SELECT local_localmail::text FROM local_localmail")
        row = cursor.fetchone()[0]
    assert "eva" not in row
    assert b"eva@".hex() not in row


def test_people_are_listed_with_their_newest_mail(client):
    send("eva@people.example", subject="first")
    send("eva@people.example", subject="second")
    send("ulf@people.example", subject="third")
    people = client.get("/mailbox/").context["people"]
    assert [(p.newest.recipient.text(), p.newest.subject.text(), p.count) for p in people] == [
        ("ulf@people.example", "third", 1),
        ("eva@people.example", "second", 2),
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_of_people_asks_the_database_as_often_for_one_as_for_three(count, client, django_assert_num_queries):
    for number in range(count):
        send(f"p{number}@people.example")
    with django_assert_num_queries(2):
        client.get("/mailbox/")


def test_one_person_s_mail_is_newest_first(client):
    send("eva@people.example", subject="first")
    send("EVA@people.example", subject="second")
    send("ulf@people.example")
    mails = client.get(person_url("eva@people.example")).context["mails"]
    assert [mail.subject.text() for mail in mails] == ["second", "first"]


def test_a_mail_is_shown_with_its_quotes_folded(client):
    page = client.get(f"/mailbox/mails/{send('eva@people.example').pk}/").content.decode()
    assert "Where is it?" in page
    assert page.index("Show quoted mail") < page.index("&gt; quoted")


def test_a_formatted_mail_is_cleaned_and_sandboxed(client):
    mail = send("eva@people.example", html="<p>Hi<script>alert(1)</script></p>")
    assert 'sandbox="allow-popups' in client.get(f"/mailbox/mails/{mail.pk}/").content.decode()
    body = client.get(f"/mailbox/mails/{mail.pk}/body/")
    assert "<p>Hi</p>" in body.content.decode()
    assert body["Content-Security-Policy"].startswith("default-src 'none'; img-src")


def test_files_of_a_mail_can_be_saved(client):
    mail = send("eva@people.example", attachments=[("a.pdf", b"%PDF", "application/pdf")])
    response = client.get(f"/mailbox/mails/{mail.pk}/files/0/")
    assert response.content == b"%PDF"
    assert response["Content-Disposition"] == 'attachment; filename="a.pdf"'
    assert client.get(f"/mailbox/mails/{mail.pk}/files/1/").status_code == 404


@pytest.mark.parametrize(
    "url", ["/mailbox/mails/1/", "/mailbox/people/00/", "/mailbox/people/xx/", "/mailbox/mails/1/body/"]
)
def test_what_is_not_there_is_not_found(url, client):
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(("debug", "local"), [(False, True), (True, False)])
def test_without_a_demonstration_there_is_no_mailbox(debug, local, client, settings):
    mail = send("eva@people.example")
    settings.DEBUG, settings.LOCAL = debug, local
    urls = ["/mailbox/", "/mailbox/write/", f"/mailbox/mails/{mail.pk}/", person_url("eva@people.example")]
    assert [client.get(url).status_code for url in urls] == [404] * 4


@pytest.fixture
def door(live_server: Any, settings: Settings) -> None:
    """Our own door, reached over HTTP."""
    settings.DEBUG = True
    settings.PUBLIC_URL = live_server.url


def payload() -> dict[str, Any]:
    receipt = Receipt.objects.get()
    return dict(receipt.body.json())


def headers() -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in payload()["Headers"]}


@pytest.mark.django_db(transaction=True)
def test_a_reply_comes_in_through_the_door_as_from_that_person(client, door):
    placed = factories.place_order(email="eva@people.example", name="Eva Lund")
    alias = placed.store_alias.address.text()
    mail = send(
        "eva@people.example",
        from_email=f"Acme <{alias}>",
        headers={"Message-ID": "<2@ct.example>", "References": "<1@ct.example>"},
    )
    response = client.post(f"/mailbox/mails/{mail.pk}/", {"name": "Eva Lund", "text": "Thanks!"}, follow=True)
    assert "It is on its way." in response.content.decode()
    posted = payload()
    assert posted["FromFull"] == {"Email": "eva@people.example", "Name": "Eva Lund", "MailboxHash": ""}
    assert posted["OriginalRecipient"] == alias
    assert posted["Subject"] == "Re: Hello"
    assert posted["TextBody"] == "Thanks!\n\nOn an earlier day, Acme wrote:\n> Where is it?\n>\n> > quoted\n"
    assert headers()["In-Reply-To"] == "<2@ct.example>"
    assert headers()["References"] == "<1@ct.example> <2@ct.example>"
    assert "DKIM_VALID_AU" in headers()["X-Spam-Tests"]


@pytest.mark.django_db(transaction=True)
def test_a_reply_stands_on_the_timeline_as_from_a_verified_sender(client, door):
    placed = factories.place_order(email="eva@people.example", name="Eva Lund")
    mail = send("eva@people.example", from_email=placed.store_alias.address.text())
    client.post(f"/mailbox/mails/{mail.pk}/", {"name": "Eva Lund", "text": "Thanks!"})
    inbox.work(now=timezone.now())
    entry = placed.order.timeline.get(kind=Kind.MAIL)
    assert (entry.outcome, entry.verification) == (Outcome.RELAYED, Verification.VERIFIED)
    assert (entry.sender_alias, entry.recipient_alias) == (placed.customer_alias, placed.store_alias)


def test_a_sender_s_name_is_shown_as_people_write_it():
    mail = send("eva@people.example", from_email="=?utf-8?q?Carla_M=C3=A9ndez?= <alias@ct.example>")
    assert mail.sender.text() == "Carla Méndez <alias@ct.example>"


@pytest.mark.django_db(transaction=True)
def test_a_reply_goes_to_reply_to_where_there_is_one(client, door):
    mail = send("eva@people.example", reply_to=["other@ct.example"])
    client.post(f"/mailbox/mails/{mail.pk}/", {"text": "Thanks!"})
    assert payload()["OriginalRecipient"] == "other@ct.example"


@pytest.mark.django_db(transaction=True)
def test_anybody_can_write_to_an_alias(client, door):
    data = {"sender": "new@carrier.test", "name": "Carrier", "to": "a@ct.example", "subject": "Parcel", "text": "Hi"}
    response = client.post("/mailbox/write/", data, follow=True)
    assert "It is on its way." in response.content.decode()
    assert (payload()["From"], payload()["To"], payload()["Subject"]) == (
        "new@carrier.test",
        "a@ct.example",
        "Parcel",
    )


@pytest.mark.parametrize("field", ["sender", "to"])
def test_what_is_no_address_is_refused(field, client):
    data = {"sender": "a@b.example", "to": "c@d.example", "text": "Hi", field: "no address"}
    response = client.post("/mailbox/write/", data)
    assert response.status_code == 400
    assert "This cannot be an e-mail address." in response.content.decode()
    assert Receipt.objects.count() == 0


def test_an_empty_reply_is_refused(client):
    response = client.post(f"/mailbox/mails/{send('eva@people.example').pk}/", {"text": " "})
    assert response.status_code == 400
    assert "Write something first." in response.content.decode()


def test_a_door_that_does_not_answer_is_told_and_the_words_are_kept(client, settings):
    settings.PUBLIC_URL = "http://127.0.0.1:9"
    response = client.post(f"/mailbox/mails/{send('eva@people.example').pk}/", {"text": "My words"})
    page = response.content.decode()
    assert "The mail was not taken" in page
    assert "My words" in page


@pytest.mark.django_db(transaction=True)
def test_a_door_that_refuses_is_told(client, door, settings):
    settings.INBOUND_PROVIDERS = []
    page = client.post(f"/mailbox/mails/{send('eva@people.example').pk}/", {"text": "x"}).content.decode()
    assert "The mail was not taken" in page
    assert "HTTP 404" in page
