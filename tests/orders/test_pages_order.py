"""The order page, the formatted body and the attachments."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages
from django.test import Client
from django.utils import timezone

from orders import (
    aliases,
    cancelling,
    flow,
    history,
    interactions,
    invoicing,
    payment,
    placing,
    shipping,
    vault,
)
from orders.models import Kind, MaskType, Status, Store, TimelineEntry, Verification
from orders.outcomes import Outcome, Reason
from tests import factories

pytestmark = pytest.mark.django_db
PNG = b"\x89PNG\r\n\x1a\n rest"


def url(order, rest: str = "") -> str:
    return f"/orders/{order.store.account}/{order.number}/{rest}"


def html(client, order) -> str:
    response = client.get(url(order))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("count", [1, 3])
def test_the_page_asks_the_database_as_often_for_one_mail_as_for_three(
    count, as_admin, placed, django_assert_num_queries
):
    for _ in range(count):
        mail = factories.make_mail(placed.customer_alias, placed.store_alias)
        factories.make_attachment(mail)
        factories.make_outbound(mail)
    as_admin.get(url(placed.order))
    # session, user, order, alerts, entries, attachments, outbound, rights, aliases, invoices, order mails, and the
    # settings in the bar
    with django_assert_num_queries(12):
        as_admin.get(url(placed.order))


def test_who_joined_after_a_mail_was_recorded_is_masked_on_its_pages(as_support, placed):
    real = "kim@carrier.example"
    words: Any = {"text": f"Ask {real}, please.", "subject": f"{real}?", "html": f"<p>Ask {real}</p>"}
    entry = factories.make_mail(placed.customer_alias, placed.store_alias, **words)
    factories.make_outbound(entry)
    factories.make_alert(entry)
    alias = factories.make_third_party(placed.order, email=real).address.text()
    for page in ("", f"entries/{entry.pk}/text/", f"entries/{entry.pk}/body/"):
        content = as_support.get(url(placed.order, page)).content.decode()
        assert alias in content, page
        assert f"Ask {real}" not in content, page
        assert f"{real}?" not in content, page


def test_who_joined_after_something_was_told_of_him_is_masked_in_it(as_support, store):
    real, now = "kim@carrier.example", timezone.now()
    order = factories.make_order_at(Status.HANDLING, store=store)
    customer, own = placing.parties(order.aliases.all())
    entry = factories.make_mail(customer, own)
    file = factories.make_attachment(entry, name=f"for {real}.pdf")
    interactions.tell(order, source=f"ERP of {real}", message="Booked.", actor="ERP", now=now)
    payment.change(order, data={"paymentSystemName": f"Bill to {real}"}, actor="ERP", now=now)
    parcel = shipping.Parcel(courier=f"Carrier {real}", number="T1", url="https://parcel.example/T1")
    invoice, _ = invoicing.invoice(order, factories.make_invoice_draft(value=1_000, parcel=parcel), actor="", now=now)
    seen = shipping.Sighting(now, f"Questions: {real}", city=f"City of {real}", state=f"State of {real}")
    shipping.track(order, invoice, [seen], delivered_at=None, actor="", now=now)
    assert html(as_support, order).count(real) > 8
    factories.make_third_party(order, email=real)
    assert real not in html(as_support, order)
    assert real not in as_support.get(url(order, f"attachments/{file.pk}/"))["Content-Disposition"]


def test_who_joined_after_a_cancellation_was_asked_for_is_masked_in_the_reason(as_support, store):
    order = factories.make_order_at(Status.HANDLING, store=store)
    reason = "Ask kim@carrier.example."
    cancelling.cancel(order, reason=reason, is_customers_wish=True, actor="", now=timezone.now())
    assert html(as_support, order).count(reason) == 2
    factories.make_third_party(order, email="kim@carrier.example")
    assert reason not in html(as_support, order)


def test_a_foreign_order_and_no_order_look_the_same(outsider, placed):
    client = Client()
    client.force_login(outsider)
    foreign, nothing = client.get(url(placed.order)), client.get("/orders/acme/1000000000000-01/")
    token = re.compile(rb'(?:value|next)="[^"]*"')
    assert foreign.status_code == nothing.status_code == 404
    assert token.sub(b"", foreign.content) == token.sub(b"", nothing.content)


def test_the_page_shows_what_is_known_of_the_order(as_admin, store):
    order = factories.make_order(store, name="Maria Silva", value=129_990)
    page = html(as_admin, order)
    for words in (order.number, "Maria Silva", "R$ 1,299.90", "Acme", "Order created", "America/Sao_Paulo"):
        assert words in page


def test_the_page_never_shows_a_real_address(as_admin, store):
    placed = factories.place_order(store, email="real.person@people.example")
    factories.make_mail(placed.customer_alias, placed.store_alias)
    page = html(as_admin, placed.order)
    assert "real.person@people.example" not in page
    assert "help@acme.example" not in page


def test_both_ways_of_a_conversation_are_told_apart(as_admin, placed):
    factories.make_mail(placed.customer_alias, placed.store_alias, subject="Question")
    factories.make_mail(placed.store_alias, placed.customer_alias, subject="The reply")
    page = html(as_admin, placed.order)
    assert page.index('class="mail party--customer"') < page.index("Question")
    assert page.index("Question") < page.index('class="mail party--store"') < page.index("The reply")


@pytest.mark.parametrize(
    ("outcome", "reason", "words"),
    [
        (Outcome.RELAYED, Reason.CONVERSATION, "Passed on to the recipient under the sender’s alias."),
        (Outcome.REFUSED, Reason.EXPIRED, "It came after the alias had expired, so it was not passed on."),
        (Outcome.RECORDED, Reason.BOUNCE, "A delivery report, kept here and not passed on."),
    ],
)
def test_a_mail_says_what_became_of_it_and_why(outcome, reason, words, as_admin, placed):
    factories.make_mail(placed.customer_alias, placed.store_alias, outcome=outcome, reason=reason)
    page = html(as_admin, placed.order)
    assert words in page
    assert outcome.name.title() in page


def test_a_copy_that_was_held_is_not_called_passed_on(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias)
    factories.make_outbound(mail, state="held", problem="text/html")
    page = html(as_admin, placed.order)
    assert "Copy: Held: it may show a real address" in page
    assert "(text/html)" in page
    assert "Passed on to the recipient" not in page


def test_an_unverified_sender_and_masked_addresses_are_marked(as_admin, placed):
    factories.make_mail(placed.customer_alias, placed.store_alias, verification=Verification.UNVERIFIED, masked_count=2)
    page = html(as_admin, placed.order)
    assert "Sender not verified" in page
    assert "2 addresses masked" in page


def test_a_mail_from_nobody_known_is_shown(as_admin, placed):
    factories.make_mail(None, placed.store_alias, outcome=Outcome.RECORDED, reason=Reason.NO_SENDER)
    assert "Unknown sender" in html(as_admin, placed.order)


def test_status_changes_alias_events_and_comments_are_on_the_timeline(as_admin, placed, store_admin):
    flow.move(placed.order, Status.WAITING_FOR_AUTHORIZATION, actor="shop", now=timezone.now())
    aliases.retire(placed.customer_alias, user=store_admin, reason="asked for", now=timezone.now())
    TimelineEntry.objects.create(
        store=placed.order.store,
        order=placed.order,
        kind=Kind.NOTE,
        text="<b>call back</b>",
        occurred_at=timezone.now(),
    )
    page = html(as_admin, placed.order)
    assert "<strong>Waiting for seller confirmation</strong>" in page
    assert "Alias retired: Customer" in page
    assert "&lt;b&gt;call back&lt;/b&gt;" in page


def test_quotes_are_folded_and_the_text_is_escaped(as_admin, placed):
    factories.make_mail(placed.customer_alias, placed.store_alias, text="<i>Hi</i>\n\n> old words")
    page = html(as_admin, placed.order)
    assert '<div class="words" dir="auto">&lt;i&gt;Hi&lt;/i&gt;</div>' in page
    assert page.index("Show quoted mail") < page.index("&gt; old words")


def test_a_long_mail_is_folded_and_whole_one_click_away(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, text="word " * 20_000)
    assert "Show the rest" in html(as_admin, placed.order)
    whole = as_admin.get(url(placed.order, f"entries/{mail.pk}/text/"))
    assert whole.content.decode() == "word " * 20_000
    assert whole["Content-Type"] == "text/plain; charset=utf-8"
    assert whole["Content-Security-Policy"] == "sandbox"


def test_a_long_timeline_shows_the_newest_and_leads_to_the_earlier(as_admin, placed, monkeypatch):
    monkeypatch.setattr(history, "PAGE", 2)
    now = timezone.now()
    for number in range(3):
        mail_at = now + timedelta(minutes=number)
        factories.make_mail(placed.customer_alias, placed.store_alias, subject=f"mail {number}", now=mail_at)
    newest = as_admin.get(url(placed.order)).context["page"]
    earlier = as_admin.get(url(placed.order), {"before": str(newest.earlier)}).context["page"]
    assert [moment.entry.subject for moment in newest.moments] == ["mail 1", "mail 2"]
    assert [moment.entry.kind for moment in earlier.moments] == ["alias", "mail"]


def test_aliases_say_how_long_they_live_and_why_one_is_hard(client):
    soft = factories.make_store(mask_type=MaskType.SOFT)
    placed = factories.place_order(soft, email="łukasz@people.example")
    client.force_login(factories.make_user(store=soft))
    page = html(client, placed.order)
    assert page.count("Valid until") == 2
    assert "Hard although the store chose Soft" in page
    assert placed.store_alias.address.text() in page


def test_expired_and_retired_aliases_are_told_apart(as_admin, store, store_admin):
    expired = factories.make_order(store, now=timezone.now() - timedelta(days=90))
    assert html(as_admin, expired).count("Expired") == 2
    live = factories.place_order(store)
    aliases.retire(live.customer_alias, user=store_admin, reason="asked for", now=timezone.now())
    assert html(as_admin, live.order).count("> Retired") == 0
    assert "Retired" in html(as_admin, live.order)


def test_the_formatted_body_carries_its_own_policy_and_only_that(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, html="<p>Hi<script>alert(1)</script></p>")
    response = as_admin.get(url(placed.order, f"entries/{mail.pk}/body/"))
    assert response["Content-Security-Policy"] == (
        "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
    )
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert "<p>Hi</p>" in response.content.decode()


def test_the_page_frames_the_body_in_a_sandbox_without_scripts(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, html="<p>Hi</p>")
    page = html(as_admin, placed.order)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert f'src="{url(placed.order, f"entries/{mail.pk}/body/")}"' in page
    assert as_admin.get(url(placed.order))["X-Frame-Options"] == "DENY"


def test_the_body_shows_its_own_pictures_and_says_how_many_others_were_blocked(as_admin, placed):
    remote = '<img src="https://t.example/1.gif">'
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, html=f'<img src="cid:logo@a">{remote}')
    factories.make_attachment(mail, PNG, content_type="image/png", content_id="<logo@a>")
    body = as_admin.get(url(placed.order, f"entries/{mail.pk}/body/")).content.decode()
    assert 'src="data:image/png;base64,' in body
    assert "1 picture from the internet was not loaded" in body
    assert "t.example" not in body


def test_a_picture_missing_in_the_storage_does_not_hide_the_body(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, html='<p>Hi<img src="cid:a"></p>')
    attachment = factories.make_attachment(mail, PNG, content_id="a")
    type(attachment).objects.filter(pk=attachment.pk).update(stored_as="00/00/gone")
    assert "<p>Hi" in as_admin.get(url(placed.order, f"entries/{mail.pk}/body/")).content.decode()


def test_pages_wait_for_no_storage_that_hangs(as_admin, placed, monkeypatch):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias, html='<p>Hi<img src="cid:a"></p>')
    found = factories.make_attachment(mail, PNG, content_id="a")
    answers = threading.Event()
    monkeypatch.setattr(vault, "_callers_wait", True)
    monkeypatch.setattr(vault, "_trial", None)
    monkeypatch.setattr(vault, "_try_storage", lambda: answers.wait(30))
    monkeypatch.setattr(vault, "TRIAL_PATIENCE", 0.2)
    body = as_admin.get(url(placed.order, f"entries/{mail.pk}/body/")).content.decode()
    assert "<p>Hi" in body
    assert "data:" not in body
    assert as_admin.get(url(placed.order, f"attachments/{found.pk}/")).status_code == 503
    answers.set()
    vault._trial.join(5)  # type: ignore[union-attr]  # it has begun
    assert as_admin.get(url(placed.order, f"attachments/{found.pk}/")).content == PNG


def test_an_attachment_is_saved_and_never_shown(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias)
    found = factories.make_attachment(mail, b"%PDF", name='Ünsere "Rechnung"\r\n.pdf')
    response = as_admin.get(url(placed.order, f"attachments/{found.pk}/"))
    assert response.content == b"%PDF"
    assert response["Content-Disposition"].startswith("attachment; filename*=utf-8''%C3%9Cnsere")
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox"


def test_a_dangerous_attachment_is_marked_and_has_no_type_to_open_it_with(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias)
    found = factories.make_attachment(mail, b"<script>", content_type="text/html", is_dangerous=True)
    assert as_admin.get(url(placed.order, f"attachments/{found.pk}/"))["Content-Type"] == "application/octet-stream"
    assert "Can be dangerous" in html(as_admin, placed.order)


def test_an_attachment_that_could_not_be_searched_is_marked(as_admin, placed):
    mail = factories.make_mail(placed.customer_alias, placed.store_alias)
    factories.make_attachment(mail, is_searchable=False)
    assert "Could not be searched for addresses" in html(as_admin, placed.order)


def test_nothing_of_one_order_is_reached_through_another(as_admin, placed, outsider):
    foreign = factories.place_order(Store.objects.get(account="elsewhere"))
    mail = factories.make_mail(foreign.customer_alias, foreign.store_alias, html="<p>x</p>")
    found = factories.make_attachment(mail)
    rests = [f"entries/{mail.pk}/body/", f"entries/{mail.pk}/text/", f"attachments/{found.pk}/"]
    assert [as_admin.get(url(placed.order, rest)).status_code for rest in rests] == [404, 404, 404]
    assert [as_admin.get(url(foreign.order, rest)).status_code for rest in rests] == [404, 404, 404]


def test_a_file_that_is_gone_is_not_found(as_admin, placed):
    found = factories.make_attachment(factories.make_mail(placed.customer_alias, placed.store_alias))
    Path(storages["mail"].path(found.stored_as)).unlink()
    assert as_admin.get(url(placed.order, f"attachments/{found.pk}/")).status_code == 404
