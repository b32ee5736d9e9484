"""Real addresses at rest: sealed, bound to their place, found by digest, and silent."""

from __future__ import annotations

import base64
import copy
import json
import logging
import os
import pickle

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from orders import secrecy
from orders.models import Customer
from orders.secrecy import CannotOpen, KeyMissing, Secret
from tests import factories

PLACE = "orders_alias.real"


def make_key(kid: str) -> str:
    return f"{kid}:{base64.b64encode(os.urandom(32)).decode()}"


@given(plain=st.binary(max_size=200))
def test_what_was_sealed_opens_in_its_place(plain):
    assert secrecy.unseal(secrecy.seal(plain, place=PLACE), place=PLACE) == plain


def test_sealing_twice_gives_different_bytes():
    assert len({secrecy.seal(b"john@example.com", place=PLACE) for _ in range(50)}) == 50


def test_sealed_bytes_hold_version_key_id_nonce_and_ciphertext(settings):
    settings.SEAL_KEYS = [make_key("k7")]
    sealed = secrecy.seal(b"john@example.com", place=PLACE)
    assert sealed[:4] == b"\x01\x02k7"
    assert len(sealed) == 4 + 12 + len(b"john@example.com") + 16


def test_a_value_moved_to_another_place_does_not_open():
    sealed = secrecy.seal(b"john@example.com", place=PLACE)
    with pytest.raises(CannotOpen):
        secrecy.unseal(sealed, place="orders_customer.address")


@given(sealed=st.binary(max_size=200))
def test_bytes_that_were_never_sealed_are_refused_by_name(sealed):
    with pytest.raises((CannotOpen, KeyMissing)):
        secrecy.unseal(sealed, place=PLACE)


@given(data=st.data())
def test_any_changed_byte_is_noticed(data):
    sealed = bytearray(secrecy.seal(b"john@example.com", place=PLACE))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises((CannotOpen, KeyMissing)):
        secrecy.unseal(bytes(sealed), place=PLACE)


@pytest.mark.parametrize("left", [0, 1, 5, 20])
def test_a_cut_off_value_is_refused(left):
    with pytest.raises((CannotOpen, KeyMissing)):
        secrecy.unseal(secrecy.seal(b"john@example.com", place=PLACE)[:left], place=PLACE)


def test_after_rotation_the_old_key_opens_and_the_new_one_seals(settings):
    old, new = make_key("k1"), make_key("k2")
    settings.SEAL_KEYS = [old]
    before = secrecy.seal(b"john@example.com", place=PLACE)
    settings.SEAL_KEYS = [new, old]
    assert secrecy.unseal(before, place=PLACE) == b"john@example.com"
    assert secrecy.seal(b"john@example.com", place=PLACE)[2:4] == b"k2"


def test_a_value_whose_key_is_gone_says_which_one(settings):
    settings.SEAL_KEYS = [make_key("k1")]
    before = secrecy.seal(b"john@example.com", place=PLACE)
    settings.SEAL_KEYS = [make_key("k2")]
    with pytest.raises(KeyMissing, match="'k1'"):
        secrecy.unseal(before, place=PLACE)


def test_another_key_under_the_same_id_does_not_open(settings):
    settings.SEAL_KEYS = [make_key("k1")]
    before = secrecy.seal(b"john@example.com", place=PLACE)
    settings.SEAL_KEYS = [make_key("k1")]
    with pytest.raises(CannotOpen):
        secrecy.unseal(before, place=PLACE)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([], "SEAL_KEYS is not set"),
        (["k1"], "not 32 bytes"),
        ([":" + base64.b64encode(bytes(32)).decode()], "not of the form"),
        (["k1:***"], "not base64"),
        (["k1:" + base64.b64encode(bytes(16)).decode()], "not 32 bytes"),
        (["k" * 256 + ":" + base64.b64encode(bytes(32)).decode()], "not of the form"),
    ],
)
def test_without_a_usable_key_nothing_is_sealed(settings, entries, why):
    settings.SEAL_KEYS = entries
    with pytest.raises(KeyMissing, match=why):
        secrecy.seal(b"john@example.com", place=PLACE)


@pytest.mark.parametrize("entry", ["", "***", base64.b64encode(bytes(31)).decode()])
def test_without_a_usable_digest_key_nothing_is_digested(settings, entry):
    settings.DIGEST_KEY = entry
    with pytest.raises(KeyMissing, match="DIGEST_KEY"):
        secrecy.digest("john@example.com", purpose="real-address")


def test_a_key_error_never_repeats_the_key(settings):
    settings.SEAL_KEYS = ["c2VjcmV0LXRleHQ"]
    with pytest.raises(KeyMissing) as error:
        secrecy.seal(b"", place=PLACE)
    assert "c2VjcmV0LXRleHQ" not in str(error.value)


def test_digests_differ_by_value_by_purpose_and_by_key(settings):
    def all_four() -> set[bytes]:
        values, purposes = ("john@example.com", "mary@example.com"), ("real-address", "alias-address")
        return {secrecy.digest(value, purpose=purpose) for value in values for purpose in purposes}

    first = all_four()
    settings.DIGEST_KEY = base64.b64encode(os.urandom(32)).decode()
    assert [len(digest) for digest in first | all_four()] == [32] * 8


def test_purpose_and_value_cannot_be_shifted_into_each_other():
    assert secrecy.digest("b", purpose="a") != secrecy.digest("", purpose="ab")


def test_a_digest_is_the_same_at_each_call_and_for_text_and_bytes():
    assert secrecy.digest("josé", purpose="p") == secrecy.digest("josé".encode(), purpose="p")


SHOWN = Secret.of("john@example.com")


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  the way that logging takes
        lambda secret: str([secret, {"a": secret}]),
        lambda secret: Template("{{ secret }}|{{ secret|safe }}").render(Context({"secret": secret})),
        lambda secret: Template("{% debug %}{{ all }}").render(Context({"all": {"a": secret}})),
        lambda secret: str(ValueError(secret)),
    ],
    ids=range(10),
)
def test_a_secret_shows_dots(show):
    shown = show(SHOWN)
    assert ("john" in shown, Secret.DOTS in shown) == (False, True)


def test_a_logged_secret_shows_dots(caplog):
    logging.getLogger("orders").warning("wrote to %s %r", SHOWN, SHOWN)
    assert caplog.messages == ["wrote to ••• •••"]


def test_a_secret_does_not_become_json_by_itself():
    with pytest.raises(TypeError):
        json.dumps({"email": SHOWN})


def test_a_secret_does_not_get_into_a_cache_or_queue(placed):
    for holder in (SHOWN, [SHOWN], placed.customer_alias):
        with pytest.raises(TypeError, match="not pickled"):
            pickle.dumps(holder)


def test_a_copy_of_a_row_has_its_secrets(placed):
    assert copy.deepcopy(placed.customer_alias).real == copy.copy(placed.customer_alias).real


@given(text=st.text(st.characters(), max_size=50))
def test_a_secret_gives_its_text_back_only_when_asked(text):
    assert Secret.of(text).text() == text
    assert Secret.of(text.encode("utf-8", "surrogatepass")) == Secret.of(text)


@pytest.mark.parametrize("value", [None, {}, {"a": [1, "josé", None]}, [], "text", "\ud800"])
def test_a_secret_gives_its_json_back(value):
    assert Secret.of_json(value).json() == value


def test_an_empty_secret_is_false_and_no_json():
    assert (bool(Secret.of("")), bool(SHOWN), Secret.of("").json()) == (False, True, None)


def test_secrets_are_equal_by_what_they_hold():
    assert Secret.of("a") == Secret.of(b"a")
    assert Secret.of("a") != Secret.of("b")
    assert Secret.of("a") != "a"
    assert len({Secret.of("a"), Secret.of("a")}) == 1


def raw_name(customer: Customer) -> bytes:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM orders_customer WHERE id = %s", [customer.pk])
        return bytes(cursor.fetchone()[0])


def test_a_sealed_column_holds_no_plain_text_and_gives_it_back(placed):
    customer = placed.order.customer
    assert b"Maria" not in raw_name(customer)
    assert Customer.objects.get(pk=customer.pk).name.text() == "Maria Silva"


def test_saving_a_row_again_seals_it_anew(placed):
    customer = Customer.objects.get()
    before = raw_name(customer)
    customer.save()
    assert raw_name(customer) != before
    assert Customer.objects.get().name.text() == "Maria Silva"


def test_bulk_writing_seals_too(store):
    customers = [factories.make_order(store).customer for _ in range(2)]
    for customer in customers:
        customer.name = Secret.of("João")
    Customer.objects.bulk_update(customers, ["name"])
    assert [one.name.text() for one in Customer.objects.all()] == ["João", "João"]
    assert b"Jo" not in raw_name(customers[0])
    Customer.objects.update(name=Secret.of("Ana"))
    assert {one.name.text() for one in Customer.objects.all()} == {"Ana"}


def test_a_sealed_column_copied_to_another_does_not_open(placed):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_customer SET name = address")
    with pytest.raises(CannotOpen):
        Customer.objects.get().name.text()


def test_a_sealed_column_takes_nothing_but_a_secret(placed):
    with pytest.raises(TypeError, match=r"orders_customer\.name takes a Secret"):
        Customer.objects.filter(pk=placed.order.customer_id).update(name="Maria")


def test_a_data_dump_of_django_shows_dots(placed):
    from django.core import serializers

    dumped = serializers.serialize("json", [placed.order.customer, placed.customer_alias, placed.order])
    assert ("people.example" in dumped, "Maria" in dumped, "•" in json.loads(dumped)[0]["fields"]["name"]) == (
        False,
        False,
        True,
    )
