"""Staff and systems of a store write to the parties of an order."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from conversation_tracker import writing
from conversation_tracker.mailflow.shapes import File
from conversation_tracker.models import OutboundMail
from orders import aliases, vault
from orders.models import (
    Action,
    AuditEntry,
    Kind,
    MaskType,
    Order,
    Role,
    Store,
    TimelineEntry,
    User,
)  # fmt: skip
from orders.outcomes import Outcome, Reason
from orders.placing import Placed
from tests import factories, letters
from tests.conversation_tracker.conversing import Work
from tests.orders.concurrency import at_once

pytestmark = pytest.mark.django_db


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
            ({"text": "\u200b \u2060"}, "Write something first."),
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
