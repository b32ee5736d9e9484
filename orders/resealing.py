"""Seal anew, with the first of SEAL_KEYS, whatever another key sealed: columns and files, while the system runs.

What is left to do is read off the sealed values themselves, so a run that was stopped is simply run again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, models, transaction

from orders import secrecy, vault
from orders.secrecy import SealedField

ROWS = 500  # looked up at once
BYTES = 8_000_000  # sealed anew in one transaction
PASSES = 5  # over a table: rows that somebody holds are left for the next
PAUSE = 1.0  # seconds between them


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its sealed columns."""

    model: type[models.Model]
    columns: tuple[str, ...]
    key: str

    @property
    def name(self) -> str:
        """As the database calls it."""
        return self.model._meta.db_table


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction or one file came to: values sealed anew, and places of those that cannot be opened."""

    done: int
    damaged: tuple[str, ...] = ()


def tables() -> list[Table]:
    """Every table that has sealed columns."""
    found = []
    for model in apps.get_models(include_auto_created=True):
        columns = tuple(str(field.column) for field in model._meta.concrete_fields if isinstance(field, SealedField))
        if columns and model._meta.managed:
            found.append(Table(model, columns, str(model._meta.pk.column)))
    return sorted(found, key=lambda table: table.name)


def waiting(table: Table) -> int:
    """How many rows of the table hold a value that another key sealed."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {_q(table.name)} WHERE {_stale(table)}", _heads(table))  # noqa: S608  our own names
        return int(cursor.fetchone()[0])


def columns(table: Table) -> Iterator[Step]:
    """Seal the table's rows anew, some in each transaction. Rows that somebody holds are tried again a little later."""
    damaged: set[str] = set()
    for turn in range(PASSES):
        if turn:
            time.sleep(PAUSE)
        for step in _pass(table):
            new = tuple(place for place in step.damaged if place not in damaged)
            damaged.update(new)
            yield Step(step.done, new)
        if waiting(table) <= len({place.split(" ")[1] for place in damaged}):
            return


def _pass(table: Table) -> Iterator[Step]:
    after: int | None = None
    sizes = " + ".join(f"coalesce(octet_length({_q(column)}), 0)" for column in table.columns)
    key = _q(table.key)
    while True:
        beyond = f"AND {key} > %s" if after is not None else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {key}, {sizes} FROM {_q(table.name)} WHERE ({_stale(table)}) {beyond} "  # noqa: S608
                f"ORDER BY {key} LIMIT {ROWS}",
                [*_heads(table), *([after] if after is not None else [])],
            )
            found = cursor.fetchall()
        if not found:
            return
        after = found[-1][0]
        for ids in _portions(found):
            yield _seal_rows(table, ids)


def _portions(found: list[tuple[int, int]]) -> Iterator[list[int]]:
    """The rows in portions of no more than BYTES, or of one row."""
    portion: list[int] = []
    size = 0
    for pk, octets in found:
        if portion and size + octets > BYTES:
            yield portion
            portion, size = [], 0
        portion.append(pk)
        size += octets
    yield portion


def _seal_rows(table: Table, ids: list[int]) -> Step:
    """Rows that somebody else is changing are passed over: nobody waits for anybody, and no change is lost."""
    names = ", ".join(_q(column) for column in table.columns)
    head = secrecy.head()
    changes, damaged = [], []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL conversation_tracker.sealing_anew = 'on'")
        cursor.execute(
            f"SELECT {_q(table.key)}, {names} FROM {_q(table.name)} WHERE {_q(table.key)} = ANY(%s) "  # noqa: S608
            f"ORDER BY {_q(table.key)} FOR NO KEY UPDATE SKIP LOCKED",
            [ids],
        )
        for pk, *values in cursor.fetchall():
            fresh = []
            for column, value in zip(table.columns, values, strict=True):
                sealed = bytes(value) if value is not None else None
                if sealed is not None and not sealed.startswith(head):
                    place = f"{table.name}.{column}"
                    try:
                        sealed = secrecy.seal(secrecy.unseal(sealed, place=place), place=place)
                    except (secrecy.CannotOpen, secrecy.KeyMissing) as error:
                        damaged.append(f"{table.name}.{column} {pk}: {error}")
                fresh.append(sealed)
            changes.append([*fresh, pk])
        settings = ", ".join(f"{_q(column)} = %s" for column in table.columns)
        cursor.executemany(f"UPDATE {_q(table.name)} SET {settings} WHERE {_q(table.key)} = %s", changes)  # noqa: S608
    return Step(len(changes), tuple(damaged))


def _stale(table: Table) -> str:
    return " OR ".join(f"substring({_q(column)} FROM 1 FOR %s) <> %s" for column in table.columns)


def _heads(table: Table) -> list[int | bytes]:
    head = secrecy.head()
    return [len(head), head] * len(table.columns)


def _q(name: str) -> str:
    return connection.ops.quote_name(name)


def names() -> Iterator[str]:
    """Every file of the mail storage."""
    waiting_folders = [""]
    while waiting_folders:
        folder = waiting_folders.pop()
        try:
            folders, files = storages["mail"].listdir(folder)
        except FileNotFoundError:  # nothing was ever kept
            return
        waiting_folders += [f"{folder}/{name}".lstrip("/") for name in sorted(folders, reverse=True)]
        yield from (f"{folder}/{name}".lstrip("/") for name in files if not name.startswith(vault.UNFINISHED))


def file(name: str) -> Step:
    """Seal one file anew, when another key sealed it."""
    storage = storages["mail"]
    head = secrecy.head()
    try:
        with storage.open(name, "rb") as found:
            if found.read(len(head)) == head:
                return Step(0)
        content = vault.load(name)
    except (FileNotFoundError, vault.Missing):  # taken away meanwhile
        return Step(0)
    except (secrecy.CannotOpen, secrecy.KeyMissing) as error:
        return Step(0, (f"file {name}: {error}",))
    written = storage.save(name, ContentFile(secrecy.seal(content, place=vault.PLACE)))
    if written != name:
        storage.delete(written)
        return Step(0, (f"file {name}: the storage does not replace a file; let it overwrite",))
    return Step(1)
