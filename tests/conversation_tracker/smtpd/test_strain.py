"""The SMTP door under kills, crowds and clients that never end."""

from __future__ import annotations

import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from conversation_tracker.smtpd import session
from conversation_tracker.smtpd.server import Place, party
from orders.placing import Placed
from tests import stopwatch
from tests.conversation_tracker.smtpd.doors import (
    ANYWHERE,
    MAIL,
    SENDER,
    Door,
    begin,
    bodies,
    how_often,
    replies,
    running,
    say,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_was_answered_with_250_survives_a_kill(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE) as door:
        client = door.raw()
        begin(client, alias)
        assert say(client, MAIL + b".")[0].startswith("250 ")
        door.process.kill()
        door.process.wait()
    assert bodies() == [MAIL]


def test_a_stop_finishes_what_is_under_way_and_turns_others_away(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE) as door:
        busy, idle = door.raw(), door.raw()
        begin(busy, alias)
        busy.sendall(MAIL)
        door.process.send_signal(signal.SIGTERM)
        assert replies(idle, 1)[0].startswith("421 4.3.2")
        assert idle.recv(10) == b""
        with pytest.raises(OSError, match=r"."):
            door.raw()
        busy.sendall(b".\r\nQUIT\r\n")
        assert [one[:3] for one in replies(busy, 2)] == ["250", "421"]
        assert door.process.wait(20) == 0
    assert bodies() == [MAIL]


@pytest.mark.parametrize("last", [b"QUIT\r\n", b""])
def test_a_client_that_says_all_at_once_and_ends_its_side_is_answered(door: Door, alias: str, last: bytes) -> None:
    with door.raw() as client:
        commands = f"EHLO mx.carrier.example\r\nMAIL FROM:<{SENDER}>\r\nRCPT TO:<{alias}>\r\nDATA\r\n"
        client.sendall(commands.encode() + MAIL + b".\r\n" + last)
        client.shutdown(socket.SHUT_WR)
        said = b""
        while piece := client.recv(4_096):
            said += piece
    codes = [line[:3] for line in said.decode().splitlines() if line[3:4] == " "]
    assert codes == ["250", "250", "250", "354", "250"] + ["221"] * bool(last)
    assert bodies() == [MAIL]


@pytest.mark.parametrize("cut", [b"", b"MAIL", b"half a mail"])
def test_a_client_that_ends_its_side_half_way_is_let_go(door: Door, alias: str, cut: bytes) -> None:
    with door.raw() as client:
        if cut == b"half a mail":
            begin(client, alias)
        client.sendall(cut)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b""
    assert bodies() == []
    with door.smtp() as another:
        assert another.sendmail(SENDER, [alias], MAIL) == {}


def test_fifty_clients_at_once(door: Door, alias: str) -> None:
    def send(number: int) -> None:
        with door.smtp() as client:
            for turn in range(4):
                client.sendmail(SENDER, [alias], MAIL + f"{number} {turn}\r\n".encode())

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(send, range(50)))
    assert set(bodies()) == {MAIL + f"{number} {turn}\r\n".encode() for number in range(50) for turn in range(4)}


def test_a_crowd_is_turned_away_for_the_time_being(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE, SMTPD_MAX_CONNECTIONS_PER_CLIENT="3") as door:
        inside = [door.raw() for _ in range(3)]
        with socket.create_connection(door.address, timeout=20) as client:
            assert replies(client, 1)[0].startswith("421 4.3.2")
            assert client.recv(10) == b""
        inside.pop().close()
        time.sleep(0.2)
        begin(door.raw(), alias)


@pytest.mark.parametrize(
    ("relays", "size", "code"),
    [("192.0.2.0/24", session.FREE, "250"), ("127.0.0.0/8", session.FREE, "452"), ("127.0.0.0/8", 0, "250")],
)
def test_one_client_cannot_take_all_the_room_but_a_relay_of_ours(
    placed: Placed, alias: str, relays: str, size: int, code: str
) -> None:
    """And whoever does, small mails pass."""
    largest = b"x" * 1_000_000
    with (
        running(*ANYWHERE, SMTPD_MAX_BYTES=str(len(largest)), SMTPD_TRUSTED_RELAYS=relays) as door,
        ExitStack() as all_,
    ):
        for greedy in [all_.enter_context(door.raw()) for _ in range(5)]:
            begin(greedy, alias)
            greedy.sendall(largest)
        time.sleep(1)
        with socket.create_connection(door.address, timeout=20, source_address=("127.0.0.2", 0)) as other:
            replies(other, 1)
            begin(other, alias)
            other.sendall(MAIL + b"x" * size + b"\r\n.\r\n")
            assert replies(other, 1)[0].startswith(code)


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9%eth0", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:198.51.100.1", "::ffff:198.51.100.2", False),
        ("198.51.100.1", "198.51.100.2", False),
    ],
)
def test_a_network_of_one_client_counts_as_one(one: str, other: str, *, are_one: bool) -> None:
    assert (party(one) == party(other)) is are_one


def test_who_says_nothing_is_not_waited_for(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE, SMTPD_TIMEOUT="1") as door:
        silent, slow, half = door.raw(), door.raw(), door.raw()
        begin(half, alias)
        with stopwatch.running() as took:
            how_often(slow, b"E", pause=0.1)
        assert took.seconds < 3
        for client in (silent, half):
            assert replies(client, 1)[0].startswith("421 4.4.2")
        assert bodies() == []


def test_who_does_not_read_what_it_is_told_keeps_no_place(placed: Placed, alias: str) -> None:
    with (
        running(*ANYWHERE, SMTPD_TIMEOUT="5", SMTPD_MAX_CONNECTIONS="1") as door,
        socket.socket() as deaf,
    ):
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        deaf.settimeout(4)
        deaf.connect(door.address)
        with suppress(TimeoutError):
            deaf.sendall(b"\r\n" * 2_000_000)
        time.sleep(8)
        assert begin(door.raw(), alias)[-1].startswith("354 ")


def test_a_slow_mail_is_waited_for_but_not_for_ever(placed: Placed, alias: str) -> None:
    """The door waits two seconds for each piece, and twelve for a mail; the machine may stand still for one of them."""
    quarter = len(MAIL) // 4 + 1
    with running(*ANYWHERE, SMTPD_TIMEOUT="2") as door:
        client = door.raw()
        begin(client, alias)
        for start in range(0, len(MAIL), quarter):
            client.sendall(MAIL[start : start + quarter])
            time.sleep(0.8)
        assert say(client, b".")[0].startswith("250 ")
        begin(client, alias)
        assert how_often(client, b"x\r\n", pause=0.1) < 200
    assert bodies() == [MAIL]


def test_too_much_nonsense_ends_the_session(door: Door) -> None:
    client = door.raw()
    client.sendall(b"\xff\x00\r\n" + b"GET / HTTP/1.1\r\n" * 6)
    assert [one[:3] for one in replies(client, 6)][-1] == "502"


def test_nothing_that_a_client_says_is_logged(placed: Placed, alias: str) -> None:
    with running(*ANYWHERE) as door:
        with door.smtp() as client:
            client.sendmail("secret@person.example", [alias], MAIL)
            client.docmd("SECRET@PERSON.EXAMPLE")
        door.end()
    assert [word for word in ("secret", "SECRET", alias, "Here.") if word in door.errors] == []


def test_a_port_that_is_taken_is_said(door: Door) -> None:
    other = Door("--listen", door.place)
    assert "Cannot listen at" in other.process.communicate(timeout=20)[1]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:25", Place("127.0.0.1", 25)),
        ("[::1]:25", Place("::1", 25)),
        (":25", Place("", 25)),
        ("unix:/run/ct/lmtp", Place(path=Path("/run/ct/lmtp"))),
    ],
)
def test_a_place_is_read(text: str, place: Place) -> None:
    assert Place.read(text) == place


@pytest.mark.parametrize("text", ["", "25", "host", "host:smtp", "host:70000", "unix:relative", "host:-1"])
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"place|socket"):
        Place.read(text)


@pytest.mark.parametrize("line", [b"\r\n", b"RCPT TO:x\r\n", b"DATA\r\n", b"AUTH PLAIN\r\n"])
def test_who_says_nothing_that_is_a_command_is_left_and_keeps_nobody_waiting(placed: Placed, line: bytes) -> None:
    with running(*ANYWHERE) as door:
        crowd = [door.raw() for _ in range(20)]
        for client in crowd:
            client.sendall(b"EHLO mx.carrier.example\r\n" + line * session.MOST_MISTAKES * 50)
        began = time.monotonic()
        honest = door.raw()
        assert say(honest, b"EHLO mx.carrier.example", b"QUIT")[-1].startswith("221")
        assert time.monotonic() - began < 5
        found = replies(crowd[0], session.MOST_MISTAKES + 1)
    assert found[-1] == "421 4.7.0 Too many mistakes"
