"""Staff let a mail that is held for its files go without them."""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from django.utils import timezone

from conversation_tracker import inbox, limits, outbox
from conversation_tracker.mailflow import leakgate, mask, match
from conversation_tracker.models import OutboundMail, SendState
from conversation_tracker.models.outbound import TOO_SLOW, LeftOut
from orders.models import Alert, Attachment, AuditEntry, Role
from orders.placing import Placed
from tests import factories, letters

pytestmark = pytest.mark.django_db
Work = Callable[..., list[EmailMultiAlternatives]]
LINE = "[A file of this mail was not passed on: {}]"


def packed(text: str) -> bytes:
    """An archive, in which nothing can be masked."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("note.txt", text)
    return out.getvalue()


def attachment(name: str, content: bytes, kind: str = "application/octet-stream") -> dict[str, str]:
    return {"Name": name, "Content": base64.b64encode(content).decode(), "ContentType": kind}


def write(client: Client, placed: Placed, *files: dict[str, str], **fields: Any) -> OutboundMail:
    letters.post_postmark(client, letters.postmark(placed.customer_alias, Attachments=list(files), **fields))
    inbox.work(now=timezone.now())
    return OutboundMail.objects.latest("pk")


def shows(placed: Placed) -> bytes:
    return packed(f"Bill to {placed.customer_alias.real.text()}")


@pytest.fixture
def held(client: Client, placed: Placed, work: Work) -> OutboundMail:
    """A mail with three files, of which the second shows the customer's address."""
    row = write(
        client,
        placed,
        attachment("terms.txt", b"As ever."),
        attachment("bill & co.zip", shows(placed)),
        attachment("other.zip", packed("Nobody")),
        TextBody="Here is the bill.",
        HtmlBody="<p>Here is <b>the bill</b>.</p>",
    )
    assert work() == []
    row.refresh_from_db()
    assert (row.state, row.problem) == (SendState.HELD, "file")
    return row


def url(row: OutboundMail) -> str:
    return f"/orders/{row.order.store.account}/{row.order.number}/entries/{row.entry_id}/send-again/"


def page(client: Client, row: OutboundMail) -> str:
    return " ".join(client.get(f"/orders/{row.order.store.account}/{row.order.number}/").content.decode().split())


def names(sent: EmailMultiAlternatives) -> list[str | None]:
    return [part.get_filename() for part in sent.attachments]


def test_it_leaves_without_the_file_that_shows_an_address_and_says_so(
    as_support: Client, placed: Placed, held: OutboundMail, work: Work
) -> None:
    as_support.post(url(held), {"leaves_out": "1"})
    (sent,) = work()
    assert names(sent) == ["terms.txt", "other.zip"]
    assert sent.body == f"Here is the bill.\n\n{LINE.format('bill & co.zip')}\n"
    ((html, _),) = sent.alternatives
    assert str(html).endswith("<p>[A file of this mail was not passed on: bill &amp; co.zip]</p>")
    known = mask.known(match.party(one) for one in placed.order.aliases.all())
    assert leakgate.leaks(sent.message().as_bytes(), known) == []
    held.refresh_from_db()
    assert (held.state, held.left_out) == (SendState.SENT, [1])
    assert Alert.objects.get().settled_at is not None


def test_the_page_offers_it_and_says_afterwards_which_file_was_left_out(
    as_support: Client, held: OutboundMail, work: Work
) -> None:
    before = page(as_support, held)
    assert before.count('name="leaves_out"') == 2  # at the alert and at the mail
    assert "Left out of the copy" not in before
    as_support.post(url(held), {"leaves_out": "1"})
    work()
    after = page(as_support, held)
    assert (after.count('name="leaves_out"'), after.count("Left out of the copy")) == (0, 1)
    assert after.index("bill &amp; co.zip") < after.index("Left out of the copy") < after.index("other.zip")


def test_it_is_audited(as_support: Client, held: OutboundMail) -> None:
    as_support.post(url(held), {"leaves_out": "1"})
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ("held", "queued, without the files that show an address")


def test_sent_again_as_it_is_it_is_held_again(as_support: Client, held: OutboundMail, work: Work) -> None:
    as_support.post(url(held))
    assert work() == []
    held.refresh_from_db()
    assert (held.state, held.leaves_out, held.left_out) == (SendState.HELD, "", [])


def test_a_copy_that_came_back_is_sent_again_without_the_same_file(
    as_support: Client, held: OutboundMail, work: Work
) -> None:
    as_support.post(url(held), {"leaves_out": "1"})
    work()
    OutboundMail.objects.update(state=SendState.BOUNCED)
    as_support.post(url(held))
    (sent,) = work()
    assert names(sent) == ["terms.txt", "other.zip"]


def test_who_may_only_read_may_not(client: Client, placed: Placed, held: OutboundMail, work: Work) -> None:
    client.force_login(factories.make_user(store=placed.order.store, role=Role.VIEWER))
    assert client.post(url(held), {"leaves_out": "1"}).status_code == 403
    assert work() == []


def test_what_shows_an_address_in_its_words_too_is_held_again(
    as_support: Client, placed: Placed, held: OutboundMail, work: Work
) -> None:
    with patch.object(leakgate, "leaks", return_value=["plain body", "file"]):
        as_support.post(url(held), {"leaves_out": "1"})
        assert work() == []
    held.refresh_from_db()
    assert (held.state, held.left_out) == (SendState.HELD, [])
    assert 'name="leaves_out"' not in page(as_support, held)


def test_an_attached_mail_with_such_a_file_is_left_out_whole(
    client: Client, as_support: Client, placed: Placed, work: Work
) -> None:
    zipped = base64.encodebytes(shows(placed)).decode()
    nested = (
        "From: Bo <bo@people.example>\r\nSubject: Bill\r\nMIME-Version: 1.0\r\n"
        "Content-Type: application/zip; name=b.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + zipped
    )
    row = write(client, placed, attachment("old.eml", nested.encode(), "message/rfc822"))
    assert work() == []
    as_support.post(url(row), {"leaves_out": "1"})
    (sent,) = work()
    assert (names(sent), "old.eml]" in str(sent.body)) == ([], True)


def test_what_takes_too_long_to_search_may_go_without_all_its_files(
    client: Client, as_support: Client, placed: Placed, work: Work
) -> None:
    row = write(client, placed, attachment("a.zip", packed("a")), attachment("b.zip", packed("b")))
    with patch.object(leakgate, "leaks", side_effect=limits.TooSlow):
        assert work() == []
    row.refresh_from_db()
    assert (row.state, row.problem) == (SendState.HELD, TOO_SLOW)
    assert "Send without its files" in page(as_support, row)
    as_support.post(url(row), {"leaves_out": "1"})
    (sent,) = work()
    assert (names(sent), "Files of this mail were not passed on: a.zip, b.zip" in str(sent.body)) == ([], True)
    row.refresh_from_db()
    assert (row.leaves_out, row.left_out) == (LeftOut.ALL, [0, 1])


def test_without_files_it_is_not_offered(client: Client, as_support: Client, placed: Placed, work: Work) -> None:
    row = write(client, placed)
    with patch.object(leakgate, "leaks", side_effect=limits.TooSlow):
        assert work() == []
    assert "leaves_out" not in page(as_support, row)


@pytest.mark.parametrize(
    ("is_customer", "line"),
    [
        (True, "[Um arquivo desta mensagem não foi encaminhado: nota.zip]"),
        (False, "[Un archivo de este mensaje no se reenvió: nota.zip]"),
    ],
)
def test_who_gets_it_reads_the_line_in_her_language(
    client: Client, as_support: Client, placed: Placed, work: Work, *, is_customer: bool, line: str
) -> None:
    order, to = placed.order, placed.customer_alias if is_customer else placed.store_alias
    order.customer.locale, order.store.locale = "pt-BR", "es-MX"
    order.customer.save()
    order.store.save()
    letters.post_postmark(client, letters.postmark(to, Attachments=[attachment("nota.zip", shows(placed))]))
    assert work() == []
    as_support.post(url(OutboundMail.objects.get()), {"leaves_out": "1"})
    (sent,) = work()
    assert line in str(sent.body)


def test_asked_for_twice_it_goes_once(as_support: Client, held: OutboundMail, work: Work) -> None:
    as_support.post(url(held), {"leaves_out": "1"})
    said = as_support.post(url(held), {"leaves_out": "1"}, follow=True).content.decode()
    assert ("The mail is on its way already." in said, len(work())) == (True, 1)
    assert outbox.counts()["sent"] == 1
    assert Attachment.objects.count() == 3
