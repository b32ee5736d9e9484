"""Hooks: where a store wants to have posted what happens on its orders, and what. See ``hook_posts`` for the posts."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Count
from standardwebhooks import Webhook

from orders import audit, outside, telling
from orders.models import Action, ApiKey, DeliveryState, Hook, HookDelivery, User
from orders.secrecy import Secret
from orders.telling import Telling

PING = {"hookConfig": "ping"}
MOST_HEADERS = 20
LONGEST_HEADER = 2_000
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
# Headers that say how the call itself is made; and those that are ours, by which the target knows us.
OURS = {
    "connection", "content-length", "content-type", "expect", "host", "keep-alive", "te", "trailer",
    "transfer-encoding", "upgrade", "user-agent", "webhook-id", "webhook-signature", "webhook-timestamp",
}  # fmt: skip


class NotTaken(ValueError):
    """The target did not answer the ping with 200, or is none that is posted to; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a hook is to be, checked."""

    choice: telling.Choice
    url: str
    headers: dict[str, str]


def may_be_header(name: str) -> bool:
    """Whether a store may have a header of this name sent along."""
    return bool(HEADER_NAME.fullmatch(name)) and name.lower() not in OURS


def may_be_value(text: str) -> bool:
    """Whether a header may hold this."""
    return text.isascii() and text.isprintable() and len(text) <= LONGEST_HEADER


def rules() -> outside.Rules:
    """Where hooks may post to in this installation."""
    return outside.Rules(may_be_local=settings.HOOK_LOCAL_TARGETS, name_servers=tuple(settings.DNS_SERVERS))


def of_key(key: ApiKey) -> Hook | None:
    """The key's hook, if it has one."""
    return Hook.objects.filter(api_key=key).first()


def fresh_secret() -> Secret:
    """By which posts are signed, in the form that Standard Webhooks ask for."""
    return Secret.of("whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


def ping(url: str, headers: dict[str, str], secret: Secret, *, now: datetime) -> outside.Answer:
    """Post a test, signed like any other post. Keep this outside of a transaction: the target may take its time."""
    body = json.dumps(PING)
    return post(url, headers, secret.text(), id=f"ping_{secrets.token_hex(8)}", body=body, now=now)


def configure(key: ApiKey, wanted: Wanted, *, user: User | None = None, now: datetime) -> tuple[Hook, bool]:
    """Ping the target and give the key this hook; with True when it had none, so that its secret is new. Audited.

    A hook that is changed keeps its secret and what waits, and is switched on. Raises NotTaken, and nothing is changed
    then. Keep this outside of a transaction: the target may take its five seconds.
    """
    known = of_key(key)
    secret = known.secret if known else fresh_secret()
    answer = ping(wanted.url, wanted.headers, secret, now=now)
    if not answer.is_ok:
        raise NotTaken(answer.problem)
    with transaction.atomic():
        ApiKey.objects.select_for_update().get(pk=key.pk)  # two calls at once make one hook
        before = of_key(key)
        changed = {
            **wanted.choice.columns(),
            "url": Secret.of(wanted.url),
            "headers": Secret.of_json(wanted.headers),
            "changed_at": now,
            "switched_off_at": None,
            "failures": 0,
            "next_try_at": now,
        }
        hook, is_new = Hook.objects.update_or_create(
            api_key=key,
            defaults=changed,
            create_defaults={
                **changed, "store_id": key.store_id, "secret": secret, "created_at": now, "served_at": now,
            },
        )  # fmt: skip
        hurry(hook, now=now)
        note(key, before=_says(before), after=_says(hook), user=user, now=now)
    return hook, is_new


def hurry(hook: Hook, *, now: datetime) -> None:
    """Let what failed before be posted now: the target is another one, or is back."""
    HookDelivery.objects.filter(hook=hook, state=DeliveryState.WAITING, next_attempt_at__gt=now).update(
        next_attempt_at=now
    )


def remove(key: ApiKey, *, user: User | None = None, now: datetime) -> bool:
    """Take the key's hook away with all that waits for it; False when it has none. Audited."""
    with transaction.atomic():
        hook = Hook.objects.select_for_update().filter(api_key=key).first()
        if hook is None:
            return False
        note(key, before=_says(hook), after="", user=user, now=now)
        hook.delete()
    return True


def hear(tellings: Sequence[Telling], *, now: datetime) -> None:
    """Write what is to be posted to every hook that wants it, in the caller's transaction."""
    hooks = list(
        Hook.objects.select_related("api_key").filter(
            store__in={one.store_id for one in tellings}, api_key__revoked_at=None, switched_off_at=None
        )
    )
    HookDelivery.objects.bulk_create(
        HookDelivery(
            store_id=hook.store_id,
            hook=hook,
            event=one.id,
            body=Secret.of_json(one.notice(hook.api_key.app_key)),
            created_at=now,
            next_attempt_at=now,
        )
        for hook in hooks
        for one in tellings
        if telling.wants(hook, one)
    )


def counts(hook: Hook) -> dict[str, int]:
    """How many deliveries of the hook stand in each state."""
    found = dict(HookDelivery.objects.filter(hook=hook).values_list("state").annotate(Count("id")))
    return {state.value: found.get(state, 0) for state in DeliveryState}


def post(url: str, headers: dict[str, str], secret: str, *, id: str, body: str, now: datetime) -> outside.Answer:  # noqa: A002  the header's word
    """Post this JSON, signed for this moment, and say what came of it; never raises for what the target does."""
    signed = {
        **headers,
        "Content-Type": "application/json",
        "User-Agent": "ConversationTracker",
        "Webhook-Id": id,
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign(id, now.astimezone(UTC), body),
    }
    return outside.post(url, body=body.encode(), headers=signed, rules=rules())


def _says(hook: Hook | None) -> str:
    if hook is None:
        return ""
    host = urlsplit(hook.url.text()).hostname  # the rest of it may be a password
    return f"{telling.choice_of(hook)}, to {host}"


def note(key: ApiKey, *, before: str, after: str, user: User | None = None, now: datetime) -> None:
    """Write a change of the key's hook into the audit log: made by somebody, or else by the key itself."""
    audit.record(
        Action.HOOK_CHANGED,
        subject=f"hook of {key.app_key}",
        store=key.store,
        user=user,
        actor=str(user or key.label or key.app_key),
        before=before,
        after=after,
        now=now,
    )
