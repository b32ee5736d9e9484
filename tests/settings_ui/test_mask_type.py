"""Store settings / Orders / Settings: the conversation mask type."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from orders import masks
from orders.models import Action, AuditEntry, MaskType, Membership, Role, Store
from settings_ui import choices
from tests import factories

pytestmark = pytest.mark.django_db
URL = "/settings/acme/orders/"


def test_saving_soft_makes_the_next_order_s_aliases_soft(as_admin, store):
    before = factories.place_order(store)
    response = as_admin.post(URL, {"mask_type": "soft"})
    store.refresh_from_db()
    after = factories.place_order(store)
    assert response["Location"] == URL
    assert (before.customer_alias.mask_type, after.customer_alias.mask_type) == (MaskType.HARD, MaskType.SOFT)


def test_the_page_says_it_was_saved_and_who_changed_it(as_admin):
    page = as_admin.post(URL, {"mask_type": "soft"}, follow=True).content.decode()
    assert "Saved. It applies to aliases issued from now on." in page
    assert "Last changed by Admin," in page
    assert 'value="soft" id="mask-soft" checked' in page


def test_the_change_is_audited(as_admin, store, store_admin):
    as_admin.post(URL, {"mask_type": "soft"})
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.store, entry.user) == (Action.MASK_TYPE_CHANGED, store, store_admin)
    assert (entry.before, entry.after, entry.subject) == ("hard", "soft", "store acme")


def test_saving_what_was_chosen_already_is_not_audited(as_admin):
    page = as_admin.post(URL, {"mask_type": "hard"}, follow=True).content.decode()
    assert "Nothing changed" in page
    assert AuditEntry.objects.count() == 0


def test_the_choice_is_judged_by_what_is_kept_not_by_what_was_read(store, store_admin):
    stale = Store.objects.get(pk=store.pk)
    choices.choose_mask_type(store, MaskType.SOFT, user=store_admin, now=timezone.now())
    assert not choices.choose_mask_type(stale, MaskType.SOFT, user=store_admin, now=timezone.now())
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("data", [{}, {"mask_type": ""}, {"mask_type": "none"}, {"mask_type": "HARD"}])
def test_anything_but_hard_and_soft_is_refused_and_changes_nothing(data, as_admin, store):
    response = as_admin.post(URL, data)
    store.refresh_from_db()
    assert response.status_code == 400
    assert "Choose Hard or Soft." in response.content.decode()
    assert store.mask_type == MaskType.HARD
    assert AuditEntry.objects.count() == 0


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
@pytest.mark.parametrize("method", ["get", "post"])
def test_who_may_see_the_store_but_not_set_it_is_told_so(role, method, client, store):
    client.force_login(factories.make_user(store=store, role=role))
    response = getattr(client, method)(URL, {"mask_type": "soft"})
    store.refresh_from_db()
    assert response.status_code == 403
    assert "your role in it does not allow this" in response.content.decode()
    assert store.mask_type == MaskType.HARD


@pytest.mark.parametrize("url", [URL, "/settings/nope/orders/"])
def test_to_an_outsider_the_store_does_not_exist(url, outsider, store):
    client = Client()
    client.force_login(outsider)
    assert client.get(url).status_code == 404
    assert client.post(url, {"mask_type": "soft"}).status_code == 404


def test_a_stranger_is_asked_to_sign_in(client, store):
    assert client.post(URL, {"mask_type": "soft"})["Location"] == f"/sign-in/?next={URL}"


def test_a_form_from_another_site_is_refused(store_admin):
    client = Client(enforce_csrf_checks=True)
    client.force_login(store_admin)
    response = client.post(URL, {"mask_type": "soft"})
    assert response.status_code == 403
    assert "Please send the form again" in response.content.decode()


def test_both_examples_are_such_as_the_store_would_issue(as_admin, store):
    examples = as_admin.get(URL).context["examples"]
    assert examples == {
        "hard": f"ff2e6348a53a4d449af92be2a1011328@{store.tracking_domain}",
        "soft": f"johndoe@example.com-207700027841b.{store.tracking_domain}",
    }
    recognised = {
        form: masks.recognise(shown, tracking_domain=store.tracking_domain) for form, shown in examples.items()
    }
    assert recognised == {"hard": masks.Form.HARD, "soft": masks.Form.SOFT}


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("pt-br", ("Tipo de máscara de conversa", ">Complexa<", ">Simples<", ">Salvar<")),
        ("es", ("Tipo de máscara de conversación", ">Compleja<", ">Simple<", ">Guardar<")),
    ],
)
def test_the_page_speaks_the_reader_s_language(language, words, as_admin):
    page = as_admin.get(URL, headers={"accept-language": language}).content.decode()
    assert [word for word in words if word not in page] == []


def test_the_settings_list_shows_the_stores_one_may_set(as_admin, store):
    factories.make_store("elsewhere")
    assert [found.account for found in as_admin.get("/settings/").context["stores"]] == ["acme"]


def test_the_settings_list_is_empty_for_support(as_support, store):
    assert "No store to set up" in as_support.get("/settings/").content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_the_settings_list_asks_the_database_as_often_for_one_store_as_for_three(
    count, client, django_assert_num_queries
):
    user = factories.make_user()
    for _ in range(count):
        Membership.objects.create(user=user, store=factories.make_store(), role=Role.ADMIN)
    client.force_login(user)
    client.get("/settings/")
    with django_assert_num_queries(4):  # session, user, stores, settings in the bar
        client.get("/settings/")
