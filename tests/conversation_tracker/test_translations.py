"""Every text is there in every language."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.management import call_command

LANGUAGES = ["pt_BR", "es"]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|</?\w+>")


def catalogue(language: str, kind: str = "po") -> Path:
    return Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / f"django.{kind}"


def texts(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_none_is_a_guess(language):
    entries = polib.pofile(str(catalogue(language)))
    assert [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete or not all(texts(entry))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_translations_keep_what_is_filled_in(language):
    wrong = [
        entry.msgid
        for entry in polib.pofile(str(catalogue(language)))
        for text in texts(entry)
        if sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid)) != sorted(PLACEHOLDER.findall(text))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_source(language):
    source = {entry.msgid: texts(entry) for entry in polib.pofile(str(catalogue(language)))}
    compiled = {entry.msgid: texts(entry) for entry in polib.mofile(str(catalogue(language, "mo")))}
    assert compiled == source


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_the_code_is_missing_in_the_catalogue(language, tmp_path, monkeypatch, settings):
    if shutil.which("xgettext") is None:
        pytest.skip("NOT TESTED: xgettext is missing (gettext)")
    root = Path(settings.BASE_DIR)
    for folder in ("conversation_tracker", "orders", "settings_ui", "templates"):
        shutil.copytree(root / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "static"))
    monkeypatch.chdir(tmp_path)
    known = {entry.msgid for entry in polib.pofile(str(catalogue(language)))}
    settings.LOCALE_PATHS = [str(tmp_path / "conversation_tracker" / "locale")]
    call_command("makemessages", locale=[language], verbosity=0, no_wrap=True, add_location="file")
    found = {entry.msgid for entry in polib.pofile(str(catalogue(language))) if not entry.obsolete}
    assert (found - known, known - found) == (set(), set())
