"""Every setting, read once from the environment; safe when a variable is missing.

A production start without its secrets is refused by ``conversation_tracker.checks``, not here, so that
``manage.py check`` can name everything that is missing at once.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from kombu import Queue
from redis.backoff import NoBackoff
from redis.retry import Retry


def json_or_text(value: str) -> Any:
    """A JSON array, object or truth value as such; any other text, numbers too, as it is."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, bool | list | dict) else value


def timeouts(value: Any) -> tuple[float, float]:
    """Seconds for a connection and for an answer, from a list of the two or one number for both, which may be text."""
    connect, read = value if isinstance(value, list | tuple) else (value, value)
    return float(connect), float(read)


BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")
# A process without a database of its own, or with a data folder, belongs to what `make run` started there.
if "DATABASE_URL" not in os.environ or "VAR" in os.environ:
    from conversation_tracker.local import locate

    if local_env := locate.environment_file(BASE_DIR, os.environ):
        env.read_env(local_env)

# --- Who we are -------------------------------------------------------------------------------------------------
DEBUG: bool = env.bool("DEBUG", default=False)
# LOCAL: one machine with embedded services, demo data and the local mailbox. Refused in production by a check.
LOCAL: bool = env.bool("LOCAL", default=False)
VAR = (BASE_DIR / Path(env.str("VAR", default="var")).expanduser()).resolve()
SECRET_KEY: str = env.str("SECRET_KEY", default="")
PUBLIC_URL: str = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"] if DEBUG else [])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# --- Keys for real addresses at rest (orders.secrecy) -----------------------------------------------------------
# "kid:base64-of-32-bytes, …": the first seals, every one opens. The digest key must never change.
SEAL_KEYS: list[str] = env.list("SEAL_KEYS", default=[])
DIGEST_KEY: str = env.str("DIGEST_KEY", default="")

# --- Applications -----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "conversation_tracker",
    "orders",
    "settings_ui",
    *(["conversation_tracker.local"] if LOCAL else []),
    "anymail",
    "csp",
    "ninja",  # its static files: Swagger UI
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    *(["django_linear_migrations"] if env.bool("CHECK_MIGRATIONS", default=False) else []),
]
MIDDLEWARE = [
    "conversation_tracker.middleware.Uncached",
    "orders.api.errors.InJson",
    "orders.api.limits.Headers",
    "conversation_tracker.middleware.RequestBodyLimit",
    "django.middleware.security.SecurityMiddleware",
    "conversation_tracker.middleware.Straight",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "orders.api.once.Once",
]
ROOT_URLCONF = "conversation_tracker.urls"
WSGI_APPLICATION = "conversation_tracker.wsgi.application"
ASGI_APPLICATION = "conversation_tracker.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "conversation_tracker.context.site",
            ],
        },
    },
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Database, cache, queue -------------------------------------------------------------------------------------
DATABASES = {
    "default": {
        **env.db("DATABASE_URL", default="postgres:///conversation_tracker"),
        "ENGINE": "conversation_tracker.postgres",
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    },
}
# A host that is gone without a word is noticed within a minute, by us and by the server, which then frees the locks of
# a worker that was on it. On a Unix socket, where neither can happen, these do nothing.
DATABASES["default"]["OPTIONS"] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "options": "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 "
    "-c tcp_user_timeout=30000",
    **DATABASES["default"].get("OPTIONS", {}),
}
# Each gunicorn or celery process keeps its connections in a small pool of its own.
if DATABASE_POOL_SIZE := env.int("DATABASE_POOL_SIZE", default=8):
    # A pool that cannot connect waits twice as long before each next try, up to half of reconnect_timeout (else five
    # minutes), and so would stay away for minutes more when the database is back. After giving up it tries on request.
    pool = {"min_size": 0, "max_size": DATABASE_POOL_SIZE, "timeout": 5, "reconnect_timeout": 5}
    DATABASES["default"]["OPTIONS"]["pool"] = pool
REDIS_URL: str = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
REDIS_PATIENCE = 1.0  # seconds; whoever waits for an answer from us does not wait for a Redis that hangs
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {
            "socket_connect_timeout": REDIS_PATIENCE,
            "socket_timeout": REDIS_PATIENCE,
            "retry": Retry(NoBackoff(), 0),
        },
    },
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for as long as the broker is away
CELERY_BROKER_CHANNEL_ERROR_RETRY = True  # nor does a worker end when it is full, or no master for a moment
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_connect_timeout": REDIS_PATIENCE,
    "socket_timeout": REDIS_PATIENCE,  # a worker, which waits for its tasks on the socket, has more: see celery.py
    "max_retries": 0,
    "visibility_timeout": 3600,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_TASK_TIME_LIMIT = 120
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# What one worker process may hold: a mail that needs more is quarantined. A child that stays large is replaced.
WORKER_MEMORY_BYTES: int = env.int("WORKER_MEMORY_BYTES", default=512_000_000)
CELERY_WORKER_MAX_MEMORY_PER_CHILD = WORKER_MEMORY_BYTES // 2 // 1_024  # KiB; limits.has_grown says the same
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
# What asks somebody outside has a queue of its own, so that a provider that hangs keeps no worker from recording, where
# each queue has workers (-Q). Keep every queue listed: a worker that is told of none serves all of these.
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_QUEUES = (Queue("celery"), Queue("outbox"))
CELERY_TASK_ROUTES = {
    "conversation_tracker.tasks.drain_outbox": {"queue": "outbox"},
    "conversation_tracker.tasks.send_tests": {"queue": "outbox"},
    "orders.tasks.deliver_hooks": {"queue": "outbox"},
}
CELERY_BEAT_SCHEDULER = "conversation_tracker.beat:Scheduler"
# Beat wakes workers for work nobody was woken for, and tidies up; correctness never depends on it.
CELERY_BEAT_SCHEDULE = {
    "sweep-inbox": {"task": "conversation_tracker.tasks.drain_inbox", "schedule": 5.0},
    "sweep-outbox": {"task": "conversation_tracker.tasks.drain_outbox", "schedule": 5.0},
    "sweep-order-mails": {"task": "conversation_tracker.tasks.drain_order_mails", "schedule": 5.0},
    "send-tests": {"task": "conversation_tracker.tasks.send_tests", "schedule": 3.0},
    "sweep-events": {"task": "orders.tasks.dispatch_events", "schedule": 5.0},
    "sweep-shops": {"task": "orders.tasks.drain_shops", "schedule": 5.0},
    "sweep-hooks": {"task": "orders.tasks.deliver_hooks", "schedule": 5.0},
    "forget-answered-calls": {"task": "orders.tasks.forget_answered_calls", "schedule": 600.0},
    "forget-shop-deliveries": {"task": "orders.tasks.forget_shop_deliveries", "schedule": 3600.0},
    "forget-told": {"task": "orders.tasks.forget_told", "schedule": 3600.0},
    "close-windows": {"task": "orders.tasks.close_windows", "schedule": 30.0},
    "remind-of-payments": {"task": "orders.tasks.remind_of_payments", "schedule": 300.0},
    "expire-aliases": {"task": "orders.tasks.expire_aliases", "schedule": 60.0},
    "forget-settled-receipts": {"task": "conversation_tracker.tasks.forget_settled_receipts", "schedule": 3600.0},
}

# --- Mail -------------------------------------------------------------------------------------------------------
EMAIL_BACKEND: str = env.str("EMAIL_BACKEND", default="django.core.mail.backends.smtp.EmailBackend")
EMAIL_HOST: str = env.str("EMAIL_HOST", default="localhost")
EMAIL_PORT: int = env.int("EMAIL_PORT", default=25)
EMAIL_HOST_USER: str = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD: str = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS: bool = env.bool("EMAIL_USE_TLS", default=False)
EMAIL_USE_SSL: bool = env.bool("EMAIL_USE_SSL", default=False)
EMAIL_TIMEOUT = 30
# Providers whose webhooks are mounted, by the name in their URL: /anymail/<provider>/inbound/ and …/tracking/.
INBOUND_PROVIDERS: list[str] = env.list("INBOUND_PROVIDERS", default=[])
ANYMAIL: dict[str, Any] = {
    "WEBHOOK_SECRET": env.list("WEBHOOK_SECRET", default=[]),
    "REQUESTS_TIMEOUT": (10, 150),  # the second is all the time that handing over a mail may take
    # ANYMAIL_<NAME> sets anymail's <NAME>; a JSON list, object or truth value is read as such.
    **{
        name.removeprefix("ANYMAIL_"): json_or_text(value)
        for name, value in os.environ.items()
        if name.startswith("ANYMAIL_") and name != "ANYMAIL_WEBHOOK_SECRET" and value
    },
}
ANYMAIL["REQUESTS_TIMEOUT"] = timeouts(ANYMAIL["REQUESTS_TIMEOUT"])
# The SNS topics that may post Amazon SES's mails and reports.
ANYMAIL["AMAZON_SES_TOPIC_ARNS"] = env.list("AMAZON_SES_TOPIC_ARNS", default=[])
if MAILGUN_WEBHOOK_SIGNING_KEY := env.str("MAILGUN_WEBHOOK_SIGNING_KEY", default=""):
    ANYMAIL["MAILGUN_WEBHOOK_SIGNING_KEY"] = MAILGUN_WEBHOOK_SIGNING_KEY

# The door: how large a webhook may be. Providers pass on 40 MB of mail, about 100 MB as JSON with base64.
WEBHOOK_MAX_BYTES: int = env.int("WEBHOOK_MAX_BYTES", default=110_000_000)
# A shop's webhook: one order with all its items.
SHOP_MAX_BYTES: int = env.int("SHOP_MAX_BYTES", default=10_000_000)
# Every other page and call.
REQUEST_MAX_BYTES: int = env.int("REQUEST_MAX_BYTES", default=2_500_000)
# A mail that staff or a system of the store writes: 10 MB of files, which as base64 in JSON are 14.
MESSAGE_MAX_BYTES: int = env.int("MESSAGE_MAX_BYTES", default=15_000_000)
# RequestBodyLimit applies the limits above by path; Django's own single limit must let the larger one through.
DATA_UPLOAD_MAX_MEMORY_SIZE = WEBHOOK_MAX_BYTES
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
DATA_UPLOAD_MAX_NUMBER_FILES = 1_000  # of a mail beyond the guard of 500 its timeline tells
FILE_UPLOAD_HANDLERS = ["conversation_tracker.forms.InMemory"]
# Calls of one API key, and those among them that decode aliases; 0: as many as it likes.
API_CALLS_PER_MINUTE: int = env.int("API_CALLS_PER_MINUTE", default=1_200)
API_DECODES_PER_MINUTE: int = env.int("API_DECODES_PER_MINUTE", default=30)
# Hours in which a call with the same idempotency key gets the same answer.
API_REPEAT_HOURS: int = env.int("API_REPEAT_HOURS", default=24)
# No less than a day: so long it is remembered which of Mailgun's signatures are used up.
RECEIPT_KEEP_DAYS: int = max(1, env.int("RECEIPT_KEEP_DAYS", default=7))
# Events that were handed on, and deliveries to hooks that are settled.
EVENT_KEEP_DAYS: int = env.int("EVENT_KEEP_DAYS", default=14)
# On a developer's machine hooks may post to the machine itself, and by http. Elsewhere never.
HOOK_LOCAL_TARGETS: bool = LOCAL and env.bool("HOOK_LOCAL_TARGETS", default=False)

# --- Mail over SMTP: `manage.py smtpd`, and the checks of who sent it ---------------------------------------------
SMTPD_HOSTNAME: str = env.str("SMTPD_HOSTNAME", default="") or PUBLIC_URL.rpartition("//")[2].partition(":")[0]
SMTPD_TLS_CERT: str = env.str("SMTPD_TLS_CERT", default="")
SMTPD_TLS_KEY: str = env.str("SMTPD_TLS_KEY", default="")
SMTPD_MAX_BYTES: int = env.int("SMTPD_MAX_BYTES", default=40_000_000)  # what is larger would only be quarantined
SMTPD_MAX_CONNECTIONS: int = env.int("SMTPD_MAX_CONNECTIONS", default=200)
SMTPD_MAX_CONNECTIONS_PER_CLIENT: int = env.int("SMTPD_MAX_CONNECTIONS_PER_CLIENT", default=50)
SMTPD_TIMEOUT: float = env.float("SMTPD_TIMEOUT", default=300.0)  # seconds; RFC 5321 §4.5.3.2.7 asks for five minutes
# Networks of mail servers of ours: what they hand in was received by them, so their address says nothing of the sender.
SMTPD_TRUSTED_RELAYS: list[str] = env.list("SMTPD_TRUSTED_RELAYS", default=["127.0.0.0/8", "::1/128"])
# The name under which they write Authentication-Results; empty when they do not check.
SMTPD_TRUSTED_AUTHSERV_ID: str = env.str("SMTPD_TRUSTED_AUTHSERV_ID", default="")
DNS_SERVERS: list[str] = env.list("DNS_SERVERS", default=[])  # empty: those of the machine
DNS_TIMEOUT: float = env.float("DNS_TIMEOUT", default=5.0)  # seconds for all questions about one mail

# --- Files ------------------------------------------------------------------------------------------------------
MAIL_DIR: str = env.str("MAIL_DIR", default=str(VAR / "mail"))
MAIL_STORAGE_BACKEND: str = env.str("MAIL_STORAGE_BACKEND", default="orders.vault.Folder")
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(VAR / "files")}},
    "mail": {
        "BACKEND": MAIL_STORAGE_BACKEND,
        "OPTIONS": env.json(
            "MAIL_STORAGE_OPTIONS",
            default={"location": MAIL_DIR} if MAIL_STORAGE_BACKEND == "orders.vault.Folder" else {},
        ),
    },
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}
STATIC_URL = "/static/"
STATIC_ROOT: str | None = env.str("STATIC_ROOT", default=None if DEBUG else str(VAR / "static"))
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = False

# --- People -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "orders.User"
PASSWORD_HASHERS = [
    "conversation_tracker.hashers.Argon2",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "orders:list"
LOGOUT_REDIRECT_URL = "sign-in"

# --- Language and time ------------------------------------------------------------------------------------------
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("pt-br", "Português (Brasil)"), ("es", "Español")]
LOCALE_PATHS = [BASE_DIR / "conversation_tracker" / "locale"]

# --- Browser safety ---------------------------------------------------------------------------------------------
HTTPS: bool = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SECURE_SSL_REDIRECT = HTTPS and env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "frame-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# Bearer token for /metrics; without one it is closed outside of a local run.
METRICS_TOKEN: str = env.str("METRICS_TOKEN", default="")

# --- Logs: one line an event, ids only, never an address or a body ------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "conversation_tracker.logs.Line", "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "botocore": {"level": "WARNING"},
        "celery": {"level": "WARNING"},  # it has lines for every task
        "django": {"handlers": []},  # Django gives it one of its own, and each event would be there twice
        "django.server": {"handlers": ["console"], "propagate": False},
        "mail.log": {"level": "CRITICAL"},  # aiosmtpd's, which quotes every command with the addresses in it
        "pypdf": {"level": "CRITICAL"},  # it may quote what stands in a file
        "urllib3": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
