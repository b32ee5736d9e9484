"""System checks that refuse a bad production start, each with what to set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.db.models import Q

from conversation_tracker import providers
from conversation_tracker.providers import base
from orders import access, secrecy
from orders.models import ApiKey, User

TAG = "production"
DEMO_CREDENTIALS = {"demo:demo", "demo"}
DEMO_DOMAIN = "@demo.test"
DEMO_KEYS = ("hardstore-key", "softstore-key")
DEMO_TOKENS = ("hardstore-token", "softstore-token")
DEMO_MARK = "demo"  # how every key of a local data folder begins
SHORTEST_SECRET = 32  # characters of SECRET_KEY
SHORTEST_CREDENTIAL = 16  # characters of a webhook credential
FEWEST_CHARACTERS = 5  # different ones in SECRET_KEY, as Django's own check for a deployment has it
FEWEST_BYTES = 16  # different ones in a key; of 32 random bytes about 30 are, and fewer than 16 never


def refuse_unsafe_start() -> None:
    """Raise ImproperlyConfigured listing everything that makes this start unsafe; silent when there is nothing."""
    found = [
        problem
        for problem in checks.run_checks(tags=[TAG], databases=["default"])
        if problem.level >= checks.ERROR and problem.id not in settings.SILENCED_SYSTEM_CHECKS
    ]
    if found:
        raise ImproperlyConfigured("Refusing to start:\n" + "\n".join(f"- {p.msg} {p.hint or ''}" for p in found))


def _error(number: int, message: str, hint: str) -> checks.CheckMessage:
    return checks.Error(message, hint=hint, id=f"conversation_tracker.E{number:03d}")


@checks.register(TAG)
def secrets_are_set(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """The secret key and the keys for real addresses exist, wherever we run, and are no guessable or shared ones."""
    found = []
    if problem := _secret_key_problem(_secret_key()):
        found.append(_error(1, f"SECRET_KEY {problem}.", "Set a long random text."))
    seal_keys: dict[str, bytes] = {}
    hint = "Set SEAL_KEYS=k1:<base64 of 32 random bytes>."
    try:
        seal_keys = secrecy.parse_keys(settings.SEAL_KEYS)
        if not seal_keys:
            found.append(_error(2, "SEAL_KEYS is not set.", hint))
    except secrecy.KeyMissing as error:
        found.append(_error(2, f"{error}.", hint))
    found.extend(
        _error(2, f"SEAL_KEYS entry {position} {problem}.", hint)
        for position, key in enumerate(seal_keys.values(), 1)
        if (problem := _key_problem(key))
    )
    hint = "Set DIGEST_KEY=<base64 of 32 random bytes>, and never change it."
    if not settings.DIGEST_KEY:
        return [*found, _error(3, "DIGEST_KEY is not set.", hint)]
    try:
        digest_key = secrecy.parse_key(settings.DIGEST_KEY, name="DIGEST_KEY")
    except secrecy.KeyMissing as error:
        return [*found, _error(3, f"{error}.", hint)]
    if problem := _key_problem(digest_key):
        found.append(_error(3, f"DIGEST_KEY {problem}.", hint))
    elif digest_key in seal_keys.values():
        found.append(_error(3, "DIGEST_KEY is also one of the SEAL_KEYS.", hint))
    return found


def _secret_key_problem(key: str) -> str:
    """What makes this SECRET_KEY unsafe; empty when nothing does."""
    if len(key) < (1 if settings.DEBUG else SHORTEST_SECRET):
        return f"is missing or shorter than {SHORTEST_SECRET} characters"
    if not settings.DEBUG and len(set(key)) < FEWEST_CHARACTERS:
        return "repeats a few characters"
    if not settings.LOCAL and key.startswith((DEMO_MARK, "django-insecure-")):
        return "was made for a local run"
    return ""


def _key_problem(key: bytes) -> str:
    if not settings.LOCAL and key.startswith(DEMO_MARK.encode()):
        return "was made for a local run"
    return "is not random" if len(set(key)) < FEWEST_BYTES else ""


def _secret_key() -> str:
    """Django raises when an empty SECRET_KEY is looked at; here that is one finding among others."""
    try:
        return settings.SECRET_KEY
    except ImproperlyConfigured:
        return ""


@checks.register(TAG)
def production_is_not_the_demo(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Outside the demo no demo switch or credential is left on, and hosts are named."""
    if settings.DEBUG and settings.LOCAL:
        return []
    found = []
    if settings.LOCAL:
        found.append(_error(4, "LOCAL is on without DEBUG.", "LOCAL is for one machine; leave it out in production."))
    if not settings.DEBUG and not settings.ALLOWED_HOSTS:
        found.append(_error(5, "ALLOWED_HOSTS is empty.", "Name the hosts this site answers for."))
    if settings.EMAIL_BACKEND.startswith("conversation_tracker.local"):
        found.append(_error(6, "EMAIL_BACKEND is the local mailbox.", "Name an anymail or SMTP backend."))
    return found


def _credential_problem(setting: str, credential: str) -> str:
    """What makes this credential of a webhook unsafe; empty when nothing does. One that is not set is another's."""
    if not credential:
        return ""
    secret = credential
    if setting == "WEBHOOK_SECRET":
        user, _, secret = credential.partition(":")
        if not user or not secret:
            return "is not of the form user:password"
    if credential in DEMO_CREDENTIALS or len(secret) < SHORTEST_CREDENTIAL:
        return "is a demo or short credential"
    return ""


@checks.register(TAG)
def webhooks_are_guarded(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Every mounted provider is known and has the credentials its door needs."""
    found = []
    for name in settings.INBOUND_PROVIDERS:
        if name not in providers.ALL:
            known = ", ".join(sorted(providers.ALL))
            found.append(_error(7, f"INBOUND_PROVIDERS names {name!r}, which is not known.", f"Known: {known}."))
            continue
        provider = providers.ALL[name]
        if not provider.is_guarded("inbound"):
            missing = " and ".join(provider.secrets)
            found.append(_error(8, f"{missing} is not set, so {name} could be impersonated.", "Set it."))
        found.extend(
            _error(11, f"{setting} is not set, so {name}'s mails cannot be taken in.", "Set it.")
            for setting in provider.needs
            if not any(base.setting_values(setting))
        )
        found.extend(
            _error(12, f"{' and '.join(provider.secrets_of(channel))} cannot be used.", "Set it as it was shown.")
            for channel in ("inbound", "tracking")
            if provider.is_guarded(channel) and not _is_usable(provider, channel)
        )
    return found if settings.LOCAL else found + _weak_credentials()


def _is_usable(provider: base.Provider, channel: str) -> bool:
    """Whether the door can be opened with its secrets: some are keys, written in a way of their own."""
    try:
        provider.views(channel)
    except ImproperlyConfigured:  # something else is not set
        return True
    except Exception:  # noqa: BLE001  each library fails in its own way
        return False
    return True


def _weak_credentials() -> list[checks.CheckMessage]:
    mounted = [providers.ALL[name] for name in settings.INBOUND_PROVIDERS if name in providers.ALL]
    guarding = [setting for one in mounted for setting in (*one.secrets, *(one.tracking_secrets or ()))]
    return [
        _error(9, f"{setting} {problem}.", f"Set a random one of at least {SHORTEST_CREDENTIAL} characters.")
        for setting in dict.fromkeys([*guarding, *(["WEBHOOK_SECRET"] if mounted else [])])
        for problem in dict.fromkeys(_credential_problem(setting, value) for value in base.setting_values(setting))
        if problem
    ]


@checks.register(TAG, checks.Tags.database)
def no_demo_people(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[checks.CheckMessage]:
    """The demo's logins and keys do not exist in a production database."""
    if settings.LOCAL or "default" not in (databases or []):
        return []
    try:
        tables = connection.introspection.table_names()
        if User._meta.db_table not in tables or ApiKey._meta.db_table not in tables:
            return []
        people = User.objects.filter(email__iendswith=DEMO_DOMAIN).count()
        keys = ApiKey.objects.filter(Q(app_key__in=DEMO_KEYS) | Q(token_digest__in=_demo_token_digests())).count()
    except (Error, OSError):
        return []  # a database that is down is /healthz's to report; nothing is served from it
    if people or keys:
        hint = "Delete them, or start on an empty database."
        return [_error(10, f"The database holds {people} demo logins and {keys} demo API keys.", hint)]
    return []


def _demo_token_digests() -> list[bytes]:
    try:
        return [access.token_digest(token) for token in DEMO_TOKENS]
    except secrecy.KeyMissing:
        return []  # E003 names the key that is missing
