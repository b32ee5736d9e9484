"""Send and fetch large columns of bytes as bytes: written into the statement as text they take ten times their size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import psycopg
from django.db import DatabaseError, connection
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.models import Model, QuerySet

from orders import faults

LARGE = 500_000  # bytes of a column; what is larger is dealt with alone, so that it stays within a worker's memory
PIECE = 4_000_000  # bytes that are fetched at once: libpq keeps room for twice the longest answer that it ever had


@contextmanager
def sent() -> Iterator[None]:
    """In the block, values travel beside the statements that Django writes, and not inside.

    They are sent in libpq's blocking mode, which lets other threads go on: in the other one, which psycopg keeps it in,
    it moves what is left after every piece that the socket took, and 50 MB take a second more.
    """
    connection.ensure_connection()
    raw: psycopg.Connection[Any] = connection.connection
    before = raw.cursor_factory
    raw.cursor_factory = ServerBindingCursor  # type: ignore[assignment]  # django-stubs knows psycopg 2 too
    raw.pgconn.nonblocking = 0
    try:
        yield
    finally:
        raw.cursor_factory = before
        if not raw.closed:
            raw.pgconn.nonblocking = 1


def fetched(rows: QuerySet[Any], *fields: str) -> list[Any]:
    """The rows, with these sealed columns fetched by themselves. Raises MemoryError where one of them does not fit."""
    found = list(rows.defer(*fields))
    for row in found:
        for name in fields:
            fetch(row, name)
    return found


def fetch(row: Model, name: str) -> None:
    """Fetch a sealed column that the row was left without. Raises as ``fetched`` does."""
    field: Any = row._meta.get_field(name)
    table, column = psycopg.sql.Identifier(row._meta.db_table), psycopg.sql.Identifier(field.column)
    length = psycopg.sql.SQL("SELECT octet_length({}) FROM {} WHERE id = %s").format(column, table)
    piece = psycopg.sql.SQL("SELECT substring({} FROM %s FOR %s) FROM {} WHERE id = %s").format(column, table)
    try:
        with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
            (size,) = cursor.execute(length, [row.pk]).fetchone() or (None,)
            value = None if size is None else BytesIO(bytes(size))  # no larger than what is to come
            for start in range(0, size or 0, PIECE):
                found = cursor.execute(piece, [start + 1, PIECE, row.pk], binary=True).fetchone()
                if value is not None and found is not None:
                    value.write(found[0])
    except DatabaseError as error:
        if faults.lacks_memory(error):
            raise MemoryError(str(error)) from error
        raise
    setattr(row, name, field.from_db_value(None if value is None else value.getvalue(), None, connection))
