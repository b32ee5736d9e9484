"""How each provider's envelope and verdicts are read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anymail.signals import AnymailInboundEvent
from django.test import RequestFactory
from django.utils.module_loading import import_string

from conversation_tracker import forms, providers
from conversation_tracker.mailflow.shapes import Verdict
from conversation_tracker.providers import base, mime
from tests import letters


def postmark(**fields: Any) -> AnymailInboundEvent:
    payload = letters.postmark("a@ct.example", **fields)
    view = import_string("conversation_tracker.providers.views.postmark.Inbound")()
    event: AnymailInboundEvent = view.esp_to_anymail_event(payload)
    return event


def mailgun(**fields: Any) -> AnymailInboundEvent:
    form = letters.mailgun(fields.pop("recipients", "a@ct.example"), **fields)
    view = import_string("anymail.webhooks.mailgun.MailgunInboundWebhookView")()
    event: AnymailInboundEvent = view.esp_to_anymail_event(RequestFactory().post("/", form))
    return event


def headers(**values: str) -> list[dict[str, str]]:
    return [{"Name": name.replace("_", "-"), "Value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, Verdict.NONE),
        ({"X_Spam_Tests": "DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU"}, Verdict.PASS),
        ({"X_Spam_Tests": "DKIM_SIGNED,DKIM_VALID"}, Verdict.FAIL),
        ({"Received_SPF": "Pass (ok) client-ip=1.2.3.4; envelope-from=bounce@mail.carrier.example"}, Verdict.PASS),
        ({"Received_SPF": "Pass (ok) client-ip=1.2.3.4; envelope-from=x@elsewhere.example"}, Verdict.FAIL),
        ({"Received_SPF": "Fail envelope-from=kim@carrier.example"}, Verdict.FAIL),
        ({"Received_SPF": "Pass"}, Verdict.FAIL),
    ],
)
def test_postmark_passes_only_what_is_aligned(found: dict[str, str], expected: Verdict) -> None:
    assert providers.envelope(postmark(Headers=headers(**found)), "Postmark").verdict == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], Verdict.NONE),
        ([["X-Mailgun-Dkim-Check-Result", "Pass"], ["DKIM-Signature", "v=1; d=carrier.example; s=x"]], Verdict.PASS),
        ([["X-Mailgun-Dkim-Check-Result", "Pass"], ["DKIM-Signature", "v=1; d=evil.example; s=x"]], Verdict.FAIL),
        ([["X-Mailgun-Spf", "Pass"]], Verdict.PASS),
        ([["X-Mailgun-Spf", "SoftFail"]], Verdict.FAIL),
        ([["X-Mailgun-Spf", "Pass"], ["X-Mailgun-Spf", "Fail"]], Verdict.FAIL),
        (
            [["X-Mailgun-Dkim-Check-Result", "Pass"], ["DKIM-Signature", "v=1; d=carrier.example"],
             ["DKIM-Signature", "v=1; d=evil.example"]],
            Verdict.FAIL,
        ),
    ],
)  # fmt: skip
def test_mailgun_passes_only_what_is_aligned(found: list[list[str]], expected: Verdict) -> None:
    fields = [["From", "Kim <kim@carrier.example>"], *found]
    event = mailgun(**{"message-headers": json.dumps(fields)})
    assert providers.envelope(event, "Mailgun").verdict == expected


def test_mailguns_envelope_sender_is_the_one_it_reports() -> None:
    fields = [["From", "kim@carrier.example"], ["X-Mailgun-Spf", "Pass"], ["X-Envelope-From", "<kim@carrier.example>"]]
    event = mailgun(**{"message-headers": json.dumps(fields), "sender": "eve@evil.example"})
    assert providers.envelope(event, "Mailgun").verdict == Verdict.FAIL


def test_what_a_raw_mail_says_of_itself_is_not_postmarks_finding() -> None:
    raw = b"From: kim@carrier.example\r\nX-Spam-Tests: DKIM_VALID_AU\r\n\r\nBelieve me."
    assert providers.envelope(postmark(RawEmail=raw.decode()), "Postmark").verdict == Verdict.NONE


SPF_FAILS = {"Name": "Received-SPF", "Value": "Fail identity=mailfrom; envelope-from=eve@evil.example"}
SPF_PASSES = {"Name": "Received-SPF", "Value": "Pass identity=mailfrom; envelope-from=kim@carrier.example"}
VALID = {"Name": "X-Spam-Tests", "Value": "DKIM_SIGNED,DKIM_VALID,DKIM_VALID_AU"}
SCANNED = {"Name": "Received", "Value": "by p-pm-inbound.postmarkapp.com (Postfix, from userid 996) id 1"}
CAME_IN = {"Name": "Received", "Value": "from mail.example by p-pm-inbound.postmarkapp.com (Postfix) with ESMTPS id 2"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([SCANNED, VALID, SPF_FAILS, CAME_IN], Verdict.PASS),
        ([SCANNED, SPF_PASSES, CAME_IN], Verdict.PASS),
        ([SPF_FAILS, CAME_IN, VALID], Verdict.FAIL),  # not scanned, and the rest its sender wrote
        ([SPF_FAILS, VALID], Verdict.FAIL),
        ([CAME_IN, VALID, SPF_PASSES], Verdict.NONE),
    ],
)
def test_only_what_postmark_wrote_itself_verifies(found: list[dict[str, str]], expected: Verdict) -> None:
    event = postmark(FromFull={"Email": "kim@carrier.example", "Name": ""}, Headers=found)
    assert providers.envelope(event, "Postmark").verdict == expected


def test_spam_is_what_postmark_wrote_and_not_what_the_sender_s_scanner_did() -> None:
    spam = {"Name": "X-Spam-Status", "Value": "Yes, score=7"}
    assert not providers.envelope(postmark(Headers=[SCANNED, SPF_PASSES, CAME_IN, spam]), "Postmark").is_spam
    assert providers.envelope(postmark(Headers=[SCANNED, spam, SPF_PASSES, CAME_IN]), "Postmark").is_spam


@pytest.mark.parametrize("raw", ["", "Subject: x\r\n\r\nhello"])
@pytest.mark.parametrize(("identity", "has_sender"), [("helo", True), ("mailfrom", False)])
def test_where_mail_from_names_nobody_spf_is_about_the_server(identity: str, raw: str, *, has_sender: bool) -> None:
    spf = {"Name": "Received-SPF", "Value": f"Pass (sender SPF authorized) identity={identity}; client-ip=192.0.2.1"}
    envelope = providers.envelope(postmark(Headers=[SCANNED, spf, CAME_IN], RawEmail=raw), "Postmark")
    assert (envelope.has_sender, envelope.sender) == (has_sender, "")


def test_postmark_hears_every_alias_once() -> None:
    event = postmark(
        OriginalRecipient="A@ct.example",
        CcFull=[{"Email": "b@ct.example"}],
        BccFull=[{"Email": "a@ct.example"}, {"Email": "c@ct.example"}],
    )
    assert providers.envelope(event, "Postmark").recipients == ("A@ct.example", "b@ct.example", "c@ct.example")


def test_mailgun_hears_every_alias_of_a_route() -> None:
    envelope = providers.envelope(mailgun(recipients="a@ct.example, b@ct.example"), "Mailgun")
    assert envelope.recipients == ("a@ct.example", "b@ct.example")


def test_the_return_path_is_postmarks_envelope_sender() -> None:
    envelope = providers.envelope(postmark(Headers=headers(Return_Path="<>")), "Postmark")
    assert (envelope.has_sender, envelope.sender) == (True, "")
    assert not providers.envelope(postmark(Headers=[]), "Postmark").has_sender


def test_spam_is_what_the_provider_calls_spam() -> None:
    assert providers.envelope(postmark(Headers=headers(X_Spam_Status="Yes")), "Postmark").is_spam
    assert not providers.envelope(postmark(Headers=headers(X_Spam_Status="No")), "Postmark").is_spam


def test_mailguns_raw_mail_keeps_every_byte() -> None:
    raw = b"From: J\xf6rg <j@b.example>\r\nContent-Type: text/plain; charset=latin-1\r\n\r\n\xe9\xff"
    body = b'--x\r\nContent-Disposition: form-data; name="body-mime"\r\n\r\n' + raw + b"\r\n--x--\r\n"
    request = RequestFactory().generic("POST", "/", body, content_type="multipart/form-data; boundary=x")
    assert request.body  # as a replayed request has it
    assert forms.take_bytes(request, "body-mime") == raw


def test_a_provider_unknown_to_us_is_read_through_anymails_own_fields() -> None:
    event = mime.event(mime.Handed(letters.mime(), "kim@carrier.example", ("a@ct.example",)))
    event.esp_event = {}
    assert providers.envelope(event, "Somebody").recipients == ("a@ct.example",)


@pytest.mark.parametrize(
    ("domain", "from_domain", "expected"),
    [
        ("a.example", "a.example", True),
        ("mail.a.example", "a.example", True),
        ("a.example", "mail.a.example", True),
        ("a.example", "b.example", False),
        ("xa.example", "a.example", False),
        ("", "a.example", False),
        ("example", "a.example", True),
    ],
)
def test_alignment_is_relaxed(domain: str, from_domain: str, expected: bool) -> None:
    assert base.aligned(domain, from_domain) == expected
