"""Verify that a call is from Amazon SNS and about a topic of ours.

Source: "Verifying the signatures of Amazon SNS messages" in the Amazon SNS Developer Guide. Version 1 is SHA-1 with
RSA, version 2 SHA-256 with RSA (PKCS #1 v1.5), over some fields of the message. The certificate is fetched from
Amazon over https; that it comes from there is what makes it Amazon's.
"""

from __future__ import annotations

import binascii
import logging
import re
from collections.abc import Callable
from urllib.parse import urlsplit

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, Hash, HashAlgorithm
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest

from conversation_tracker.providers import base

log = logging.getLogger(__name__)

KEEP_SECONDS = 24 * 3600
PIECE = 1_000_000  # characters that are hashed at once
TIMEOUT = (3.05, 5.0)  # seconds; somebody waits at the door

_HOST = re.compile(r"sns\.[a-z]{2}(?:-[a-z]{2,12}){1,3}-\d{1,2}\.amazonaws\.com(?:\.cn)?")
_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.pem")
_ALGORITHMS: dict[str, Callable[[], HashAlgorithm]] = {"1": SHA1, "2": SHA256}
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")

Fetch = Callable[[str], bytes]


def topics() -> list[str]:
    """The topics that may post here."""
    return base.setting_values("AMAZON_SES_TOPIC_ARNS")


def fetch(url: str) -> bytes:
    """The certificate at a URL that was found good; requests.RequestException when there is no getting it."""
    response = requests.get(url, timeout=TIMEOUT, allow_redirects=False)
    if response.status_code != requests.codes.ok:
        raise requests.HTTPError(f"HTTP {response.status_code}")
    return response.content


def verify(request: HttpRequest, *, fetch: Fetch = fetch) -> None:
    """Raise Refused unless an allowed topic's message is signed by Amazon; Undecided without Amazon's certificate."""
    found = getattr(request, "_sns_message", None) or base.document(request)  # anymail's own check has parsed it
    if base.dig(found, "TopicArn") not in topics():
        raise base.Refused("a topic that is not ours")
    algorithm = _ALGORITHMS.get(str(found.get("SignatureVersion")))
    if algorithm is None:
        raise base.Refused("a signature version that is not known")
    key = certificate(_trusted(found.get("SigningCertURL")), fetch=fetch)
    try:
        signature = base.from_base64(found.get("Signature"))
        key.verify(signature, digest(found, algorithm()), padding.PKCS1v15(), utils.Prehashed(algorithm()))
    except (InvalidSignature, binascii.Error) as error:
        raise base.Refused("the signature is not Amazon's") from error


def digest(found: dict[str, object], algorithm: HashAlgorithm) -> bytes:
    """Of what the signature is over: name and value of each field on lines of their own, in the order of the names."""
    names = _NOTIFICATION if found.get("Type") == "Notification" else _CONFIRMATION
    hashed = Hash(algorithm)
    for name in names:
        if isinstance(value := found.get(name), str):
            for line in (name, value):
                for start in range(0, len(line), PIECE):  # not whole: a mail may be in it
                    hashed.update(line[start : start + PIECE].encode())
                hashed.update(b"\n")
    return hashed.finalize()


def _trusted(url: object) -> str:
    """The URL, when it is one of Amazon SNS's own: https, its host in one of Amazon's regions, a .pem file."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        is_amazons = parts.scheme == "https" and _HOST.fullmatch(parts.netloc) and _PATH.fullmatch(parts.path)
    except ValueError:
        is_amazons = None
    if not is_amazons or parts.query or parts.fragment:
        raise base.Refused("the certificate is not at Amazon's")
    return f"https://{parts.netloc}{parts.path}"


def certificate(url: str, *, fetch: Fetch = fetch) -> rsa.RSAPublicKey:
    """The public key of the certificate at a trusted URL, kept for a day. Raises Undecided where it cannot be had.

    Whoever may write to the cache could put a certificate of his own there, so what is kept there is signed by us.
    """
    if (pem := _kept(url)) is not None:
        return _key(pem)
    try:
        pem = fetch(url)
    except (requests.RequestException, OSError) as error:
        raise base.Undecided(f"no certificate: {type(error).__name__}") from error
    key = _key(pem)
    keep(url, pem)
    return key


def _key(pem: bytes) -> rsa.RSAPublicKey:
    try:
        key = x509.load_pem_x509_certificate(pem).public_key()
    except ValueError as error:
        raise base.Undecided("what was fetched is no certificate") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise base.Undecided("the certificate has no RSA key")
    return key


def keep(url: str, pem: bytes) -> None:
    """Keep a certificate, where there is a cache; without one it is fetched anew each time."""
    try:
        cache.set(_name(url), signing.dumps([url, pem.decode()], salt=__name__), KEEP_SECONDS)
    except Exception as error:  # noqa: BLE001  a cache that is away stops no mail
        log.warning("certificate not kept error=%s", type(error).__name__)


def _kept(url: str) -> bytes | None:
    try:
        kept_url, pem = signing.loads(cache.get(_name(url)) or "", salt=__name__, max_age=KEEP_SECONDS)
    except signing.BadSignature:
        return None
    except Exception as error:  # noqa: BLE001  as above
        log.warning("certificate not read error=%s", type(error).__name__)
        return None
    return pem.encode() if kept_url == url else None


def _name(url: str) -> str:
    return f"sns-certificate:{url}"
