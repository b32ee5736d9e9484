"""Systems of a store write to the parties of an order by API."""

from __future__ import annotations

import base64
import json
from http import HTTPStatus
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import encode_multipart
from django.utils import timezone

from conversation_tracker.models import OutboundMail
from orders import access, aliases, suppression
from orders.models import (
    AnsweredCall,
    ApiKey,
    Kind,
    Order,
    Store,
    SuppressionReason,
    TimelineEntry,
)  # fmt: skip
from tests import factories
from tests.conversation_tracker.conversing import Work

pytestmark = pytest.mark.django_db


PATH = "/api/oms/pvt/orders/{}/conversation-message"


@pytest.fixture
def key(store: Store) -> ApiKey:
    return ApiKey.objects.create(
        store=store, app_key="erp", token_digest=access.token_digest("token"), label="ERP", may_answer=True,
        created_at=timezone.now(),
    )  # fmt: skip


def mails() -> int:
    return TimelineEntry.objects.filter(kind=Kind.MAIL).count()


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
            ({"text": "\u200b\0 "}, "text"),
            ({"text": "", "html": "<script>1</script><p>&#8203;</p>"}, "text"),
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
