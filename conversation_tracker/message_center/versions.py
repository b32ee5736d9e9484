"""What a store wrote in the place of a default template: its versions, of which the newest counts."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction
from django.db.models import Max

from conversation_tracker.message_center import defaults
from conversation_tracker.message_center.defaults import Source
from conversation_tracker.models.template import TemplateKey, TemplateVersion
from orders import audit
from orders.models import Action, Store, User

FIELDS = ("subject", "preheader", "html", "text")


class Outdated(ValueError):
    """Somebody else has saved a version since this one was opened."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison: ``sign`` is ``+`` for one that came, ``-`` for one that went, else a space."""

    sign: str
    text: str


def newest(store: Store, key: TemplateKey, locale: str) -> TemplateVersion | None:
    """The version that counts; None when the store never changed this template."""
    return history(store, key, locale).first()


def history(store: Store, key: TemplateKey, locale: str) -> models.QuerySet[TemplateVersion]:
    """Every version, the newest first, with who wrote it."""
    found = TemplateVersion.objects.filter(store=store, key=key, locale=locale)
    return found.select_related("created_by").order_by("-number")


def changed(store: Store) -> dict[str, list[str]]:
    """For each template of which the store uses words of its own, the locales of these."""
    newest_of = TemplateVersion.objects.filter(store=store).values("key", "locale").annotate(newest=Max("number"))
    numbers = {(row["key"], row["locale"]): row["newest"] for row in newest_of}
    found: dict[str, list[str]] = {}
    own = TemplateVersion.objects.filter(store=store, is_default=False).values_list("key", "locale", "number")
    for key, locale, number in own:
        if numbers[key, locale] == number:
            found.setdefault(key, []).append(locale)
    return found


def source(version: TemplateVersion | None, key: TemplateKey, locale: str) -> Source:
    """The texts of a version; those of the default template where it has none of its own."""
    if version is None or version.is_default:
        return defaults.source(key, locale)
    return Source(version.subject, version.preheader, version.html, version.text)


def save(
    store: Store,
    key: TemplateKey,
    locale: str,
    wanted: Source | None,
    *,
    based_on: int | None = None,
    note: str = "",
    user: User,
    now: datetime,
) -> TemplateVersion | None:
    """Keep a new version; None for ``wanted`` goes back to the default. The caller has checked it.

    Gives None when nothing would change. ``based_on`` is the number of the version that was opened, 0 for none; raises
    Outdated when there is a newer one by now.
    """
    with transaction.atomic():
        Store.objects.select_for_update().only("pk").get(pk=store.pk)
        before = newest(store, key, locale)
        number = before.number if before else 0
        if based_on is not None and based_on != number:
            raise Outdated(number)
        if source(before, key, locale) == (wanted or defaults.source(key, locale)):
            return None
        texts = {field: getattr(wanted, field) for field in FIELDS} if wanted else {}
        made = TemplateVersion.objects.create(
            store=store, key=key, locale=locale, number=number + 1, is_default=wanted is None, note=note[:200],
            created_by=user, created_at=now, **texts,
        )  # fmt: skip
        audit.record(
            Action.TEMPLATE_CHANGED,
            subject=f"template {key.value} ({locale})",
            store=store,
            user=user,
            before=_called(before),
            after=_called(made),
            reason=note,
            now=now,
        )
    return made


def _called(version: TemplateVersion | None) -> str:
    if version is None:
        return "default"
    return f"version {version.number}{': default' if version.is_default else ''}"


def difference(old: Source, new: Source) -> dict[str, list[Line]]:
    """Line by line what changed, for each of the four texts in which something did."""
    found = {}
    for field in FIELDS:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            compared = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
            lines = [line for line in compared if not line.startswith(("---", "+++"))]
            shown = [Line("@", "") if line.startswith("@@") else Line(line[:1], line[1:]) for line in lines]
            found[field] = shown[1:]  # the first only says where it begins
    return found
