"""The environment of a local run: what our processes are told, and commands run later by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from conversation_tracker.local import envfile, locate
from conversation_tracker.local.keys import Keys

LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


def compose(var: Path, keys: Keys, *, urls: Mapping[str, str], host: str, port: int) -> dict[str, str]:
    """The settings of a local run, with the demo's credentials."""
    values = {
        "DEBUG": "true",
        "LOCAL": "true",
        **urls,
        "SECRET_KEY": keys.secret_key,
        "SEAL_KEYS": keys.seal_keys,
        "DIGEST_KEY": keys.digest_key,
        "INBOUND_PROVIDERS": "postmark,mailgun",
        "WEBHOOK_SECRET": "demo:demo",
        "MAILGUN_WEBHOOK_SIGNING_KEY": "demo",
        "EMAIL_BACKEND": "conversation_tracker.local.mailbox.MailboxBackend",
        "PUBLIC_URL": address(host, port),
        "VAR": str(var),
        "MAIL_DIR": str(var / "mail"),
    }
    if host not in LOOPBACK:
        values["ALLOWED_HOSTS"] = "*"
    return values


def prefer(values: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The values, with the caller's own instead of ours; but whether this is a local run is not the caller's to say."""
    fixed = ("DEBUG", "LOCAL", "VAR", "MAIL_DIR")
    return {name: value if name in fixed else environ.get(name) or value for name, value in values.items()}


def write(var: Path, values: Mapping[str, str]) -> None:
    """Leave the environment for commands run by hand."""
    envfile.write(
        var / locate.FILE,
        values,
        heading="Written by every `make run`. Settings of your own belong in the environment.",
    )


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds the web process."""
    name = "127.0.0.1" if host in EVERYWHERE else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
