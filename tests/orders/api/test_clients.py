"""Public clients of the product we match complete their order calls here, with nothing of them changed.

They call hosts of their own choosing. A proxy on this machine, named in the environment as a company's would be,
takes those calls to the live server; TLS ends there, under a certificate that was made for the test.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from vtex import VTEX, VTEXConfig

from orders.models import Invoice, Order, Status
from tests import factories
from tests.orders.api.conftest import Api

HERE = Path(__file__).resolve().parent / "clients"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "conversation-tracker-tests" / "npm-clients"
HOSTS = ("acme.vtexcommercestable.com.br", "portal.vtexcommercestable.com.br")


class Proxy:
    """Takes every call to one server, whatever host it names; ends TLS where the caller begins it."""

    def __init__(self, target: tuple[str, int], certificate: Path) -> None:
        self._target = target
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with suppress(OSError), caller, socket.create_connection(self._target) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := caller.recv(65_536)):
                    return
                head += piece
            if head.startswith(b"CONNECT "):
                caller.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                caller = self._tls.wrap_socket(caller, server_side=True)
            else:
                # A proxy is asked for the whole address; a server for its path. One call for each connection.
                head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head).replace(
                    b"\r\n", b"\r\nConnection: close\r\n", 1
                )
                method, _, rest = head.partition(b" ")
                address, _, rest = rest.partition(b" ")
                path = urlsplit(address)
                server.sendall(method + b" " + path.path + (b"?" + path.query if path.query else b"") + b" " + rest)
            threading.Thread(target=_pour, args=(caller, server), daemon=True).start()
            if not head.startswith(b"CONNECT "):
                caller.sendall(server.recv(65_536).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            _pour(server, caller)


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def make_certificate(folder: Path) -> Path:
    """A certificate for the hosts that the clients call, with its key, good for an hour."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.public_bytes(encoding) + key.private_bytes(encoding, form, serialization.NoEncryption())
    )  # fmt: skip
    return path


@pytest.fixture
def outside(live_server: Any, settings: Any, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which every call of a client comes to the live server."""
    settings.ALLOWED_HOSTS = ["*"]
    certificate = make_certificate(tmp_path)
    address = urlsplit(live_server.url)
    proxy = Proxy((str(address.hostname), int(address.port or 80)), certificate)
    yield {
        "HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url, "http_proxy": proxy.url, "https_proxy": proxy.url,
        "NO_PROXY": "", "no_proxy": "", "SSL_CERT_FILE": str(certificate), "NODE_EXTRA_CA_CERTS": str(certificate),
    }  # fmt: skip
    proxy.close()


@pytest.fixture
def shop(transactional_db: None) -> Api:
    return Api(factories.make_store("acme"))


def test_vtexpy_completes_its_order_calls(shop, outside, monkeypatch):
    for name, value in outside.items():
        monkeypatch.setenv(name, value)
    store = shop.key.store
    orders = [factories.make_order_at(Status.HANDLING, store=store) for _ in range(3)]
    shop.act(orders[0], "changes", {"discountValue": 100, "reason": "late"})
    wanted: dict[str, Any] = {"account_name": "acme", "app_key": shop.key.app_key, "app_token": "token"}
    client = VTEX(VTEXConfig(**wanted, retry_attempts=0))

    listed = client.orders.list_orders(page_size=2, creation_date_from=datetime(2026, 1, 1, tzinfo=UTC))
    assert [row["order_id"] for row in listed.items] == [order.number for order in reversed(orders)][:2]
    assert (listed.pagination.total, listed.pagination.pages, listed.pagination.next_page) == (3, 2, 2)
    found = client.orders.list_orders(query=orders[1].number, search="x", order_by_direction="ASC")
    assert [row["order_id"] for row in found.items] == [orders[1].number]

    one = client.orders.get_order(orders[0].number).data
    alias = orders[0].aliases.get(party="customer").address.text()
    assert (one["order_id"], one["status"], one["value"]) == (orders[0].number, "handling", 12_900)
    assert one["client_profile_data"]["email"] == alias
    [change] = client.orders.get_order_changes(orders[0].number).data
    assert (change["reason"], change["discount_value"]) == ("late", 100)

    body = {"invoiceNumber": "F-1", "invoiceValue": 12_900, "issuanceDate": "2026-02-01"}
    call: dict[str, Any] = {"environment": client.orders.ENVIRONMENT}
    path = f"/api/oms/pvt/orders/{orders[0].number}"
    assert client.custom.request("POST", f"{path}/invoice", json=body, **call).data["order_id"] == orders[0].number
    assert client.custom.request("GET", f"{path}/conversation-message", **call).data == []

    filters = ["handling", "invoiced"]
    assert client.orders.set_feed_config(filters).data["filter"]["status"] == filters
    assert client.orders.get_feed_config().data["quantity"] == 0
    assert client.orders.list_feed_orders().items == []
    assert client.orders.commit_feed_orders(["none"]).status_code == 200
    assert client.orders.delete_feed_config().status_code == 204


def install_npm_client() -> Path:
    """The npm client with all that it needs, in a folder that is kept. Skips, saying why, where it cannot be had."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("NOT TESTED: the npm client @vtex/clients, since there is no node and npm on this machine")
    if not (CACHE / "installed").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "package.json", CACHE)
        npm = subprocess.run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=CACHE, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        if npm.returncode:
            pytest.skip(
                f"NOT TESTED: the npm client @vtex/clients, since npm could not install it: {npm.stderr[-300:]}"
            )
        (CACHE / "installed").touch()
    return CACHE


def test_the_npm_client_completes_its_order_calls(shop, outside):
    folder = install_npm_client()
    store = shop.key.store
    order, other = (factories.make_order_at(Status.HANDLING, store=store) for _ in range(2))
    done = subprocess.run(
        ["node", str(HERE / "calls.js"), order.number, other.number],
        cwd=folder, capture_output=True, text=True, timeout=120, check=False,
        env={
            **os.environ, **outside, "NODE_PATH": str(folder / "node_modules"), "APP_KEY": shop.key.app_key,
            "APP_TOKEN": "token",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    answers = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("ANSWERS "))[8:])
    assert {row["orderId"] for row in answers["list"]["list"]} == {order.number, other.number}
    assert (answers["order"]["orderId"], answers["order"]["status"]) == (order.number, "handling")
    assert answers["invoice"]["receipt"] == str(Invoice.objects.get().receipt)
    assert answers["cancel"]["orderId"] == other.number
    statuses = dict(Order.objects.values_list("number", "status"))
    assert statuses == {order.number: "invoiced", other.number: "canceled"}
