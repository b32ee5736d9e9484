"""Which language a mail is in, and how a locale is spelled. Pure."""

from __future__ import annotations

from functools import cache

from babel import Locale, UnknownLocaleError

LOCALES = ("en", "pt-BR", "es")  # in which default templates are written
_BY_LANGUAGE = {locale.partition("-")[0]: locale for locale in reversed(LOCALES)}


def of_template(wanted: str, store_locale: str = "") -> str:
    """The locale of the templates for somebody: the one wanted, its language, the store's, English."""
    for locale in (wanted, store_locale):
        spelled = locale.replace("_", "-").lower()
        for known in LOCALES:
            if known.lower() == spelled:
                return known
        if found := _BY_LANGUAGE.get(spelled.partition("-")[0]):
            return found
    return LOCALES[0]


def of_formats(wanted: str, written_in: str) -> str:
    """How dates and money are written in a text of that language: as the one wanted does, if it is of that language."""
    spoken, written = (locale.replace("_", "-").lower().partition("-")[0] for locale in (wanted, written_in))
    return wanted if spoken == written else written_in


@cache
def babel(locale: str) -> Locale:
    """How a locale writes dates and money; of one that is not known, as much as is: the language, else English."""
    for spelled in (locale.replace("-", "_"), locale.replace("_", "-").partition("-")[0]):
        try:
            return Locale.parse(spelled)
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return Locale("en")
