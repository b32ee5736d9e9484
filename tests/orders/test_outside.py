"""Posting to an address that somebody else chose."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from orders import names, outside
from tests import stopwatch, targets
from tests.conversation_tracker.authenticity import zones

STRICT = outside.Rules()
HOME = outside.Rules(may_be_local=True, seconds=1.0)


def asked(url: str) -> outside.Answer:
    return outside.post(url, body=b'{"a":1}', headers={}, rules=HOME)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.5.4", "192.0.0.8",
        "192.0.0.192", "192.0.2.7", "192.88.99.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "168.63.129.16", "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
        "64:ff9b::a00:1", "64:ff9b:1::1", "100::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1",
        "2002:a00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "3fff::1", "fe80::1%eth0", "fec0::1", "ff02::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_internet_is_not_public(address: str) -> None:
    assert not outside.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert outside.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://shop.example/hook", "https://"),
        ("ftp://shop.example/hook", "https://"),
        ("file:///etc/passwd", "https://"),
        ("//shop.example/", "https://"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https://user:pass@shop.example/", "user"),
        ("https://shop.example\\@10.0.0.1/", "characters"),
        ("https://shop.example/a b", "characters"),
        ("https://shop.example/\r\nHost: other", "characters"),
        ("https://shop.example:22/", "port 22"),
        ("https://shop.example:99999/", "no address"),
        ("https://[::1/", "no address"),
        ("https://shöp.example/", "characters"),
        ("https://" + "a" * 2_000, "too long"),
    ],
)
def test_an_address_that_is_no_plain_https_one_is_refused(url: str, why: str) -> None:
    with pytest.raises(outside.Refused, match=why):
        outside.parse(url, STRICT)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://10.0.0.1:8443/", "https://169.254.169.254/latest/meta-data/", "https://[::1]/",
        "https://[::ffff:127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://localhost/", "https://a.localhost/",
        "https://127.0.0.1./",
    ],
)  # fmt: skip
def test_a_target_on_a_private_address_is_refused(url: str) -> None:
    with pytest.raises(outside.Refused, match=r"private network|no such host"):
        outside.check(url, STRICT)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "017700000001"])
def test_an_odd_spelling_of_this_machine_is_a_name_and_there_is_none(host: str) -> None:
    with zones.served({}) as server, pytest.raises(outside.Refused, match="no such host"):
        outside.check(f"https://{host}/", outside.Rules(name_servers=[server]))


@pytest.mark.parametrize(
    "records",
    [
        {("hook.example", "A"): ("10.0.0.1",)},
        {("hook.example", "A"): ("8.8.8.8", "192.168.0.1")},
        {("hook.example", "A"): ("8.8.8.8",), ("hook.example", "AAAA"): ("::1",)},
    ],
)
def test_a_name_that_leads_inside_is_refused_even_when_it_leads_outside_too(records: dict[Any, Any]) -> None:
    with zones.served(records) as server, pytest.raises(outside.Refused, match="private network"):
        outside.check("https://hook.example/", outside.Rules(name_servers=[server]))


def test_a_name_of_the_internet_passes() -> None:
    with zones.served({("hook.example", "A"): ("8.8.8.8",)}) as server:
        outside.check("https://hook.example/in", outside.Rules(name_servers=[server]))


def test_a_name_server_that_is_silent_is_told_apart() -> None:
    with zones.served({("hook.example", "AAAA"): None}) as server, pytest.raises(names.Unanswered):
        outside.check("https://hook.example/", outside.Rules(name_servers=[server], seconds=0.3))


def test_a_name_is_asked_for_once_and_the_checked_address_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: a second question would be answered with this machine."""
    questions: list[str] = []
    connected: list[Any] = []

    def addresses_of(host: str, **_: Any) -> list[Any]:
        questions.append(host)
        return [ipaddress.ip_address("8.8.8.8" if len(questions) == 1 else "127.0.0.1")]

    def create_connection(address: Any, **_: Any) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(names, "addresses_of", addresses_of)
    monkeypatch.setattr(socket, "create_connection", create_connection)
    answer = outside.post("https://hook.example/", body=b"", headers={}, rules=STRICT)
    assert (questions, connected, answer.status) == (["hook.example"], [("8.8.8.8", 443)], None)


def test_nothing_is_sent_to_a_refused_target() -> None:
    with targets.target() as target:
        answer = outside.post(target.url, body=b"secret", headers={}, rules=STRICT)
        assert (answer.status, target.posts) == (None, [])
        assert answer.problem.startswith("Refused")


def test_what_is_posted_arrives_with_its_headers() -> None:
    with targets.target() as target:
        answer = outside.post(f"{target.url}/in?a=b", body=b'{"a":1}', headers={"X-Token": "t"}, rules=HOME)
        [post] = target.posts
    assert (answer, post.path, post.body) == (outside.Answer(200, ""), "/in?a=b", b'{"a":1}')
    assert (post.headers["X-Token"], post.headers["Host"]) == ("t", target.url.removeprefix("http://"))


def test_a_redirect_is_not_followed() -> None:
    with targets.target() as inside, targets.target(lambda _: (302, {"Location": inside.url})) as target:
        answer = asked(target.url)
        assert (answer.status, answer.is_ok, inside.posts) == (302, False, [])


@pytest.mark.parametrize("status", [201, 204, 404, 500])
def test_only_200_is_taken_for_yes(status: int) -> None:
    with targets.target(lambda _: (status, {})) as target:
        assert asked(target.url) == outside.Answer(status, f"It answered {status}, not 200.")


def test_a_target_that_is_not_there_is_a_failure() -> None:
    assert asked("http://127.0.0.1:1/").problem == "The connection failed: ConnectionRefusedError."


@contextmanager
def raw(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says whatever ``serve`` writes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            client, _ = server.accept()
            with client:
                try:
                    serve(client)
                except OSError:
                    return

        thread = threading.Thread(target=run)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        thread.join(10)
        assert not thread.is_alive()


def silent(client: socket.socket) -> None:
    while client.recv(1_000):
        pass


def dripping(client: socket.socket) -> None:
    for byte in b"HTTP/1.1 100 Continue\r\nX: " + b"x" * 10_000:
        client.sendall(bytes([byte]))
        time.sleep(0.05)


def endless_headers(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        client.sendall(b"X: " + b"x" * 60_000 + b"\r\n")


def endless_body(client: socket.socket) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        client.sendall(b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n")


def garbage(client: socket.socket) -> None:
    client.sendall(b"\x00\xff no http at all\r\n\r\n")


def always_continue(client: socket.socket) -> None:
    while True:
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


HOSTILE: Mapping[str, tuple[Callable[[socket.socket], None], bool]] = {
    "silent": (silent, False),
    "dripping": (dripping, False),
    "endless headers": (endless_headers, True),  # the status is all that is read
    "endless body": (endless_body, True),
    "garbage": (garbage, False),
    "always continue": (always_continue, False),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_target_costs_no_more_than_its_time(kind: str) -> None:
    serve, is_ok = HOSTILE[kind]
    with raw(serve) as url, stopwatch.running() as took:
        answer = asked(url)
    assert (answer.is_ok, took.seconds < 1.5) == (is_ok, True)


def certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A key and a certificate for the host that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An https server on this machine for hook.localhost; gives its port."""
    cert, key = certificate(tmp_path, "hook.localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_certificate_is_checked_against_the_name_and_not_the_address(tls: int) -> None:
    assert asked(f"https://hook.localhost:{tls}/") == outside.Answer(200, "")
    assert "SSLCertVerificationError" in asked(f"https://other.localhost:{tls}/").problem


def test_an_unknown_authority_is_refused(tls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "SSLCertVerificationError" in asked(f"https://hook.localhost:{tls}/").problem


def test_a_handshake_that_never_comes_ends_in_time() -> None:
    with raw(silent) as url, stopwatch.running() as took:
        answer = asked(url.replace("http://", "https://"))
        assert (answer.status, took.seconds < 1.5) == (None, True)
