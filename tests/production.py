"""An environment as production has it, with secrets that live no longer than this process."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

CREDENTIAL = f"hook:{secrets.token_urlsafe(32)}"
SIGNING_KEY = secrets.token_urlsafe(32)
OURS = ("ANYMAIL_", "DATABASE_", "SMTPD_")  # what a caller's environment may say of another system


def environment(var: Path, urls: Mapping[str, str], *, port: int) -> dict[str, str]:
    """For processes of a system on these services, whose site is at this port of loopback."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
        **urls,
        "DEBUG": "false",
        "LOCAL": "false",
        "VAR": str(var),
        "MAIL_DIR": str(var / "mail"),
        "STATIC_ROOT": str(var / "static"),
        "SECRET_KEY": secrets.token_urlsafe(64),
        "SEAL_KEYS": f"k1:{_key()}",
        "DIGEST_KEY": _key(),
        "ALLOWED_HOSTS": "127.0.0.1",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "INBOUND_PROVIDERS": "postmark,mailgun",
        "WEBHOOK_SECRET": CREDENTIAL,
        "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY,
        "EMAIL_BACKEND": "anymail.backends.postmark.EmailBackend",
        "ANYMAIL_POSTMARK_SERVER_TOKEN": secrets.token_urlsafe(16),
        "LOG_LEVEL": "WARNING",
    }


def authorization() -> str:
    """The header with which a provider posts there."""
    return f"Basic {base64.b64encode(CREDENTIAL.encode()).decode()}"


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
