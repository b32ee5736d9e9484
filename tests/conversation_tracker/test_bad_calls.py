"""Calls that are broken in the ways calls are broken: nothing of them is lost, and no other mail waits for them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox
from conversation_tracker.models import Receipt, ReceiptState, Trouble
from orders.models import Kind, TimelineEntry
from orders.outcomes import Outcome
from orders.placing import Placed
from tests import factories, letters, signatures

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
STRANGERS = [f"person{number}@elsewhere.example" for number in range(9_999)]


def mails() -> list[TimelineEntry]:
    return list(TimelineEntry.objects.filter(kind=Kind.MAIL).order_by("id"))


def replay(receipt: Receipt, work: Work) -> None:
    operator = factories.make_user("operator@staff.example", is_superuser=True)
    assert inbox.put_back(receipt, user=operator, now=timezone.now())
    work()
    receipt.refresh_from_db()


@pytest.mark.parametrize("provider", ["brevo", "mailjet", "postmark", "sparkpost"])
def test_json_that_is_not_utf_8_is_quarantined_and_can_be_replayed(
    client: Client, settings: Settings, placed: Placed, work: Work, provider: str
) -> None:
    letters.mount(settings, provider, BREVO_API_KEY="key")
    broken = b'{"Subject": "Caf\xe9"}'
    assert letters.post(client, f"/anymail/{provider}/inbound/", broken).status_code == 200
    letters.mount(settings, "postmark")
    letters.post_postmark(client, letters.postmark(placed.customer_alias))
    assert len(work()) == 1
    receipt = Receipt.objects.earliest("id")
    replay(receipt, work)
    assert (receipt.state, receipt.trouble) == (ReceiptState.QUARANTINED, Trouble.UNREADABLE)
    assert receipt.body.bytes() == broken
    assert len(mails()) == 1


def test_a_compressed_body_is_kept_as_it_came(client: Client, placed: Placed, work: Work) -> None:
    body = gzip.compress(json.dumps(letters.postmark(placed.customer_alias)).encode())
    assert letters.post(client, "/anymail/postmark/inbound/", body, Content_Encoding="gzip").status_code == 200
    work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.body.bytes()) == (ReceiptState.QUARANTINED, body)
    assert ["Content-Encoding", "gzip"] in receipt.headers.json()


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "no type at all"])
def test_json_under_another_name_is_read_all_the_same(
    client: Client, placed: Placed, work: Work, content_type: str
) -> None:
    client.post(
        "/anymail/postmark/inbound/",
        json.dumps(letters.postmark(placed.customer_alias)),
        content_type=content_type,
        headers={"Authorization": letters.BASIC_AUTH},
    )
    assert len(work()) == 1
    assert len(mails()) == 1


def test_a_form_under_another_name_is_unsigned(client: Client, placed: Placed) -> None:
    form = letters.mailgun(placed.customer_alias.address.text())
    assert letters.post(client, "/anymail/mailgun/inbound/", form, auth=None).status_code == 403
    assert not Receipt.objects.exists()


def test_the_good_ones_of_a_batch_are_kept(client: Client, settings: Settings, placed: Placed, work: Work) -> None:
    letters.mount(settings, "sparkpost")
    address = placed.customer_alias.address.text()
    good = [letters.sparkpost_mail(address, letters.mime(Message_ID=f"<{number}@x.example>")) for number in range(3)]
    batch: list[object] = [
        good[0],
        None,
        good[1],
        {"msys": []},
        "x",
        good[2],
        {"msys": {"relay_message": {"content": 3}}},
    ]
    assert letters.post(client, "/anymail/sparkpost/inbound/", batch).status_code == 200
    assert len(work()) == 3
    assert [entry.outcome for entry in mails()] == [Outcome.RELAYED] * 3
    assert inbox.counts()["quarantined"] == 4


def _ses(client: Client, address: str) -> Any:
    return letters.post_ses(client, letters.ses([*STRANGERS, address], letters.mime()))


def _mailgun(client: Client, address: str) -> Any:
    return letters.post_mailgun(client, letters.mailgun(",".join([*STRANGERS, address])))


def _postmark(client: Client, address: str) -> Any:
    everybody = [{"Email": one, "Name": ""} for one in [*STRANGERS, address]]
    return letters.post_postmark(client, letters.postmark(STRANGERS[0], ToFull=everybody))


def _mailersend(client: Client, address: str) -> Any:
    body, signature = signatures.hmac_of(letters.mailersend([*STRANGERS, address], letters.mime().decode()), "shared")
    return letters.post(client, "/anymail/mailersend/inbound/", body, Signature=signature)


@pytest.mark.parametrize("deliver", [_ses, _mailgun, _postmark, _mailersend])
def test_of_ten_thousand_recipients_each_that_is_an_alias_is_found(
    client: Client, settings: Settings, placed: Placed, work: Work, deliver: Callable[[Client, str], Any]
) -> None:
    for name in ("amazon_ses", "mailersend", "mailgun", "postmark"):
        letters.mount(settings, name, MAILERSEND_INBOUND_SECRET="shared")
    assert deliver(client, placed.customer_alias.address.text()).status_code == 200
    assert len(work()) == 1
    assert [entry.recipient_alias for entry in mails()] == [placed.customer_alias]
