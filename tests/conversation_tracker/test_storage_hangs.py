"""While the storage of mails hangs, whoever writes is told so at once, and nothing is written."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from django.test import Client
from django.utils import timezone

from conversation_tracker.models import OutboundMail
from orders import access, vault
from orders.models import ApiKey, Store
from orders.placing import Placed
from tests import factories

pytestmark = pytest.mark.django_db

HEADERS = {"X-VTEX-API-AppKey": "erp", "X-VTEX-API-AppToken": "token"}


@pytest.fixture
def key(store: Store) -> ApiKey:
    return ApiKey.objects.create(
        store=store, app_key="erp", token_digest=access.token_digest("token"), label="ERP", may_answer=True,
        created_at=timezone.now(),
    )  # fmt: skip


@pytest.fixture
def hanging(placed: Placed, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a web process, once the storage hangs."""
    answers = threading.Event()
    monkeypatch.setattr(vault, "_callers_wait", True)
    monkeypatch.setattr(vault, "_trial", None)
    monkeypatch.setattr(vault, "_try_storage", lambda: answers.wait(30))
    monkeypatch.setattr(vault, "TRIAL_PATIENCE", 0.2)
    yield
    answers.set()
    if vault._trial is not None:
        vault._trial.join(5)


@pytest.mark.usefixtures("hanging")
def test_the_form_is_shown_again_with_what_was_written(as_support: Client, placed: Placed) -> None:
    fields = {"to": placed.customer_alias.pk, "subject": "Your order", "text": "It leaves today.", "once": "1"}
    url = f"/orders/{placed.order.store.account}/{placed.order.number}/write/"
    page = as_support.post(url, fields).content.decode()
    assert "Not sent: the storage of mails does not answer." in page
    assert "It leaves today." in page
    assert OutboundMail.objects.count() == 0


@pytest.mark.usefixtures("hanging", "key")
@pytest.mark.parametrize("again", [{}, {"Idempotency-Key": "1"}])
def test_a_system_that_writes_is_told_to_come_again(again: dict[str, str], client: Client, placed: Placed) -> None:
    path = f"/api/oms/pvt/orders/{placed.order.number}/conversation-message"
    body = {"subject": "Your order", "text": "It leaves today."}
    response = client.post(path, body, content_type="application/json", headers={**HEADERS, **again})
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert response.json()["error"]["code"] == "service_unavailable"
    assert OutboundMail.objects.count() == 0


@pytest.mark.usefixtures("key")
def test_a_system_that_fetches_a_file_is_told_to_come_again(
    client: Client, placed: Placed, request: pytest.FixtureRequest
) -> None:
    mail = factories.make_mail(placed.customer_alias, placed.store_alias)
    factories.make_attachment(mail, b"%PDF", name="a.pdf")
    path = f"/api/oms/pvt/orders/{placed.order.number}/conversation-message"
    ((file,),) = [one["attachments"] for one in client.get(f"{path}?attachmentLinks=true", headers=HEADERS).json()]
    request.getfixturevalue("hanging")
    response = client.get(file["url"], headers=HEADERS)
    assert (response.status_code, response["Retry-After"]) == (503, "60")
