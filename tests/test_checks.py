"""A production start that would be unsafe is refused, and every reason is named at once."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.core import checks as django_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import timezone

from conversation_tracker import checks, providers
from conversation_tracker.local import keys
from orders import access
from orders.models import ApiKey
from tests import factories

CHECKOUT = Path(__file__).resolve().parent.parent
KEY = base64.b64encode(bytes(range(32))).decode()
DIGEST_KEY = base64.b64encode(bytes(range(32, 64))).decode()
ZEROS = base64.b64encode(bytes(32)).decode()
LOCAL_KEY = keys.keep(Path(tempfile.mkdtemp())).digest_key
SAFE: dict[str, Any] = {
    "DEBUG": False,
    "LOCAL": False,
    "SECRET_KEY": "a long random text of more than 32 characters",
    "SEAL_KEYS": [f"k1:{KEY}"],
    "DIGEST_KEY": DIGEST_KEY,
    "ALLOWED_HOSTS": ["tracker.example"],
    "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
    "INBOUND_PROVIDERS": ["postmark", "mailgun"],
    "ANYMAIL": {"WEBHOOK_SECRET": ["webhook:a-long-random-one"], "MAILGUN_WEBHOOK_SIGNING_KEY": "0123456789abcdef"},
}


@pytest.fixture
def production(settings: Any) -> Any:
    """Settings with which a production start is safe."""
    for name, value in SAFE.items():
        setattr(settings, name, value)
    return settings


def found() -> list[str]:
    """The ids of the problems."""
    return [str(problem.id).rpartition(".")[2] for problem in run()]


def run() -> list[Any]:
    return list(django_checks.run_checks(tags=[checks.TAG], databases=["default"]))


def anymail(**changes: object) -> dict[str, object]:
    return {**SAFE["ANYMAIL"], **changes}


@pytest.mark.django_db
def test_a_safe_production_start_is_let_through(production):
    assert found() == []
    checks.refuse_unsafe_start()


UNSAFE: list[tuple[str, object, str]] = [
    ("SECRET_KEY", "", "E001"),
    ("SECRET_KEY", "a long random text under 32 ch.", "E001"),
    ("SECRET_KEY", "abcd" * 20, "E001"),
    ("SECRET_KEY", "django-insecure-" + "a long random text", "E001"),
    ("SECRET_KEY", keys.keep(Path(tempfile.mkdtemp())).secret_key, "E001"),
    ("SEAL_KEYS", [], "E002"),
    ("SEAL_KEYS", ["k1"], "E002"),
    ("SEAL_KEYS", [f":{KEY}"], "E002"),
    ("SEAL_KEYS", ["k1:not base64"], "E002"),
    ("SEAL_KEYS", [f"k1:{KEY[:24]}"], "E002"),
    ("SEAL_KEYS", [f"k1:{KEY}", "k2:short"], "E002"),
    ("SEAL_KEYS", [f"k1:{ZEROS}"], "E002"),
    ("SEAL_KEYS", [f"k1:{KEY}", f"k2:{base64.b64encode(b'password' * 4).decode()}"], "E002"),
    ("SEAL_KEYS", [f"k1:{KEY}", f"k1:{LOCAL_KEY}"], "E002"),
    ("SEAL_KEYS", [f"k1:{KEY}", f"k2:{LOCAL_KEY}"], "E002"),
    ("SEAL_KEYS", [f"k1:{KEY}", f"k2:{DIGEST_KEY}"], "E003"),
    ("DIGEST_KEY", KEY, "E003"),
    ("DIGEST_KEY", ZEROS, "E003"),
    ("DIGEST_KEY", LOCAL_KEY, "E003"),
    ("DIGEST_KEY", "", "E003"),
    ("DIGEST_KEY", "not base64", "E003"),
    ("DIGEST_KEY", KEY[:24], "E003"),
    ("LOCAL", True, "E004"),
    ("ALLOWED_HOSTS", [], "E005"),
    ("EMAIL_BACKEND", "conversation_tracker.local.mailbox.MailboxBackend", "E006"),
    ("INBOUND_PROVIDERS", ["postmark", "pigeon"], "E007"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=[]), "E008"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=""), "E008"),
    ("ANYMAIL", anymail(MAILGUN_WEBHOOK_SIGNING_KEY=""), "E008"),
    ("ANYMAIL", {"WEBHOOK_SECRET": SAFE["ANYMAIL"]["WEBHOOK_SECRET"]}, "E008"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=["webhook:a-long-random-one", ""]), "E008"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=["demo:demo"]), "E009"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET="demo:demo"), "E009"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=["webhook:a-long-random-one", "a:short"]), "E009"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=["a-long-user-name:short"]), "E009"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=["a-long-random-one-without-a-colon"]), "E009"),
    ("ANYMAIL", anymail(WEBHOOK_SECRET=[":a-long-random-one-without-a-user"]), "E009"),
    ("ANYMAIL", anymail(MAILGUN_WEBHOOK_SIGNING_KEY="demo"), "E009"),
]


# What each provider cannot do without, and what its absence is called; a second secret is for reports only.
NEEDED: list[tuple[str, str, str]] = [
    ("amazon_ses", "WEBHOOK_SECRET", "E008"),
    ("amazon_ses", "AMAZON_SES_TOPIC_ARNS", "E011"),
    ("brevo", "WEBHOOK_SECRET", "E008"),
    ("brevo", "BREVO_API_KEY", "E011"),
    ("mailersend", "MAILERSEND_INBOUND_SECRET", "E008"),
    ("mailgun", "MAILGUN_WEBHOOK_SIGNING_KEY", "E008"),
    ("mailjet", "WEBHOOK_SECRET", "E008"),
    ("mailtrap", "MAILTRAP_INBOUND_SECRET", "E008"),
    ("mailtrap", "MAILTRAP_API_TOKEN", "E011"),
    ("mandrill", "MANDRILL_WEBHOOK_KEY", "E008"),
    ("postal", "POSTAL_WEBHOOK_KEY", "E008"),
    ("postmark", "WEBHOOK_SECRET", "E008"),
    ("resend", "RESEND_INBOUND_SECRET", "E008"),
    ("resend", "RESEND_API_KEY", "E011"),
    ("sparkpost", "WEBHOOK_SECRET", "E008"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("provider", "missing", "problem"), NEEDED)
def test_no_provider_starts_without_what_it_needs(production, provider, missing, problem):
    needs = {name: "webhook:a-long-random-credential" for one, name, _ in NEEDED if one == provider}
    production.INBOUND_PROVIDERS = [provider]
    production.ANYMAIL = needs
    assert found() == []
    production.ANYMAIL = {**needs, missing: ""}
    assert found() == [problem]


def test_every_provider_says_what_it_needs():
    assert {one for one, _, _ in NEEDED} == set(providers.ALL)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["MAILERSEND_SIGNING_SECRET", "MAILERSEND_INBOUND_SECRET"])
def test_a_short_secret_is_refused_for_reports_too(production, name):
    production.INBOUND_PROVIDERS = ["mailersend"]
    production.ANYMAIL = {"MAILERSEND_INBOUND_SECRET": "a-long-random-credential", name: "short"}
    assert found() == ["E009"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["RESEND_INBOUND_SECRET", "RESEND_SIGNING_SECRET"])
@pytest.mark.parametrize("secret", ["whsec_" + "A" * 33, ["whsec_" + "A" * 32, "not even ASCII: ü"]])
def test_a_secret_that_is_no_key_is_refused_before_a_call_needs_it(production, name, secret):
    production.INBOUND_PROVIDERS = ["resend"]
    good = {"RESEND_API_KEY": "a-long-random-credential", "RESEND_INBOUND_SECRET": "whsec_" + "A" * 32}
    production.ANYMAIL = {**good, name: secret}
    assert found() == ["E012"]


@pytest.mark.django_db
@pytest.mark.parametrize(("setting", "value", "problem"), UNSAFE, ids=range(len(UNSAFE)))
def test_each_unsafe_setting_is_refused_and_says_what_to_set(production, setting, value, problem):
    setattr(production, setting, value)
    assert found() == [problem]
    assert all(one.hint for one in run())
    with pytest.raises(ImproperlyConfigured, match="Refusing to start"):
        checks.refuse_unsafe_start()


@pytest.mark.django_db
def test_all_that_is_unsafe_is_named_at_once(production):
    for setting, value in {
        "SECRET_KEY": "",
        "SEAL_KEYS": [],
        "DIGEST_KEY": "",
        "ALLOWED_HOSTS": [],
        "EMAIL_BACKEND": "conversation_tracker.local.mailbox.MailboxBackend",
        "INBOUND_PROVIDERS": ["pigeon", "postmark", "mailgun"],
        "ANYMAIL": {"MAILGUN_WEBHOOK_SIGNING_KEY": "demo"},
    }.items():
        setattr(production, setting, value)
    every = ["E001", "E002", "E003", "E005", "E006", "E007", "E008", "E009"]
    assert sorted(found()) == every
    with pytest.raises(ImproperlyConfigured) as refused:
        checks.refuse_unsafe_start()
    assert str(refused.value).count("\n- ") == len(every)


@pytest.mark.django_db
def test_a_refusal_shows_no_secret(production):
    production.SEAL_KEYS = ["c2VjcmV0LXNlYWxpbmcta2V5"]
    production.DIGEST_KEY = "c2VjcmV0LWRpZ2VzdC1rZXk="
    production.ANYMAIL = anymail(WEBHOOK_SECRET=["me:pass"])
    assert sorted(found()) == ["E002", "E003", "E009"]
    told = " ".join(f"{problem.msg} {problem.hint}" for problem in run())
    assert ("c2Vj" in told, "me:pass" in told) == (False, False)


@pytest.mark.django_db
def test_without_providers_no_webhook_credential_is_needed(production):
    production.INBOUND_PROVIDERS, production.ANYMAIL = [], {}
    assert found() == []


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["admin@demo.test", "operator@demo.test", "Support@Demo.Test"])
def test_the_demos_people_are_refused(production, email):
    factories.make_user(email)
    assert found() == ["E010"]


@pytest.mark.parametrize("app_key", ["hardstore-key", "softstore-key"])
def test_the_demos_api_keys_are_refused(production, store, app_key):
    ApiKey.objects.create(
        store=store, app_key=app_key, token_digest=access.token_digest("t"), created_at=timezone.now()
    )
    assert found() == ["E010"]


@pytest.mark.parametrize("token", ["hardstore-token", "softstore-token"])
def test_a_key_with_a_token_of_the_demo_is_refused(production, store, token):
    ApiKey.objects.create(
        store=store, app_key="acme-key", token_digest=access.token_digest(token), created_at=timezone.now()
    )
    assert found() == ["E010"]


@pytest.mark.django_db
def test_other_people_and_keys_are_not_the_demos(production):
    factories.make_user("admin@notdemo.test.example", store=factories.make_store())
    assert found() == []


@pytest.mark.django_db
def test_the_demo_itself_starts_with_its_own_credentials(production):
    production.DEBUG = production.LOCAL = True
    production.EMAIL_BACKEND = "conversation_tracker.local.mailbox.MailboxBackend"
    production.ANYMAIL = {"WEBHOOK_SECRET": ["demo:demo"], "MAILGUN_WEBHOOK_SIGNING_KEY": "demo"}
    factories.make_user("admin@demo.test")
    assert found() == []


@pytest.mark.django_db
def test_a_data_folders_own_keys_are_good_for_a_local_run(production, tmp_path):
    made = keys.keep(tmp_path)
    production.DEBUG = production.LOCAL = True
    production.SECRET_KEY, production.SEAL_KEYS, production.DIGEST_KEY = (
        made.secret_key,
        made.seal_keys.split(","),
        made.digest_key,
    )
    assert found() == []


@pytest.mark.django_db
def test_also_the_demo_needs_its_keys(production):
    production.DEBUG = production.LOCAL = True
    production.SEAL_KEYS, production.DIGEST_KEY = [], ""
    assert found() == ["E002", "E003"]


# --- The doors of the process ---------------------------------------------------------------------------------------
ENVIRONMENT = {
    "DEBUG": "false",
    "LOCAL": "false",
    "SECRET_KEY": SAFE["SECRET_KEY"],
    "SEAL_KEYS": f"k1:{KEY}",
    "DIGEST_KEY": DIGEST_KEY,
    "ALLOWED_HOSTS": "tracker.example",
    "EMAIL_BACKEND": SAFE["EMAIL_BACKEND"],
    "INBOUND_PROVIDERS": "postmark,mailgun",
    "WEBHOOK_SECRET": "webhook:a-long-random-one",
    "MAILGUN_WEBHOOK_SIGNING_KEY": "0123456789abcdef",
}
BARE = dict.fromkeys(ENVIRONMENT, "") | {"DEBUG": "false", "LOCAL": "false", "INBOUND_PROVIDERS": "postmark"}
DEMO = ENVIRONMENT | {"WEBHOOK_SECRET": "demo:demo", "MAILGUN_WEBHOOK_SIGNING_KEY": "demo"}


def start(*command: str, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command of the project in this environment; its exit status and all it said."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("ANYMAIL_")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=CHECKOUT,
        env={**known, **environment, "DJANGO_SETTINGS_MODULE": "conversation_tracker.settings"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


DOORS: dict[str, tuple[str, ...]] = {
    "wsgi": ("-c", "import conversation_tracker.wsgi"),
    "asgi": ("-c", "import conversation_tracker.asgi"),
    "check": ("manage.py", "check"),
}
WORKERS: dict[str, tuple[str, ...]] = {
    "worker": ("-m", "celery", "-A", "conversation_tracker", "worker", "--pool", "solo", "--without-mingle"),
    "beat": ("-m", "celery", "-A", "conversation_tracker", "beat", "--schedule", tempfile.mkdtemp() + "/beat"),
}


@pytest.mark.parametrize("door", DOORS)
def test_a_safe_environment_starts(door):
    status, said = start(*DOORS[door], environment=ENVIRONMENT)
    assert (status, "Refusing" in said) == (0, False), said


@pytest.mark.parametrize("door", [*DOORS, *WORKERS])
def test_an_environment_with_demo_credentials_does_not_start(door):
    status, said = start(*(DOORS | WORKERS)[door], environment=DEMO)
    assert (status != 0, "WEBHOOK_SECRET is a demo" in said, "MAILGUN_WEBHOOK_SIGNING_KEY is a demo" in said) == (
        True,
        True,
        True,
    ), said


def test_an_empty_environment_does_not_serve():
    status, said = start(*DOORS["wsgi"], environment=BARE)
    assert (status != 0, "SECRET_KEY" in said) == (True, True), said


def test_the_check_command_names_all_that_is_missing_at_once():
    status, said = start(*DOORS["check"], environment=BARE)
    assert status == 1
    assert [name in said for name in ("E001", "E002", "E003", "E005", "E008")] == [True] * 5, said
    assert "Traceback" not in said


def test_a_database_that_is_down_does_not_hide_the_other_problems():
    nowhere = "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1"
    status, said = start(*DOORS["wsgi"], environment={**DEMO, "DATABASE_URL": nowhere})
    assert (status != 0, "WEBHOOK_SECRET is a demo" in said) == (True, True), said


@pytest.mark.django_db
def test_a_database_without_tables_is_no_problem(production):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA empty; SET LOCAL search_path = empty")
    assert found() == []
