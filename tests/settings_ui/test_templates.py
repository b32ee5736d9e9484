"""Store settings / E-mail templates / Templates."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from conversation_tracker.message_center import defaults, trials
from conversation_tracker.models import Sender, TemplateChoice, TemplateKey, TemplateVersion, TrialMail
from orders.models import Action, AuditEntry
from orders.secrecy import Secret
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/settings/acme/templates/"
URL = f"{LIST}vtexcommerce-new-order/"
OWN = {"in": "en", "based_on": "0", "subject": "Hi {{ order.number }}", "preheader": "", "note": ""}
OWN |= {"html": "<p>Own\r\nwords</p>", "text": "Own"}


def save(client: Client, **changes: str):
    return client.post(URL, {**OWN, **changes}, follow=True)


def versions() -> list[tuple[str, int, bool, str]]:
    return list(TemplateVersion.objects.order_by("pk").values_list("locale", "number", "is_default", "subject"))


def test_the_list_has_every_template_and_says_what_is_changed(as_admin, store):
    save(as_admin)
    TemplateChoice.objects.create(store=store, key=TemplateKey.INVOICED, is_enabled=False)
    page = as_admin.get(LIST).content.decode()
    assert [key.label for key in TemplateKey if str(key.label) not in page] == []
    assert page.count("Switched off") == 1
    assert page.count("Your own: en") == 1


@pytest.mark.parametrize("count", [1, 3])
def test_the_list_asks_the_database_as_often_for_one_as_for_three(count, as_admin, store, django_assert_num_queries):
    for key in list(TemplateKey)[:count]:
        TemplateChoice.objects.create(store=store, key=key)
        TemplateVersion.objects.create(store=store, key=key, locale="en", number=1, created_at=timezone.now())
    as_admin.get(LIST)
    with django_assert_num_queries(8):  # session, user, store, rights, choices, versions twice, settings in the bar
        as_admin.get(LIST)


@pytest.mark.parametrize("key", TemplateKey)
def test_each_template_opens_with_the_default_words_in_each_language(key, as_admin):
    for locale in ("en", "pt-BR", "es"):
        page = as_admin.get(f"{LIST}{key}/", {"in": locale})
        assert page.context["form"]["subject"].value() == defaults.source(key, locale).subject
        frame = as_admin.get(f"{LIST}{key}/preview/", {"in": locale})
        assert f'lang="{locale}"' in frame.content.decode()


def test_saving_makes_a_version_with_plain_line_ends_and_is_audited(as_admin, store, store_admin):
    assert "Saved as version 1." in save(as_admin, note="Warmer").content.decode()
    made = TemplateVersion.objects.get()
    assert (made.html, made.note, made.created_by) == ("<p>Own\nwords</p>", "Warmer", store_admin)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject) == (Action.TEMPLATE_CHANGED, "template vtexcommerce-new-order (en)")
    assert (entry.before, entry.after, entry.reason) == ("default", "version 1", "Warmer")


def test_saving_the_same_words_again_changes_nothing(as_admin):
    save(as_admin)
    assert "Nothing changed" in save(as_admin, based_on="1").content.decode()
    assert len(versions()) == 1
    assert AuditEntry.objects.count() == 1


def test_saving_over_the_version_of_somebody_else_is_refused(as_admin):
    save(as_admin)
    response = save(as_admin, subject="Mine")
    assert response.status_code == 409
    assert "Somebody else has saved a version meanwhile" in response.content.decode()
    assert len(versions()) == 1


def test_a_fault_is_told_with_line_and_column_and_nothing_is_kept(as_admin):
    response = save(as_admin, html="<p>\n{{ order.nmuber }}</p>", text="{% for %}")
    page = " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())
    assert response.status_code == 400
    assert "HTML, line 2, column 4 : There is no such variable: order.nmuber" in page
    assert "Text, line 1, column" in page
    assert (versions(), AuditEntry.objects.count()) == ([], 0)


def test_an_earlier_version_is_compared_and_restored(as_admin):
    save(as_admin)
    save(as_admin, based_on="1", subject="Second", html="<p>Own\nother</p>")
    page = as_admin.get(f"{URL}versions/2/", {"in": "en"})
    assert [(line.sign, line.text) for line in page.context["difference"]["html"]] == [
        (" ", "<p>Own"), ("-", "words</p>"), ("+", "other</p>"),
    ]  # fmt: skip
    as_admin.post(f"{URL}versions/1/restore/", {"in": "en"})
    assert versions()[-1] == ("en", 3, False, "Hi {{ order.number }}")
    assert TemplateVersion.objects.latest("number").note == "Restored version 1"


def test_the_default_words_come_back_and_ones_own_stay_among_the_versions(as_admin):
    save(as_admin)
    as_admin.post(f"{URL}default/", {"in": "en"})
    assert versions() == [("en", 1, False, "Hi {{ order.number }}"), ("en", 2, True, "")]
    assert as_admin.get(URL).context["form"]["subject"].value().startswith("We have your order")


def test_each_text_of_a_version_is_called_by_its_heading_in_the_language_of_the_page(as_admin):
    save(as_admin)
    page = as_admin.get(f"{URL}versions/1/?in=en", headers={"accept-language": "pt-BR"}).content.decode()
    named = re.findall(r'<section class="card" aria-labelledby="([^"]+)">\s*<h2 id="([^"]+)">([^<]+)</h2>', page)
    assert [one == other for one, other, _heading in named] == [True] * 4
    assert [heading for *_ids, heading in named] == ["Assunto", "Pré-cabeçalho", "HTML", "Texto"]


def test_languages_have_versions_of_their_own(as_admin):
    save(as_admin)
    save(as_admin, **{"in": "es"})
    assert [version[:2] for version in versions()] == [("en", 1), ("es", 1)]


def test_how_a_mail_is_sent_is_kept_sealed_and_audited_without_addresses(as_admin, store):
    said = {"cc": "a@acme.example, b@acme.example", "bcc": "c@acme.example", "sender": ""}
    as_admin.post(f"{URL}sending/", said)
    choice = TemplateChoice.objects.get()
    assert choice.is_enabled is False
    assert choice.copies.json() == {"cc": ["a@acme.example", "b@acme.example"], "bcc": ["c@acme.example"]}
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == (
        "sent, default sender, 0 CC, 0 BCC", "not sent, default sender, 2 CC, 1 BCC",
    )  # fmt: skip
    as_admin.post(f"{URL}sending/", said)
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    "cc", ["not an address", "a@b.example\nBcc: c@d.example", " ".join(["a@b.example"] * 9) + " @"]
)
def test_copies_to_what_is_no_address_are_refused(cc, as_admin):
    assert as_admin.post(f"{URL}sending/", {"cc": cc, "is_enabled": "on"}).status_code == 400
    assert TemplateChoice.objects.count() == 0


def test_a_copy_to_the_mailbox_that_the_mail_comes_from_is_refused(as_admin, store):
    sender = Sender.objects.create(
        store=store, name="News", address=Secret.of("news@acme.example"), address_digest=b"1", created_at=timezone.now()
    )
    for chosen, own, other in (("", "HELP@acme.example", "news@"), (str(sender.pk), "news@acme.example", "help@")):
        said = {"sender": chosen, "is_enabled": "on", "cc": "audit@acme.example"}
        answer = as_admin.post(f"{URL}sending/", {**said, "bcc": own})
        assert (answer.status_code, TemplateChoice.objects.count()) == (400, 0)
        assert f"“{own}” is the sender’s own mailbox." in answer.content.decode()
        assert as_admin.post(f"{URL}sending/", {**said, "bcc": f"{other}acme.example"}).status_code == 302
        TemplateChoice.objects.all().delete()


def test_a_sender_of_another_store_cannot_be_chosen(as_admin):
    from conversation_tracker.message_center import senders

    other = factories.make_store()
    user = factories.make_user()
    theirs = senders.add(
        other, name="Theirs", address="x@y.example", is_default=False, user=user, now=timezone.now()
    )  # fmt: skip
    assert as_admin.post(f"{URL}sending/", {"sender": str(theirs.pk)}).status_code == 400


def test_the_preview_shows_what_stands_in_the_editor_and_nothing_in_it_can_run(as_admin):
    response = as_admin.post(f"{URL}preview/", {**OWN, "html": "<p>Draft {{ customer.name }}</p>"})
    assert "Draft Maria Silva" in response.content.decode()
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert response["X-Frame-Options"] == "SAMEORIGIN"
    assert versions() == []


def test_the_preview_takes_the_data_of_an_order_and_masks_it(as_admin, store):
    placed = factories.place_order(store, email="real@people.example", name="Real real@people.example")
    page = as_admin.post(
        f"{URL}preview/",
        {**OWN, "part": "text", "order": placed.order.number, "text": "{{ customer.name }} {{ order.number }}"},
    ).content.decode()
    assert f"Real {placed.order.number}" in page
    assert "real@people.example" not in page


def test_the_preview_knows_no_order_of_another_store(as_admin):
    theirs = factories.make_order(factories.make_store())
    page = as_admin.post(f"{URL}preview/", {**OWN, "order": theirs.number}).content.decode()
    assert "This store has no such order." in page


def test_the_preview_of_a_faulty_draft_says_what_is_wrong(as_admin):
    page = as_admin.post(f"{URL}preview/", {**OWN, "text": "{{ nothing }}"}).content.decode()
    assert "There is no such variable: nothing" in page


def test_a_test_is_queued_by_the_page_and_sent_by_the_worker(as_admin, store, store_admin):
    response = save(as_admin, do="test", test_to="me@staff.example", subject="Draft")
    assert "The test waits to be sent." in response.content.decode()
    assert (len(mail.outbox), TrialMail.objects.get().state, versions()) == (0, "queued", [])
    assert (trials.work(now=timezone.now()), trials.work(now=timezone.now())) == (True, False)
    [sent] = mail.outbox
    assert (sent.subject, sent.to, sent.reply_to) == ("[Test] Draft", ["me@staff.example"], ["help@acme.example"])
    assert sent.from_email == "Acme Support <test@ct.acme.example>"
    assert isinstance(sent, mail.EmailMultiAlternatives)
    assert "Own" in str(sent.alternatives[0][0])
    row = TrialMail.objects.get()
    assert (row.state, row.content.text()) == ("sent", "")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.user) == (Action.TEMPLATE_TESTED, store_admin)
    assert "me@staff.example" not in f"{entry.subject}{entry.after}{entry.reason}"


@pytest.mark.parametrize("to", ["", "nobody", "a@b.example\r\nBcc: c@d.example"])
def test_a_test_to_nobody_is_refused(to, as_admin):
    assert save(as_admin, do="test", test_to=to).status_code == 400
    assert TrialMail.objects.count() == 0


def test_tests_are_limited_in_number(as_admin, monkeypatch):
    monkeypatch.setattr(trials, "MOST_AN_HOUR", 1)
    assert save(as_admin, do="test", test_to="me@staff.example").status_code == 200
    assert save(as_admin, do="test", test_to="me@staff.example").status_code == 400
    assert TrialMail.objects.count() == 1


def test_a_test_that_the_provider_refuses_is_said_to_have_failed(as_admin, settings):
    save(as_admin, do="test", test_to="me@staff.example")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    trials.work(now=timezone.now())
    row = TrialMail.objects.get()
    assert (row.state, row.problem) == ("failed", "ConnectionRefusedError")
    assert "ConnectionRefusedError" in as_admin.get(URL).content.decode()


def test_a_test_whose_worker_was_killed_ends_as_failed_and_is_not_sent_twice(as_admin):
    save(as_admin, do="test", test_to="me@staff.example")
    TrialMail.objects.update(state="sending", state_changed_at=timezone.now() - 2 * trials.ABANDONED)
    assert not trials.work(now=timezone.now())
    assert (TrialMail.objects.get().state, len(mail.outbox)) == ("failed", 0)


PATHS = ["", "preview/", "versions/1/", "sending/", "default/", "versions/1/restore/"]


@pytest.mark.parametrize("path", [f"vtexcommerce-new-order/{path}" for path in PATHS] + [""])
def test_nobody_else_comes_near(path, as_admin, as_support, store, outsider, client):
    save(as_admin)
    client.force_login(outsider)
    posts = ("sending/", "default/", "restore/")

    def status(who: Client) -> int:
        ask = who.post if path.endswith(posts) else who.get
        return ask(f"{LIST}{path}", {"in": "en"}).status_code

    assert (status(client), status(as_support), status(Client())) == (404, 403, 302)
    assert len(versions()) == 1


@pytest.mark.parametrize(
    "path", ["nothing/", "vtexcommerce-new-order/?in=fr", "vtexcommerce-new-order/versions/9/?in=en"]
)
def test_what_is_not_there_is_not_found(path, as_admin):
    assert as_admin.get(LIST + path).status_code == 404
