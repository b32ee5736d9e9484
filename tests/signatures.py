"""Sign as providers do, with keys of the tests' own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from conversation_tracker import providers

TOPIC = "arn:aws:sns:us-east-1:123456789012:inbound"


SIGNING_CERT_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def sns(kind: str, *, version: str = "2", **fields: Any) -> dict[str, Any]:
    """A message of Amazon SNS, signed with the tests' own key, whose certificate is kept as Amazon's would be."""
    message = {
        "Type": kind,
        "MessageId": "sns-1",
        "TopicArn": TOPIC,
        "Timestamp": "2026-11-23T10:00:01.000Z",
        "SignatureVersion": version,
        "SigningCertURL": SIGNING_CERT_URL,
        **fields,
    }
    algorithm = {"1": hashes.SHA1(), "2": hashes.SHA256()}[version]
    signature = rsa_key().sign(_sns_text(message), padding.PKCS1v15(), algorithm)
    providers.sns.keep(SIGNING_CERT_URL, certificate())
    return {**message, "Signature": base64.b64encode(signature).decode()}


def _sns_text(message: dict[str, Any]) -> bytes:
    """What Amazon signs, as its developer guide has it."""
    more = ["Subject"] if message["Type"] == "Notification" else ["SubscribeURL", "Token"]
    names = sorted(["Message", "MessageId", "Timestamp", "TopicArn", "Type", *more])
    return "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()


@lru_cache
def rsa_key() -> rsa.RSAPrivateKey:
    """The key with which these letters are signed, where a provider has one."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache
def certificate() -> bytes:
    """A certificate of that key, in PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(rsa_key().public_key())
    builder = builder.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    finished = builder.not_valid_after(datetime(2100, 1, 1, tzinfo=UTC)).sign(rsa_key(), hashes.SHA256())
    return finished.public_bytes(serialization.Encoding.PEM)


def postal_key() -> str:
    """The public key that Postal shows, without PEM's first and last line."""
    public = rsa_key().public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "".join(pem.decode().splitlines()[1:-1])


def svix(payload: object, *, secret: str) -> tuple[bytes, dict[str, str]]:
    """A body as Svix signs it, for Resend, with the headers that say so."""
    body, stamp = json.dumps(payload), str(int(time.time()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.new(key, f"msg_1.{stamp}.{body}".encode(), hashlib.sha256).digest()).decode()
    return body.encode(), {"svix-id": "msg_1", "svix-timestamp": stamp, "svix-signature": f"v1,{signature}"}


def hmac_of(payload: object, secret: str) -> tuple[bytes, str]:
    """A body with its HMAC-SHA256 in hexadecimal, as MailerSend and Mailtrap sign."""
    body = json.dumps(payload).encode()
    return body, hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
