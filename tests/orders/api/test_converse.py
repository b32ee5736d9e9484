"""A conversation is answered in its shape, with aliases; real addresses only by right, and audited."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders import access
from orders.models import Action, Alias, ApiKey, AuditEntry, MaskType, Order
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from orders.secrecy import Secret
from tests import factories
from tests.orders.api.conftest import READ, Api

AT = datetime(2026, 1, 23, 9, 23, 31, tzinfo=UTC)
REAL = "maria@people.example"
DECODE = "/api/pvt/emailMapping"


@pytest.fixture
def placed(store) -> Placed:
    return factories.place_order(store, email=REAL, name="Maria Silva")


@pytest.fixture
def revealing(store) -> Api:
    return Api(store, may_reveal=True)


def messages(api: Api, order: Order, query: str = "") -> Any:
    return api.send("GET", f"{READ}{order.number}/conversation-message{query}")


def decode(api: Api, alias: str, *, reason: str = "the carrier asks", **query: str) -> Any:
    asked = QueryDict(mutable=True)
    asked.update({"alias": alias, "reason": reason, **query})
    return api.send("GET", f"{DECODE}?{asked.urlencode()}")


def test_who_joined_after_a_mail_was_recorded_is_masked_in_it(api, placed):
    real = "kim@carrier.example"
    words: Any = {
        "text": f"Ask {real}, please.",
        "subject": f"{real}?",
        "html": f'<p>Ask <a href="mailto:{real}">him</a></p>',
    }
    entry = factories.make_mail(placed.customer_alias, placed.store_alias, **words)
    alias = factories.make_third_party(placed.order, email=real).address.text()
    answer = messages(api, placed.order)
    [found] = answer.json()
    assert real not in answer.content.decode()
    assert found["subject"] == f"{alias}?"
    assert alias in found["body"]
    entry.refresh_from_db()
    assert real in entry.text  # what was recorded stays


def test_a_message_has_exactly_its_fields(api, placed):
    customer, store = placed.customer_alias, placed.store_alias
    entry = factories.make_mail(customer, store, text="Where is it?", html="<p>Where is it?</p>", now=AT)
    factories.make_attachment(entry, name="photo.pdf")
    order = placed.order

    def party(alias: Alias, name: str, role: str | None) -> dict[str, Any]:
        address = alias.address.text()
        return {
            "conversationRelatedTo": order.number, "conversationSubject": "oms", "emailAlias": address,
            "aliasMaskType": 0, "email": address, "name": name, "role": role,
        }  # fmt: skip

    answer = messages(api, order)
    assert (answer.status_code, answer.json()) == (
        200,
        [
            {
                "id": f"2026-01-23t09-23-31_{entry.pk:032x}",
                "from": party(customer, "Maria Silva", "Customer"),
                "to": [party(store, "Acme Support", None)],
                "subject": "My order",
                "firstWords": "Where is it?",
                "body": "<p>Where is it?</p>",
                "hasAttachment": True,
                "attachmentNames": ["photo.pdf"],
                "date": "2026-01-23T09:23:31.0000000+00:00",
            }
        ],
    )


def test_messages_come_oldest_first_without_those_refused(api, placed):
    to, sender = placed.customer_alias, placed.store_alias
    for days, text in ((2, "third"), (0, "first"), (1, "second")):
        factories.make_mail(sender, to, text=text, now=AT + timedelta(days=days))
    late = AT + timedelta(days=90)
    factories.make_mail(to, sender, text="late", now=late, outcome=Outcome.RECORDED, reason=Reason.EXPIRED)
    factories.make_mail(None, sender, text="spam", outcome=Outcome.REFUSED, reason=Reason.SPAM)
    assert [one["body"] for one in messages(api, placed.order).json()] == ["first", "second", "third", "late"]


def test_pages_are_an_addition(api, placed):
    for number in range(5):
        factories.make_mail(
            placed.customer_alias, placed.store_alias, text=str(number), now=AT + timedelta(hours=number)
        )
    pages = [messages(api, placed.order, f"?page={page}&per_page=2") for page in (1, 2, 3, 4)]
    assert [[one["body"] for one in page.json()] for page in pages] == [["0", "1"], ["2", "3"], ["4"], []]
    assert [page["X-Total-Count"] for page in pages] == ["5"] * 4
    for query, found in (("?per_page=1", 1), ("?page=1", 5)):
        page = messages(api, placed.order, query)
        assert (len(page.json()), page["X-Total-Count"]) == (found, "5")
    assert len(messages(api, placed.order).json()) == 5


@pytest.mark.parametrize("query", ["?page=0", "?page=x", "?page=1&per_page=101", "?per_page=0"])
def test_a_page_that_cannot_be_is_named(api, placed, query):
    assert messages(api, placed.order, query).status_code == 400


@pytest.mark.parametrize("mask_type", MaskType)
def test_no_real_address_is_answered_without_the_right(db, mask_type):
    store = factories.make_store("acme", mask_type=mask_type)
    placed = factories.place_order(store, email=REAL)
    carrier = factories.make_third_party(placed.order, email="driver@haulage.example")
    sender_name = Secret.of(f"Maria <{REAL}>")
    factories.make_mail(placed.customer_alias, placed.store_alias, sender_name=sender_name)
    factories.make_mail(carrier, placed.customer_alias)
    answer = messages(Api(store), placed.order)
    shown = answer.content.decode()
    assert [one["from"]["aliasMaskType"] for one in answer.json()] == [int(mask_type == MaskType.SOFT)] * 2
    for alias in placed.order.aliases.all():
        assert alias.address.text() in shown
        shown = shown.replace(alias.address.text(), "")
    assert ("people.example" in shown, "haulage" in shown, "help@" in shown) == (False, False, False)
    assert AuditEntry.objects.count() == 0


def test_a_key_with_the_right_sees_real_addresses_and_each_time_is_audited(revealing, placed):
    factories.make_mail(placed.customer_alias, placed.store_alias, text="Hello")
    for _ in range(2):
        [one] = messages(revealing, placed.order).json()
    assert (one["from"]["email"], one["to"][0]["email"]) == (REAL, "help@acme.example")
    assert one["from"]["emailAlias"] == placed.customer_alias.address.text()
    assert (
        list(AuditEntry.objects.values_list("action", "subject", "actor", "store__account"))
        == [(Action.CONVERSATION_REVEALED, f"conversation of order {placed.order.number}", "Acme ERP", "acme")] * 2
    )


def test_a_foreign_conversation_is_the_same_as_none_and_is_not_audited(revealing):
    foreign = factories.make_order()
    answers = [messages(revealing, foreign), revealing.send("GET", f"{READ}1-01/conversation-message")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert (answers[0].content, AuditEntry.objects.count()) == (answers[1].content, 0)


def test_a_conversation_takes_a_fixed_number_of_statements(api, placed):
    counts = []
    for _ in range(2):
        for _ in range(3):
            factories.make_attachment(factories.make_mail(placed.customer_alias, placed.store_alias))
        with CaptureQueriesContext(connection) as queries:
            messages(api, placed.order)
        counts.append(len([query for query in queries if "SAVEPOINT" not in query["sql"]]))
    assert counts == [5, 5]


def test_files_are_fetched_where_the_links_say(api, placed):
    entry = factories.make_mail(placed.customer_alias, placed.store_alias)
    for name, content in (("a.pdf", b"%PDF-1.7 one"), ("é.txt", b"two")):
        factories.make_attachment(entry, content, name=name)
    [one] = messages(api, placed.order, "?attachmentLinks=true").json()
    assert [(file["name"], file["size"]) for file in one["attachments"]] == [("a.pdf", 12), ("é.txt", 3)]
    answers = [api.send("GET", file["url"]) for file in one["attachments"]]
    assert [answer.content for answer in answers] == [b"%PDF-1.7 one", b"two"]
    head = {"Content-Disposition": 'attachment; filename="a.pdf"', "X-Content-Type-Options": "nosniff"}
    assert {name: answers[0][name] for name in head} == head
    assert answers[0]["Content-Security-Policy"] == "sandbox"


def test_a_file_that_runs_is_not_answered_as_what_it_is(api, placed):
    entry = factories.make_mail(placed.customer_alias, placed.store_alias)
    factories.make_attachment(entry, b"<script>", content_type="text/html", is_dangerous=True)
    [one] = messages(api, placed.order, "?attachmentLinks=true").json()
    assert api.send("GET", one["attachments"][0]["url"])["Content-Type"] == "application/octet-stream"


def test_no_file_of_another_order_store_or_refused_mail_is_answered(api, placed):
    def url(order: Order, entry: Any, position: object = 0) -> str:
        name = f"2026-01-23t09-23-31_{entry.pk:032x}" if hasattr(entry, "pk") else entry
        return f"{READ}{order.number}/conversation-message/{name}/attachments/{position}"

    mine = factories.make_mail(placed.customer_alias, placed.store_alias)
    factories.make_attachment(mine)
    other = factories.place_order(placed.order.store)
    foreign = factories.place_order()
    theirs = factories.make_mail(foreign.customer_alias, foreign.store_alias)
    factories.make_attachment(theirs)
    spam = factories.make_mail(None, placed.store_alias, outcome=Outcome.REFUSED, reason=Reason.SPAM)
    factories.make_attachment(spam)
    gone = factories.make_mail(placed.customer_alias, placed.store_alias, text="gone")
    storages["mail"].delete(factories.make_attachment(gone, b"gone").stored_as)
    assert api.send("GET", url(placed.order, mine)).status_code == 200
    refused = [
        url(other.order, mine), url(foreign.order, theirs), url(placed.order, theirs), url(placed.order, spam),
        url(placed.order, gone), url(placed.order, mine, 1), url(placed.order, mine, 10**30),
        url(placed.order, f"2026-01-23t09-23-31_{'f' * 32}"), url(placed.order, "x"), url(placed.order, "%00"),
    ]  # fmt: skip
    assert [api.send("GET", one).status_code for one in refused] == [404] * len(refused)


def test_a_file_needs_a_key(client, placed):
    assert client.get(f"{READ}{placed.order.number}/conversation-message/x/attachments/0").status_code == 401


def test_a_file_that_cannot_be_opened_any_more_is_404(api, placed):
    entry = factories.make_mail(placed.customer_alias, placed.store_alias)
    attachment = factories.make_attachment(entry)
    storages["mail"].save(attachment.stored_as, ContentFile(b"damaged"))
    [one] = messages(api, placed.order, "?attachmentLinks=true").json()
    assert api.send("GET", one["attachments"][0]["url"]).status_code == 404


@pytest.mark.parametrize("mask_type", MaskType)
def test_the_decoder_answers_the_real_address_and_is_audited(db, mask_type):
    store = factories.make_store("acme", mask_type=mask_type)
    placed, api = factories.place_order(store, email=REAL), Api(store, may_reveal=True)
    alias = placed.customer_alias
    answer = decode(api, alias.address.text().upper(), reason=f"who is {REAL}?", an="acme")
    assert (answer.status_code, answer.json()) == (200, {"email": REAL})
    [entry] = AuditEntry.objects.all()
    assert (entry.action, entry.subject, entry.actor, entry.store, entry.reason) == (
        Action.ADDRESS_REVEALED,
        f"alias {alias.pk} of order {placed.order.number}",
        "Acme ERP",
        store,
        f"who is {alias.address.text()}?",
    )


def test_without_the_right_nothing_is_decoded(api, placed):
    answer = decode(api, placed.customer_alias.address.text())
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
    assert (REAL in answer.content.decode(), AuditEntry.objects.count()) == (False, 0)


BAD = [("", "a@b.example"), ("  ", "a@b.example"), ("why", ""), ("x" * 501, "a@b"), ("why", "a\0b@c.example")]


@pytest.mark.parametrize(("reason", "alias"), BAD)
def test_the_decoder_wants_an_alias_and_a_reason(revealing, reason, alias):
    answer = decode(revealing, alias, reason=reason)
    assert (answer.status_code, AuditEntry.objects.count()) == (400, 0)


def test_what_is_no_living_alias_of_the_store_is_404_and_not_told_apart(revealing, placed):
    expired, retired = (factories.place_order(placed.order.store).customer_alias for _ in range(2))
    Alias.objects.filter(pk=expired.pk).update(
        issued_at=timezone.now() - timedelta(days=90), expires_at=timezone.now() - timedelta(seconds=1)
    )
    Alias.objects.filter(pk=retired.pk).update(retired_at=timezone.now())
    foreign = factories.place_order().customer_alias
    aliases = [one.address.text() for one in (expired, retired, foreign)]
    aliases += ["0" * 32 + "@ct.acme.example", "é@x.example", REAL]
    answers = [decode(revealing, alias) for alias in aliases]
    answers.append(decode(revealing, placed.customer_alias.address.text(), an="elsewhere"))
    assert {(answer.status_code, answer.content) for answer in answers} == {(404, answers[0].content)}
    assert AuditEntry.objects.count() == 0


def test_the_decoder_is_limited_on_its_own(revealing, placed, settings):
    settings.API_DECODES_PER_MINUTE = 2
    alias = placed.customer_alias.address.text()
    with time_machine.travel(timezone.now().replace(second=1), tick=False):
        answers = [decode(revealing, alias) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert messages(revealing, placed.order).status_code == 200
    assert AuditEntry.objects.filter(action=Action.ADDRESS_REVEALED).count() == 2


def test_the_command_makes_a_key_that_may_reveal(store):
    out = io.StringIO()
    call_command("apikey", "acme", "--label", "Fraud desk", "--may-reveal", stdout=out)
    call_command("apikey", "acme", stdout=io.StringIO())
    keys = list(ApiKey.objects.order_by("pk").values_list("label", "may_reveal", "may_answer"))
    assert keys == [("Fraud desk", True, False), ("API", False, False)]
    name, token = (line.partition(": ")[2] for line in out.getvalue().splitlines())
    found = access.key(name, token)
    assert found is not None
    assert found.may_reveal
    with pytest.raises(CommandError):
        call_command("apikey", "nobody", "--may-reveal")


def test_the_shapes_are_json_all_through(api, placed):
    factories.make_mail(None, placed.store_alias, text="From nobody known")
    [one] = json.loads(messages(api, placed.order).content)
    assert (one["from"]["email"], one["from"]["role"]) == ("", "")
