"""Amazon SES: receipt notifications through SNS, the mail inside them or in S3."""

from __future__ import annotations

from typing import Any

from anymail.signals import AnymailInboundEvent

from conversation_tracker.mailflow.shapes import Envelope, Verdict
from conversation_tracker.providers import base, sns


def envelope(event: AnymailInboundEvent) -> Envelope:
    """``receipt.recipients`` are all that the receipt rule matched; the verdicts are SES's own."""
    payload: dict[str, Any] = event.esp_event if isinstance(event.esp_event, dict) else {}
    receipt = payload.get("receipt") or {}
    mail = payload.get("mail") or {}
    sender = mail.get("source")
    return Envelope(
        sender=sender if isinstance(sender, str) else "",
        has_sender=isinstance(sender, str),
        recipients=base.unique(receipt.get("recipients") or mail.get("destination") or []),
        verdict=_verdict(receipt, base.author(base.fields_of(event))),
        is_spam=base.status(receipt, "spamVerdict") == "FAIL" or base.status(receipt, "virusVerdict") == "FAIL",
    )


def _verdict(receipt: dict[str, Any], author: str) -> Verdict:
    """dmarcVerdict: PASS is aligned; GRAY (no policy) says nothing of alignment, so it is no pass. With several
    authors, or none, nobody can tell of whom it speaks.
    """
    return {"PASS": Verdict.PASS if author else Verdict.NONE, "FAIL": Verdict.FAIL}.get(
        base.status(receipt, "dmarcVerdict"), Verdict.NONE
    )


def original(event: AnymailInboundEvent) -> bytes | None:
    """The raw mail, from inside the notification or from S3."""
    return base.kept_raw(event)


PROVIDER = base.Provider(
    name="amazon_ses",
    esp_name="Amazon SES",
    inbound="conversation_tracker.providers.views.amazon_ses.Inbound",
    tracking="conversation_tracker.providers.views.amazon_ses.Tracking",
    secrets=("WEBHOOK_SECRET",),
    needs=("AMAZON_SES_TOPIC_ARNS",),
    envelope=envelope,
    original=original,
    verify=sns.verify,
)
