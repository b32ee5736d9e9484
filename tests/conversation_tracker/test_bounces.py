"""Which reports say that an address takes no mail any more, in each provider's own words."""

from __future__ import annotations

from typing import Any

import pytest
from anymail.signals import AnymailTrackingEvent
from anymail.webhooks.amazon_ses import AmazonSESTrackingWebhookView
from anymail.webhooks.brevo import BrevoTrackingWebhookView
from anymail.webhooks.mailersend import MailerSendTrackingWebhookView
from anymail.webhooks.mailgun import MailgunTrackingWebhookView
from anymail.webhooks.mailjet import MailjetTrackingWebhookView
from anymail.webhooks.mailtrap import MailtrapTrackingWebhookView
from anymail.webhooks.postmark import PostmarkTrackingWebhookView
from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from django.test import RequestFactory

from conversation_tracker import bounces
from conversation_tracker.providers.views import mandrill as our_mandrill
from conversation_tracker.providers.views import resend as our_resend
from orders.models import SuppressionReason

B, C, R = SuppressionReason.BOUNCED, SuppressionReason.COMPLAINED, SuppressionReason.REFUSED


def postmark(said: dict[str, Any]) -> AnymailTrackingEvent:
    return PostmarkTrackingWebhookView(webhook_secret="a:b").esp_to_anymail_event(said)


def ses(said: dict[str, Any]) -> AnymailTrackingEvent:
    view = AmazonSESTrackingWebhookView(webhook_secret="a:b")
    mail = {"messageId": "1", "destination": ["a@b.example"], "headers": [], "tags": {}}
    sns = {"Type": "Notification", "Message": "", "MessageId": "2", "Timestamp": "2026-11-23T10:00:00.000Z"}
    (event,) = view.esp_to_anymail_events({"mail": mail, **said}, sns)
    return event


def sparkpost(said: dict[str, Any]) -> AnymailTrackingEvent:
    view = SparkPostTrackingWebhookView(webhook_secret="a:b")
    kind = "gen_event" if said["type"].startswith("generation") else "message_event"
    return view.esp_to_anymail_event(kind, said, {"msys": {kind: said}})


def mandrill(said: dict[str, Any]) -> AnymailTrackingEvent:
    view = our_mandrill.Combined(webhook_key="k")
    return view.mandrill_tracking_to_anymail_event({"ts": 1, "msg": {"email": "a@b.example"}, **said})


def rejected(why: object) -> dict[str, Any]:
    return {"event": "reject", "msg": {"email": "a@b.example", "state": "rejected", "reject": why}}


def resend(said: dict[str, Any]) -> AnymailTrackingEvent:
    return our_resend.Tracking(webhook_secret="a:b").esp_to_anymail_event(said, RequestFactory().post("/"))


def mailersend(said: dict[str, Any]) -> AnymailTrackingEvent:
    return MailerSendTrackingWebhookView(signing_secret="k").esp_to_anymail_event({"data": said})


def mailgun(said: dict[str, Any]) -> AnymailTrackingEvent:
    view = MailgunTrackingWebhookView(webhook_signing_key="k")
    return view.esp_to_anymail_event({"event-data": {"timestamp": 1, **said}, "signature": {"token": "t"}})


def mailjet(said: dict[str, Any]) -> AnymailTrackingEvent:
    return MailjetTrackingWebhookView(webhook_secret="a:b").esp_to_anymail_event({"time": 1, **said})


def brevo(said: dict[str, Any]) -> AnymailTrackingEvent:
    return BrevoTrackingWebhookView(webhook_secret="a:b").esp_to_anymail_event(said)


def mailtrap(said: dict[str, Any]) -> AnymailTrackingEvent:
    view = MailtrapTrackingWebhookView(webhook_secret="a:b")
    return view.esp_to_anymail_event({"event_id": "1", "message_id": "2", "timestamp": 1, "email": "a@b.c", **said})


def bounced(kind: str) -> dict[str, Any]:
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": "General",
            "timestamp": "2026-11-23T10:00:00.000Z",
            "bouncedRecipients": [{"emailAddress": "a@b.example"}],
        },
    }


COMPLAINT = {
    "eventType": "Complaint",
    "complaint": {"timestamp": "2026-11-23T10:00:00.000Z", "complainedRecipients": [{"emailAddress": "a@b.example"}]},
}
VIRUS = {"eventType": "Reject", "reject": {"reason": "Bad content"}}
HARD_AT_RESEND = {
    "type": "email.bounced",
    "data": {"bounce": {"type": "Permanent", "message": "The recipient's server sent a bounce message."}},
}
DEAD_AT_RESEND = {
    "type": "email.bounced",
    "data": {
        "bounce": {
            "message": "The recipient's email address is on the suppression list because it has a recent history of …",
            "subType": "Suppressed",
            "type": "Permanent",
        }
    },
}
SOFT_AT_RESEND = {
    "type": "email.bounced",
    "data": {"bounce": {"type": "Transient", "message": "The recipient's server sent a bounce message."}},
}

NOT_OF_THE_ADDRESS: list[object] = [
    *({"reason": why} for why in ("unsigned", "invalid-sender", "soft-bounce", "test-mode-limit", "rule", "new")),
    *(None, {}, {"reason": None}, {"reason": ["unsub"]}, "unsub"),
]

SAID: list[tuple[Any, dict[str, Any], SuppressionReason | None]] = [
    (postmark, {"RecordType": "Bounce", "Type": "HardBounce"}, B),
    (postmark, {"RecordType": "Bounce", "Type": "SoftBounce"}, None),
    (postmark, {"RecordType": "Bounce", "Type": "Transient"}, None),
    (postmark, {"RecordType": "Bounce", "Type": "BadEmailAddress"}, B),
    (postmark, {"RecordType": "Bounce", "Type": "ManuallyDeactivated"}, R),
    (postmark, {"RecordType": "Bounce", "Type": "DMARCPolicy"}, None),
    (postmark, {"RecordType": "SpamComplaint", "Type": "SpamComplaint"}, C),
    (postmark, {"RecordType": "Delivery"}, None),
    (ses, bounced("Permanent"), B),
    (ses, bounced("Transient"), None),
    (ses, bounced("Undetermined"), None),
    (ses, COMPLAINT, C),
    (ses, VIRUS, None),
    (brevo, {"event": "hard_bounce"}, B),
    (brevo, {"event": "soft_bounce"}, None),
    (brevo, {"event": "deferred"}, None),
    (brevo, {"event": "blocked"}, R),
    (brevo, {"event": "spam"}, C),
    (mandrill, {"event": "hard_bounce"}, B),
    (mandrill, {"event": "soft_bounce"}, None),
    *((mandrill, rejected({"reason": why}), R) for why in ("hard-bounce", "unsub", "custom")),
    (mandrill, rejected({"reason": "invalid"}), B),
    (mandrill, rejected({"reason": "spam"}), C),
    *((mandrill, rejected(why), None) for why in NOT_OF_THE_ADDRESS),
    (mandrill, {"event": "reject"}, None),
    (mandrill, {"event": "spam"}, C),
    (mailersend, {"type": "hard_bounced"}, B),
    (mailersend, {"type": "soft_bounced"}, None),
    (mailersend, {"type": "spam_complaint"}, C),
    (mailgun, {"event": "failed", "severity": "permanent", "reason": "bounce"}, B),
    (mailgun, {"event": "failed", "severity": "temporary", "reason": "generic"}, None),
    (mailgun, {"event": "failed", "severity": "permanent", "reason": "old"}, None),
    (mailgun, {"event": "complained"}, C),
    (mailjet, {"event": "bounce", "hard_bounce": True, "error": "user unknown"}, B),
    (mailjet, {"event": "bounce", "hard_bounce": False, "error": "mailbox inactive"}, None),
    (mailjet, {"event": "blocked", "error": "preblocked"}, R),
    (mailjet, {"event": "blocked", "error": "content blocked"}, None),
    (mailjet, {"event": "spam"}, C),
    (mailtrap, {"event": "bounce"}, B),
    (mailtrap, {"event": "bounce", "bounce_category": "badmailbox"}, B),
    (mailtrap, {"event": "bounce", "bounce_category": "content"}, None),
    (mailtrap, {"event": "soft bounce"}, None),
    (mailtrap, {"event": "reject", "reason": "Recipient in suppression list. Reason: unsubscription"}, R),
    (mailtrap, {"event": "reject", "reason": "Your account has reached its daily sending limit."}, None),
    (mailtrap, {"event": "spam"}, C),
    (resend, HARD_AT_RESEND, B),
    (resend, DEAD_AT_RESEND, B),
    (resend, SOFT_AT_RESEND, None),
    (resend, {"type": "email.complained", "data": {}}, C),
    (sparkpost, {"type": "bounce", "bounce_class": "10"}, B),
    (sparkpost, {"type": "bounce", "bounce_class": "30"}, B),
    (sparkpost, {"type": "bounce", "bounce_class": "22"}, None),
    (sparkpost, {"type": "bounce", "bounce_class": "51"}, None),
    (sparkpost, {"type": "spam_complaint"}, C),
    (sparkpost, {"type": "policy_rejection", "reason": "MAIL REFUSED - IP (192.0.2.1) is in black list"}, None),
    (sparkpost, {"type": "generation_rejection", "reason": "Exceed Sending Limit (hourly)"}, None),
]


@pytest.mark.parametrize(("read", "said", "verdict"), SAID)
def test_only_what_lasts_suppresses(read: Any, said: dict[str, Any], verdict: SuppressionReason | None) -> None:
    assert bounces.verdict(read(said)) == verdict


@pytest.mark.parametrize("shape", [None, [], "text", 7, {"bounce": "text", "data": ["x"], "msys": None, "Type": {}}])
def test_a_report_may_have_any_shape(shape: Any) -> None:
    event = AnymailTrackingEvent(event_type="bounced", reject_reason="bounced", esp_event=shape)
    assert bounces.verdict(event) == B
