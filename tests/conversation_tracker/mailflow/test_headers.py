"""Header values that may be anything."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.mailflow import headers


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@b.example", [("", "a@b.example")]),
        ('"Doe, Jane" <jane@b.example>', [("Doe, Jane", "jane@b.example")]),
        ("Team: a@b.example, C <c@d.example>;", [("", "a@b.example"), ("C", "c@d.example")]),
        ("jane@b.example (Jane)", [("Jane", "jane@b.example")]),
        ("<@relay.example:jane@b.example>", [("", "jane@b.example")]),
        ("=?utf-8?q?J=C3=B6rg?= <j@b.example>", [("Jörg", "j@b.example")]),
        ("undisclosed-recipients:;", []),
        ('Pipes 5" Ltd <kim@b.example>', [('Pipes 5" Ltd', "kim@b.example")]),
        ("Silva (At. <kim@b.example>", [("Silva (At.", "kim@b.example")]),
        ("Kim <<kim@b.example>>", [("Kim", "kim@b.example")]),
        ("<Shop> <mailto:kim@b.example>", [("<Shop>", "kim@b.example")]),
        ("<kim@b.example", [("", "kim@b.example")]),
        ("Kim <kim@b.example> x@", [("Kim x@", "kim@b.example")]),
        ('"<kim@b.example', []),
        ("MAILER-DAEMON <>", []),
        ("", []),
    ],
)
def test_mailboxes_are_read(value: str, expected: list[tuple[str, str]]) -> None:
    assert [(one.name, one.address) for one in headers.mailboxes(value)] == expected


def test_an_encoded_bracket_makes_no_address() -> None:
    assert [one.address for one in headers.mailboxes("=?utf-8?q?=3Cevil=40x=2Eexample=3E?= <ok@x.example>")] == [
        "ok@x.example"
    ]


def test_a_comment_cannot_hide_another_address() -> None:
    assert headers.mailboxes("alice@example.org)bob@evil.example") == []


@pytest.mark.parametrize("char", ['"', "(", "<", "\\", '"\\', ",", ":", "@"])
def test_a_hundred_thousand_of_one_character_are_read_at_once(char: str) -> None:
    assert headers.mailboxes(char * 100_000) == []


def test_an_encoded_line_end_does_not_survive() -> None:
    assert headers.decode("Hello =?UTF-8?Q?=0D=0ABcc:_x@y.example?=") == "Hello Bcc: x@y.example"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=?utf-8?b?w6k=?=", "é"),
        ("=?no-such-charset?q?=E9?=", "é"),
        ("=?utf-8?b?broken!!?=", "=?utf-8?b?broken!!?="),
        ("Re: a@b.example\r\n =?utf-8?q?est=C3=A1?=", "Re: a@b.example está"),
        ("=?utf-8?q?est=C3?=\n\t=?utf-8?q?=A1?=\n a@b.example", "está a@b.example"),
        ("plain", "plain"),
        ("caf\udce9", "café"),
        ("a\x00b\u202ec", "abc"),
        ("a\x1fb", "a b"),
        ("\x1b[01;31m\x1b[Ka\x1b[m\x1b[Kb\x1b[", "ab["),
        ("a\x1b(B\x1b[mb", "ab"),
    ],
)
def test_values_are_decoded_for_people(value: str, expected: str) -> None:
    assert headers.decode(value) == expected


@given(st.text())
def test_nothing_makes_the_readers_raise(value: str) -> None:
    assert headers.clean(headers.decode(value)) == headers.decode(value)
    assert all("@" in one.address for one in headers.mailboxes(value))
    assert all(one.startswith("<") for one in headers.message_ids(value))
    assert "/" not in headers.file_name(value)


def test_message_ids_are_the_last_fifty() -> None:
    value = " ".join(f"<{number}@x.example>" for number in range(80))
    assert headers.message_ids(value) == tuple(f"<{number}@x.example>" for number in range(30, 80))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\run.exe", "run.exe"),
        ('a"b<c>.txt', "abc.txt"),
        ("..", ""),
        ("è.pdf", "è.pdf"),
    ],
)
def test_file_names_are_made_harmless(value: str, expected: str) -> None:
    assert headers.file_name(value) == expected


def raw(text: str) -> str:
    """As the value of a field of a parsed mail comes, its 8-bit bytes being surrogates."""
    return text.encode().decode("ascii", "surrogateescape")


@pytest.mark.parametrize("address", ["núñez@correios.example", "иван@пример.рф", "help@acmeé.example"])
def test_an_address_in_raw_utf_8_is_that_address_and_not_what_ascii_leaves_of_it(address: str) -> None:
    assert [one.address for one in headers.mailboxes(raw(f"Núñez <{address}>"))] == [address]


@pytest.mark.parametrize(
    "address", ["a\x00b@x.example", "a\ufffdb@x.example", "help@ac\u200bme.example", ".@gmail.com", '" "@x.example']
)
def test_what_would_have_to_be_made_better_is_no_address(address: str) -> None:
    assert headers.mailboxes(f"Somebody <{address}>") == []
