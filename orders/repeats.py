"""Answer a call that comes again as it was answered the first time: the idempotency key is its name."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from orders import secrecy
from orders.models import AnsweredCall, ApiKey
from orders.secrecy import Secret


class AnotherCall(ValueError):
    """The name was given to a call that said something else."""


def name_digest(key: ApiKey, name: str) -> bytes:
    """Under what a call is found again."""
    return secrecy.digest(f"{key.pk}\0{name}", purpose="idempotency-key")


def call_digest(method: str, address: str, body: bytes) -> bytes:
    """What is the same in each repeat of one call."""
    return secrecy.digest(f"{method}\0{address}\0".encode() + body, purpose="idempotent-call")


def hold(name: bytes) -> bool:
    """Keep others from the call of this name until the transaction ends; False when another is at it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [int.from_bytes(name[:8], signed=True)])
        return bool(cursor.fetchone()[0])


def answered(key: ApiKey, name: bytes, call: bytes) -> AnsweredCall | None:
    """What was answered to the call of this name. Raises AnotherCall when that call was not this one."""
    found = AnsweredCall.objects.filter(key=key, name_digest=name).first()
    if found is not None and bytes(found.call_digest) != call:
        raise AnotherCall("this idempotency key came with another call before")
    return found


def keep(
    key: ApiKey, name: bytes, call: bytes, *, status: int, content_type: str, body: bytes, now: datetime
) -> None:  # fmt: skip
    """Keep the answer, in the transaction of what the call did, so that neither stands without the other."""
    AnsweredCall.objects.create(
        key=key, name_digest=name, call_digest=call, status=status, content_type=content_type[:100],
        body=Secret.of(body), created_at=now,
    )  # fmt: skip


def forget(*, before: datetime, batch: int = 2_000) -> int:
    """Delete up to one batch of answers given before a moment; returns how many."""
    old = AnsweredCall.objects.filter(created_at__lt=before).order_by("created_at").values("pk")[:batch]
    return AnsweredCall.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]
