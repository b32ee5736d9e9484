"""`.env.example` names every variable that the settings read, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent
SETTINGS = CHECKOUT / "conversation_tracker" / "settings.py"
EXAMPLE = CHECKOUT / ".env.example"
PREFIX = "ANYMAIL_"  # the settings take in every variable that starts so
ASSIGNED = re.compile(r"(?P<left_out>#?)(?P<name>[A-Z][A-Z0-9_]*)=(?P<value>.*)")
# What a production start is refused without, and what it can do nothing without.
REQUIRED = {
    "ALLOWED_HOSTS", "DATABASE_URL", "DIGEST_KEY", "EMAIL_BACKEND", "INBOUND_PROVIDERS", "MAIL_DIR", "PUBLIC_URL",
    "REDIS_URL", "SEAL_KEYS", "SECRET_KEY", "STATIC_ROOT", "WEBHOOK_SECRET",
}  # fmt: skip


def read_by_settings() -> set[str]:
    """The first argument of each call of a method of ``env``."""
    return {
        call.args[0].value
        for call in ast.walk(ast.parse(SETTINGS.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "env"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def paragraphs() -> list[list[str]]:
    """The lines of the example, cut at the blank ones."""
    return [block.splitlines() for block in EXAMPLE.read_text().split("\n\n")]


def assigned(lines: list[str]) -> list[re.Match[str]]:
    return [found for line in lines if (found := ASSIGNED.fullmatch(line))]


def in_example() -> list[re.Match[str]]:
    return [found for lines in paragraphs() for found in assigned(lines)]


def test_every_variable_is_found_in_the_settings():
    """Were the settings read in another way, the tests below would compare nothing."""
    assert {"DEBUG", "SECRET_KEY", "DATABASE_URL", "MAIL_STORAGE_OPTIONS", "LOG_LEVEL"} <= read_by_settings()


def test_no_variable_is_missing_in_the_example():
    assert read_by_settings() - {found["name"] for found in in_example()} == set()


def test_the_example_names_none_that_is_not_read():
    named = {found["name"] for found in in_example() if not found["name"].startswith(PREFIX)}
    assert named - read_by_settings() == set()


def test_each_is_named_once():
    names = [found["name"] for found in in_example()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("lines", [lines for lines in paragraphs() if assigned(lines)], ids=lambda lines: lines[-1])
def test_each_says_what_it_is_its_default_or_that_it_is_required(lines):
    words = " ".join(line for line in lines if line.startswith("# "))
    assert re.search(r"\b(?:Required|Defaults?)\b", words), lines


def test_what_must_be_filled_in_is_not_commented_out():
    assert {found["name"] for found in in_example() if not found["left_out"]} == REQUIRED


def test_the_example_holds_no_secret():
    secret = ("SECRET", "KEY", "TOKEN", "PASSWORD")
    assert [found["name"] for found in in_example() if found["name"].endswith(secret) and found["value"]] == []
