"""Mail of which nobody can tell whom it is for is quarantined, and what only looks for nobody is not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from conversation_tracker import inbox, nowhere, providers
from conversation_tracker.models import Channel, Receipt, ReceiptState, Trouble
from orders.placing import Placed
from tests import letters
from tests.conversation_tracker.conversing import Work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("three_providers")]

UNDISCLOSED = [{"Email": "undisclosed-recipients:;", "Name": ""}]
ELSEWHERE = [{"Email": "list@carrier.example", "Name": ""}]


@pytest.mark.parametrize(
    "fields",
    [
        {"OriginalRecipient": "", "ToFull": UNDISCLOSED},
        {"OriginalRecipient": "", "ToFull": ELSEWHERE},
        {"OriginalRecipient": "", "ToFull": []},
    ],
)
def test_a_mail_that_does_not_tell_whom_it_is_for_is_quarantined(
    client: Client, work: Work, placed: Placed, fields: dict[str, Any]
) -> None:
    letters.post_postmark(client, letters.postmark(placed.customer_alias, **fields))
    assert work() == []
    receipt = Receipt.objects.get()
    found = (receipt.state, receipt.trouble, receipt.trouble_detail)
    assert found == (ReceiptState.QUARANTINED, Trouble.UNREADABLE, nowhere.UNTOLD)


@pytest.mark.parametrize("below", ["", "people.example-1234567890b."])
@pytest.mark.parametrize("told", [True, False])
def test_a_mail_to_an_address_of_ours_that_is_no_alias_is_not(
    client: Client, work: Work, placed: Placed, told: bool, below: str
) -> None:
    nobody = f"{'0' * 32}@{below}{placed.order.store.tracking_domain}"
    fields = {} if told else {"OriginalRecipient": ""}
    letters.post_postmark(client, letters.postmark(nobody, **fields))
    work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.trouble) == (ReceiptState.DONE, "")


def test_mail_for_the_postmaster_in_a_batch_is_shown_to_operators(
    client: Client, work: Work, placed: Placed, settings: Settings
) -> None:
    letters.mount(settings, "sparkpost")
    postmaster = f"postmaster@{placed.order.store.tracking_domain}"
    of_an_order = letters.sparkpost_mail(placed.customer_alias.address.text(), letters.mime())
    of_nobody = letters.sparkpost_mail(postmaster, letters.mime(Message_ID="<2@x.example>"))
    letters.post(client, "/anymail/sparkpost/inbound/", [of_an_order, of_nobody])
    assert len(work()) == 1
    found = set(Receipt.objects.values_list("state", "trouble"))
    assert {(ReceiptState.DONE, ""), (ReceiptState.QUARANTINED, Trouble.POSTMASTER)} <= found


SAYS_NOTHING = {
    "postmark": ["{}", '{"events":[{}]}'],
    "mailtrap": ["{}", '{"items":[]}'],
    "sparkpost": ["{}"],
    "mandrill": ["{}", '[{"msys":{}}]', "null"],
}
TRIES = {"sparkpost": ['[{"msys":{}}]'], "mandrill": ["[]"], "mailtrap": ['{"events":[]}']}


def hand_in(provider: str, document: str) -> None:
    is_form = provider == "mandrill"
    body = urlencode({"mandrill_events": document}) if is_form else document
    kind = "application/x-www-form-urlencoded" if is_form else "application/json"
    inbox.accept(
        provider=provider, channel=Channel.INBOUND, method="POST", path=f"/anymail/{provider}/inbound/", query="",
        headers=[("Content-Type", kind)], body=body.encode(), now=timezone.now(),
    )  # fmt: skip


@pytest.mark.parametrize(("documents", "state"), [(SAYS_NOTHING, ReceiptState.QUARANTINED), (TRIES, ReceiptState.DONE)])
def test_a_call_without_an_event_is_quarantined_unless_it_only_tries_the_address(
    settings: Settings, work: Work, documents: dict[str, list[str]], state: ReceiptState
) -> None:
    settings.INBOUND_PROVIDERS = list(providers.ALL)
    settings.ANYMAIL = {**settings.ANYMAIL, "MAILTRAP_API_TOKEN": "token", "MANDRILL_WEBHOOK_KEY": "key"}
    for provider, written in documents.items():
        for document in written:
            hand_in(provider, document)
    work()
    found = {(receipt.provider, receipt.body.bytes(), receipt.state) for receipt in Receipt.objects.all()}
    assert {one for one in found if one[2] != state} == set()
    assert len(found) == sum(map(len, documents.values()))
