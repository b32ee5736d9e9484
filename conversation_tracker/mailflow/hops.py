"""The signed mark on every mail we send, by which one that comes back is recognised."""

from __future__ import annotations

import hmac

from orders import secrecy


def mark(message_id: str) -> str:
    """The value of the hop header for a mail with this Message-ID."""
    token = secrecy.digest(message_id, purpose="hop").hex()[:16]
    return f"{token}.{secrecy.digest(token, purpose='hop-signature').hex()[:32]}"


def is_own(value: str) -> bool:
    """Whether we made this mark, for whatever mail."""
    token, _, signature = value.partition(".")
    return hmac.compare_digest(signature.encode(), secrecy.digest(token, purpose="hop-signature").hex()[:32].encode())
