"""Staff and systems of a store write to the parties of an order."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.test.client import encode_multipart
from django.utils import timezone

from conversation_tracker import writing
from conversation_tracker.mailflow.shapes import File
from conversation_tracker.models import OutboundMail
from orders import access, aliases, suppression, vault
from orders.models import (
    Action,
    AnsweredCall,
    ApiKey,
    AuditEntry,
    Kind,
    MaskType,
    Order,
    Role,
    Store,
    SuppressionReason,
    TimelineEntry,
    User,
)  # fmt: skip
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import factories, letters
from tests.orders.concurrency import at_once

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]


def url(order: Order, rest: str = "write/") -> str:
    return f"/orders/{order.store.account}/{order.number}/{rest}"


def fields(placed: Placed, **changed: Any) -> dict[str, Any]:
    return {
        "to": placed.customer_alias.pk, "subject": "Your order", "text": "It leaves today.", "once": "1", **changed,
    }  # fmt: skip


def mails() -> int:
    return TimelineEntry.objects.filter(kind=Kind.MAIL).count()


class TestTheBox:
    """What staff send from the order page."""

    def test_a_mail_is_on_the_timeline_and_leaves_under_the_store_s_alias(
        self, as_support: Client, placed: Placed, support: User, work: Work
    ):
        response = as_support.post(url(placed.order), fields(placed), follow=True)
        entry = TimelineEntry.objects.get(kind=Kind.MAIL)
        (sent,) = work()
        assert "Your mail is on its way." in response.content.decode()
        assert (entry.outcome, entry.reason, entry.actor) == (Outcome.RELAYED, Reason.WRITTEN, str(support))
        assert sent.to == [placed.customer_alias.real.text()]
        assert sent.from_email == f"Acme Support <{placed.store_alias.address.text()}>"
        assert sent.reply_to == [placed.store_alias.address.text()]
        assert (sent.subject, sent.body) == ("Your order", "It leaves today.")

    @pytest.mark.parametrize("mask_type", MaskType)
    def test_real_addresses_are_masked_in_all_of_it(self, mask_type, as_support, store, work: Work):
        Store.objects.update(mask_type=mask_type)
        store.refresh_from_db()
        placed = factories.place_order(store, email="ana@people.example")
        file = SimpleUploadedFile("ana@people.example.txt", b"for help@acme.example", "text/plain")
        said = fields(placed, subject="To ana@people.example", text="Write to help@acme.example", attachments=file)
        as_support.post(url(placed.order), said)
        (sent,) = work()
        ours, hers = placed.store_alias.address.text(), placed.customer_alias.address.text()
        assert (sent.subject, sent.body) == (f"To {hers}", f"Write to {ours}")
        (attached,) = sent.attachments
        assert attached.get_payload(decode=True) == f"for {ours}".encode()
        assert attached.get_filename() == f"{hers}.txt"
        assert TimelineEntry.objects.get(kind=Kind.MAIL).masked_count == 4

    def test_files_are_kept_in_the_vault(self, as_support, placed):
        files = [SimpleUploadedFile("a.txt", b"one"), SimpleUploadedFile("b.pdf", b"%PDF-1.7 two")]
        as_support.post(url(placed.order), fields(placed, attachments=files))
        entry = TimelineEntry.objects.get(kind=Kind.MAIL)
        kept = [(file.name, vault.load(file.stored_as)) for file in entry.attachments.order_by("position")]
        assert kept == [("a.txt", b"one"), ("b.pdf", b"%PDF-1.7 two")]

    def test_the_answer_comes_back_to_the_timeline_and_in_one_thread(self, as_support, client, placed, work: Work):
        as_support.post(url(placed.order), fields(placed))
        (sent,) = work()
        ours = sent.extra_headers["Message-ID"]
        reply = letters.postmark(
            placed.store_alias, FromFull={"Email": placed.customer_alias.real.text(), "Name": ""},
            Headers=[{"Name": "Message-ID", "Value": "<2@people.example>"}, {"Name": "In-Reply-To", "Value": ours}],
        )  # fmt: skip
        letters.post_postmark(client, reply)
        work()
        question = TimelineEntry.objects.filter(kind=Kind.MAIL, reason=Reason.CONVERSATION).get()
        as_support.post(url(placed.order), fields(placed, once="2", about=question.pk))
        (again,) = work()
        assert again.extra_headers["In-Reply-To"] == "<2@people.example>"

    def test_without_a_mail_to_answer_it_goes_on_with_the_last_between_the_two(self, as_support, placed, work: Work):
        as_support.post(url(placed.order), fields(placed))
        as_support.post(url(placed.order), fields(placed, once="2"))
        first, second = work()
        assert "In-Reply-To" not in first.extra_headers
        assert second.extra_headers["In-Reply-To"] == first.extra_headers["Message-ID"]

    def test_a_carrier_can_be_written_to(self, as_support, placed, work: Work):
        carrier = factories.make_third_party(placed.order, email="desk@haulage.example")
        as_support.post(url(placed.order), fields(placed, to=carrier.pk))
        (sent,) = work()
        assert sent.to == ["desk@haulage.example"]

    def test_sent_twice_it_is_written_once(self, as_support, placed):
        for _ in range(2):
            as_support.post(url(placed.order), fields(placed))
        assert (mails(), OutboundMail.objects.count()) == (1, 1)

    def test_changed_after_going_back_to_the_form_it_is_another_mail(self, as_support, placed):
        for text in ("One.", "Two."):
            as_support.post(url(placed.order), fields(placed, text=text))
        assert mails() == 2

    def test_it_is_audited(self, as_support, placed, support):
        as_support.post(url(placed.order), fields(placed))
        entry = AuditEntry.objects.get()
        mail = TimelineEntry.objects.get(kind=Kind.MAIL)
        assert (entry.action, entry.user, entry.store) == (Action.MAIL_WRITTEN, support, placed.order.store)
        assert entry.subject == f"mail {mail.pk} of order {placed.order.number}"

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            ({"text": ""}, "Write something first."),
            ({"subject": ""}, "Write a subject."),
            ({"to": "0"}, "This alias is not of this order"),
            ({"attachments": [SimpleUploadedFile(f"{n}.txt", b"x") for n in range(21)]}, "Attach at most 20 files."),
            ({"attachments": SimpleUploadedFile("a.bin", b"x" * 10_000_001)}, "The files are too large"),
        ],
    )
    def test_what_cannot_be_sent_is_told_and_the_words_are_kept(self, changed, words, as_support, placed):
        response = as_support.post(url(placed.order), fields(placed, **changed))
        page = response.content.decode()
        assert response.status_code == 400
        assert words in page
        assert changed.get("text", "It leaves today.") in page
        assert (mails(), OutboundMail.objects.count()) == (0, 0)

    def test_an_alias_that_ended_is_not_offered_and_refused(self, as_support, placed, store_admin):
        aliases.retire(placed.customer_alias, user=store_admin, reason="", now=timezone.now())
        response = as_support.post(url(placed.order), fields(placed))
        assert response.status_code == 400
        assert mails() == 0

    def test_a_suppressed_address_is_refused_with_what_to_do(self, as_support, placed):
        factories.make_suppression(placed.customer_alias)
        response = as_support.post(url(placed.order), fields(placed))
        assert response.status_code == 400
        assert "Not sent: the store suppresses this address." in response.content.decode()
        assert (mails(), OutboundMail.objects.count()) == (0, 0)

    def test_who_may_only_read_may_not_write(self, client, placed, store):
        client.force_login(factories.make_user(store=store, role=Role.VIEWER))
        assert client.post(url(placed.order), fields(placed)).status_code == 403
        assert "Your mail" not in client.get(url(placed.order, "")).content.decode()
        assert mails() == 0

    def test_of_a_foreign_order_nothing_is_known(self, client, placed, outsider):
        client.force_login(outsider)
        assert client.post(url(placed.order), fields(placed)).status_code == 404
        assert client.get(url(placed.order)).status_code == 404

    def test_the_page_to_answer_a_mail_shows_it_and_knows_to_whom(self, as_support, placed):
        mail = factories.make_mail(placed.customer_alias, placed.store_alias, subject="When?", text="Is it near?")
        page = as_support.get(f"{url(placed.order)}?about={mail.pk}").content.decode()
        assert "Is it near?" in page
        assert 'value="Re: When?"' in page
        assert f'<option value="{placed.customer_alias.pk}" selected>' in page


@pytest.mark.django_db(transaction=True)
def test_sent_twice_at_once_it_is_written_once():
    placed = factories.place_order()

    def write() -> object:
        letter = writing.Letter("Hello", "there")
        return writing.answer(
            placed.order, letter, sender=placed.store_alias, recipient=placed.customer_alias, actor="Sam", once="1",
            now=timezone.now(),
        ).pk  # fmt: skip

    assert len(set(at_once(write, write, write))) == 1
    assert (mails(), OutboundMail.objects.count()) == (1, 1)


class TestWriting:
    """The room itself."""

    def write(self, placed: Placed, **changed: Any) -> TimelineEntry:
        values = {"sender": placed.store_alias, "recipient": placed.customer_alias, "now": timezone.now(), **changed}
        return writing.answer(placed.order, writing.Letter("Hello", "there"), actor="Sam", **values)

    @pytest.mark.parametrize("late", ["sender", "recipient"])
    def test_two_months_later_nobody_could_answer(self, late, placed):
        now = timezone.now() + relativedelta(months=2, seconds=1)
        getattr(placed, {"sender": "customer_alias", "recipient": "store_alias"}[late]).expires_at = now + timedelta(1)
        with pytest.raises(writing.CannotWrite) as error:
            self.write(placed, now=now)
        assert error.value.why is writing.Why.EXPIRED
        assert (mails(), OutboundMail.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)

    def test_nobody_writes_to_himself(self, placed):
        with pytest.raises(writing.CannotWrite) as error:
            self.write(placed, recipient=placed.store_alias)
        assert error.value.why is writing.Why.TO_SELF

    def test_html_alone_gets_a_text(self, placed):
        letter = writing.Letter("Hello", "", "<p>Dear <b>Ana</b></p>")
        entry = writing.answer(
            placed.order, letter, sender=placed.store_alias, recipient=placed.customer_alias, actor="Sam",
            now=timezone.now(),
        )  # fmt: skip
        assert (entry.text.strip(), entry.html) == ("Dear Ana", "<p>Dear <b>Ana</b></p>")

    def test_a_name_with_an_address_in_it_goes_without(self, placed):
        placed.store_alias.display_name = type(placed.store_alias.real).of("help@acme.example")
        entry = self.write(placed)
        assert entry.sender_name.text() == ""

    def test_a_file_that_runs_is_marked(self, placed):
        letter = writing.Letter("Hello", "there", files=(File("a.exe", "application/pdf", b"MZ\x90\0"),))
        entry = writing.answer(
            placed.order, letter, sender=placed.store_alias, recipient=placed.customer_alias, actor="Sam",
            now=timezone.now(),
        )  # fmt: skip
        assert entry.attachments.get().is_dangerous


PATH = "/api/oms/pvt/orders/{}/conversation-message"


@pytest.fixture
def key(store: Store) -> ApiKey:
    return ApiKey.objects.create(
        store=store, app_key="erp", token_digest=access.token_digest("token"), label="ERP", may_answer=True,
        created_at=timezone.now(),
    )  # fmt: skip


class TestTheCall:
    """What a system of the store posts."""

    headers = {"X-VTEX-API-AppKey": "erp", "X-VTEX-API-AppToken": "token"}

    def post(self, order: Order, body: object, **headers: str) -> Any:
        return Client().post(
            PATH.format(order.number), json.dumps(body), content_type="application/json",
            headers={**self.headers, **headers},
        )  # fmt: skip

    def test_a_mail_is_written_and_answered_in_the_conversation_s_shape(self, key, placed, work: Work):
        encoded = base64.b64encode(b"%PDF-1.7 x").decode()
        file = {"name": "invoice.pdf", "contentType": "application/pdf", "content": encoded}
        body = {"subject": "Your invoice", "text": "Here it is.", "attachments": [file]}
        response = self.post(placed.order, body)
        said = response.json()
        (sent,) = work()
        assert response.status_code == 201
        assert said["from"]["emailAlias"] == placed.store_alias.address.text()
        assert [one["email"] for one in said["to"]] == [placed.customer_alias.address.text()]
        assert (said["subject"], said["hasAttachment"], said["attachmentNames"]) == (
            "Your invoice",
            True,
            ["invoice.pdf"],
        )
        assert sent.to == [placed.customer_alias.real.text()]
        assert TimelineEntry.objects.get(kind=Kind.MAIL).actor == "ERP"

    def test_a_form_with_files_does_the_same(self, key, placed, work: Work):
        form = {
            "to": placed.customer_alias.address.text(), "subject": "Your invoice",
            "html": "<p>Here<script>x</script></p>",
            "attachments": [SimpleUploadedFile("a.txt", b"one"), SimpleUploadedFile("b.txt", b"two")],
        }  # fmt: skip
        response = Client().post(PATH.format(placed.order.number), form, headers=self.headers)
        (sent,) = work()
        assert response.status_code == 201
        assert [part.get_payload(decode=True) for part in sent.attachments] == [b"one", b"two"]
        assert sent.alternatives[0][0] == "<p>Here</p>"

    @pytest.mark.parametrize(
        ("changed", "path"),
        [
            ({"subject": ""}, "subject"),
            ({"text": ""}, "text"),
            ({"text": 5}, "text"),
            ({"to": "nobody@else.example"}, "to"),
            ({"attachments": [{"name": "a", "content": "no base64!"}]}, "attachments.0.content"),
            ({"attachments": [{"name": "", "content": ""}]}, "attachments.0.name"),
            ({"attachments": [{"name": "a", "content": "", "inline": True}]}, "attachments.0.inline"),
            ({"attachments": [{"name": "a", "content": "AAAA"}] * 21}, "attachments"),
            ({"attachments": [{"name": "a", "content": base64.b64encode(b"x" * 10_000_001).decode()}]}, "attachments"),
        ],
    )
    def test_a_problem_is_named_by_its_path(self, changed, path, key, placed):
        response = self.post(placed.order, {"subject": "Hello", "text": "there", **changed})
        assert response.status_code == 400
        assert [problem["path"] for problem in response.json()["problems"]] == [path]
        assert (mails(), OutboundMail.objects.count()) == (0, 0)

    @pytest.mark.parametrize("field", ["files", "attachments[]", "file"])
    def test_files_in_another_field_are_refused_and_not_lost(self, field, key, placed):
        letter = {"subject": "Hello", "text": "there"}
        answers = [
            Client().post(
                PATH.format(placed.order.number), {**letter, field: SimpleUploadedFile("a.txt", b"1")},
                headers=self.headers,
            ),
            self.post(placed.order, {**letter, field: [{"name": "a.txt", "content": ""}]}),
        ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [400, 400]
        assert [[one["path"] for one in answer.json()["problems"]] for answer in answers] == [[field], [field]]
        assert (mails(), OutboundMail.objects.count()) == (0, 0)

    @pytest.mark.parametrize(("field", "path"), [("attachments", "attachments"), ("body", "body")])
    def test_a_form_s_field_that_is_none_is_named(self, field, path, key, placed):
        form = {"subject": "Hello", "text": "there", field: "x"}
        answer = Client().post(PATH.format(placed.order.number), form, headers=self.headers)
        assert [one["path"] for one in answer.json()["problems"]] == [path]
        assert (answer.status_code, mails()) == (400, 0)

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"subject": NaN}'])
    def test_what_is_no_object_is_refused(self, body, key, placed):
        response = Client().post(
            PATH.format(placed.order.number), body, content_type="application/json", headers=self.headers
        )
        assert response.status_code == 400
        assert mails() == 0

    def test_a_suppressed_or_ended_alias_is_refused(self, key, placed, store_admin):
        suppression.add(
            placed.customer_alias.real.text(), alias=placed.customer_alias, reason=SuppressionReason.BOUNCED,
            source="x", now=timezone.now(),
        )  # fmt: skip
        first = self.post(placed.order, {"subject": "Hello", "text": "there"})
        aliases.retire(placed.customer_alias, user=store_admin, reason="", now=timezone.now())
        second = self.post(placed.order, {"subject": "Hello", "text": "there"})
        assert "suppresses" in first.json()["problems"][0]["message"]
        assert "retired" in second.json()["problems"][0]["message"]
        assert OutboundMail.objects.count() == 0

    def test_a_key_without_the_right_may_not(self, key, placed):
        ApiKey.objects.update(may_answer=False)
        response = self.post(placed.order, {"subject": "Hello", "text": "there"})
        assert response.status_code == 403
        assert mails() == 0

    def test_another_store_s_order_does_not_exist(self, key):
        response = self.post(factories.make_order(), {"subject": "Hello", "text": "there"})
        assert response.status_code == 404
        assert mails() == 0

    def test_posted_again_with_one_key_it_is_written_once(self, key, placed):
        for _ in range(2):
            self.post(placed.order, {"subject": "Hello", "text": "there"}, **{"Idempotency-Key": "1"})
        assert mails() == 1
        self.post(placed.order, {"subject": "Hello", "text": "there"}, **{"Idempotency-Key": "2"})
        assert mails() == 2

    def form(self, order: Order, body: dict[str, Any], *, boundary: str = "one") -> Any:
        return Client().post(
            PATH.format(order.number), encode_multipart(boundary, body),
            content_type=f"multipart/form-data; boundary={boundary}",
            headers={**self.headers, "Idempotency-Key": "daily"},
        )  # fmt: skip

    def test_a_form_sent_again_is_the_first_one_however_it_is_parted(self, key, placed):
        answers = [
            self.form(
                placed.order, {"subject": "A", "text": "b", "attachments": SimpleUploadedFile("a.txt", b"1")},
                boundary=boundary,
            )
            for boundary in ("one", "two")
        ]  # fmt: skip
        assert [answer.status_code for answer in answers] == [201, 201]
        assert (answers[1].content, answers[1]["Idempotency-Replayed"]) == (answers[0].content, "true")
        assert mails() == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"subject": "B", "text": "b"}, {"subject": "A", "text": "c"},
            {"subject": "A", "text": "b", "attachments": SimpleUploadedFile("a.txt", b"2")},
            {"subject": "A", "text": "b", "attachments": SimpleUploadedFile("b.txt", b"1")},
        ],
    )  # fmt: skip
    def test_another_form_under_the_key_of_a_first_is_refused_and_never_swallowed(self, other, key, placed):
        first = {"subject": "A", "text": "b", "attachments": SimpleUploadedFile("a.txt", b"1")}
        codes = [self.form(placed.order, body).status_code for body in (first, other)]
        in_json = self.post(placed.order, {"subject": "A", "text": "b"}, **{"Idempotency-Key": "daily"})
        assert (codes, in_json.status_code, mails()) == ([201, 422], 422, 1)

    def test_a_key_used_again_when_its_answer_is_forgotten_writes_what_it_says(self, key, placed):
        for day in ("Mon", "Tue"):
            response = self.post(placed.order, {"subject": day, "text": "x"}, **{"Idempotency-Key": "daily"})
            assert (response.status_code, response.json()["subject"]) == (201, day)
            AnsweredCall.objects.all().delete()
        assert mails() == 2

    def test_the_schema_says_what_may_be_posted(self):
        from orders.api import api

        found = api.get_openapi_schema()["paths"]["/api/oms/pvt/orders/{order_id}/conversation-message"]
        assert sorted(found) == ["get", "post"]
        content = found["post"]["requestBody"]["content"]
        assert sorted(content) == ["application/json", "multipart/form-data"]
        assert all("$ref" not in json.dumps(one) for one in content.values())
        assert HTTPStatus.CREATED in found["post"]["responses"]

    def test_a_body_over_the_limit_is_413(self, key, placed, settings):
        settings.MESSAGE_MAX_BYTES = 100
        response = self.post(placed.order, {"subject": "Hello", "text": "x" * 100})
        assert response.status_code == 413
