"""Listen for SMTP or LMTP clients, keep to the limits, and stop in good order."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import signal
import socket
import ssl
import stat
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from conversation_tracker.providers import smtp_verdict
from conversation_tracker.smtpd import session
from conversation_tracker.smtpd.desk import Desk

log = logging.getLogger(__name__)

MAILS_IN_FLIGHT = 5  # of the largest size, that all clients together may be handing over
MAILS_OF_ONE = 2  # of these, that one may which is no mail server of ours
STOP_PATIENCE = 30.0  # seconds for the mails that are under way
POLL = 0.05
HIGHEST_PORT = 65_535


class CannotListen(Exception):
    """The server cannot start; the message says why, for the person who started it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen: a host and a port, or a socket file."""

    host: str = ""
    port: int = 0
    path: Path | None = None

    @classmethod
    def read(cls, text: str) -> Place:
        """``127.0.0.1:2525``, ``[::1]:2525``, ``:25`` for everywhere, or ``unix:/run/ct/lmtp``. Raises ValueError."""
        if text.startswith("unix:"):
            path = Path(text.removeprefix("unix:"))
            if not path.is_absolute():
                raise ValueError("a socket file is named by its full path, as in unix:/run/ct/lmtp")
            return cls(path=path)
        host, colon, port = text.rpartition(":")
        if not colon or not (port.isascii() and port.isdecimal()) or int(port) > HIGHEST_PORT:
            raise ValueError("a place is HOST:PORT or unix:/PATH, as in 127.0.0.1:2525")
        return cls(host=host.strip("[]"), port=int(port))

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Server:
    """One listening place and the sessions that came in through it."""

    def __init__(self, place: Place, *, is_lmtp: bool, mode: int = 0o660) -> None:
        _check_relays()
        self.place = place
        self.tls = _tls()
        self.is_stopping = False
        self.desk: Desk
        self._is_lmtp, self._mode = is_lmtp, mode
        self._sessions: dict[session.Session, str] = {}
        self._per_client: Counter[str] = Counter()
        self._in_flight: Counter[str] = Counter()  # bytes of mails that are being handed over, by client
        self._asked = asyncio.Event()
        self._asked_again = asyncio.Event()

    async def run(self, ready: Callable[[str], None]) -> None:
        """Serve until SIGTERM or SIGINT; ``ready`` is told where. Raises CannotListen.

        What is being handed over then is finished, if that takes no longer than STOP_PATIENCE or a second signal.
        """
        loop = asyncio.get_running_loop()
        self.desk = Desk()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._load_certificate)
        listening = await self._listen()
        ready(str(self.place))
        try:
            await self._asked.wait()
        finally:
            listening.close()
            await self._end_sessions()
            await self.desk.close()
            if self.place.path is not None:
                self.place.path.unlink(missing_ok=True)

    def admit(self, one: session.Session, client: str) -> str:
        """Take in a session; else why not."""
        if self.is_stopping:
            return "Going out of service"
        if len(self._sessions) >= settings.SMTPD_MAX_CONNECTIONS:
            return "Too many connections"
        client = party(client)
        if client and self._per_client[client] >= settings.SMTPD_MAX_CONNECTIONS_PER_CLIENT:
            return "Too many connections from you"
        self._sessions[one] = client
        self._per_client[client] += 1
        return ""

    def let_go(self, one: session.Session) -> None:
        """A session has ended."""
        client = self._sessions.pop(one, None)
        if client is not None:
            self._per_client[client] -= 1
            if not self._per_client[client]:
                del self._per_client[client]

    def hold(self, client: str, size: int) -> None:
        """Count so many bytes more of a mail that a client is handing over; less than none to count them no longer."""
        one = party(client)
        self._in_flight[one] += size
        if not self._in_flight[one]:
            del self._in_flight[one]

    def is_too_much(self, client: str) -> bool:
        """Whether more is being handed over than all clients together may, or than this one may alone."""
        if self._in_flight.total() > settings.SMTPD_MAX_BYTES * MAILS_IN_FLIGHT:
            return True
        is_more_than_its_share = self._in_flight[party(client)] > settings.SMTPD_MAX_BYTES * MAILS_OF_ONE
        return is_more_than_its_share and not smtp_verdict.is_relay(client)

    async def _listen(self) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        place = self.place
        try:
            if place.path is not None:
                _remove_stale(place.path)
                listening = await loop.create_unix_server(self._session, str(place.path))
                place.path.chmod(self._mode)
            else:
                listening = await loop.create_server(self._session, place.host or None, place.port, backlog=256)
                self.place = Place(place.host, listening.sockets[0].getsockname()[1])
        except OSError as error:
            raise CannotListen(f"Cannot listen at {place}: {error.strerror or error}.") from error
        return listening

    def _session(self) -> asyncio.BaseProtocol:
        made: asyncio.BaseProtocol = session.make(self, is_lmtp=self._is_lmtp)
        return made

    def _ask_to_stop(self) -> None:
        (self._asked_again if self._asked.is_set() else self._asked).set()
        self.is_stopping = True

    async def _end_sessions(self) -> None:
        self.is_stopping = True
        loop = asyncio.get_running_loop()
        until = loop.time() + STOP_PATIENCE
        while self._sessions and loop.time() < until and not self._asked_again.is_set():
            for one in list(self._sessions):
                if one.is_idle:
                    one.leave("421 4.3.2 Going out of service")
            await asyncio.sleep(POLL)
        for one in list(self._sessions):
            one.leave("421 4.3.2 Going out of service")
        await asyncio.sleep(POLL)

    def _load_certificate(self) -> None:
        """Take up a certificate that was renewed; the connections that stand keep theirs."""
        if self.tls is not None:
            try:
                # Keep this a new one: what fails to be loaded into the old one spoils what is in there.
                self.tls = _tls()
            except CannotListen as error:
                log.error("certificate not taken up: %s", error)  # noqa: TRY400  the old one still serves
            else:
                log.info("certificate taken up")


def _check_relays() -> None:
    """Raise CannotListen when a network is none: the workers, which need them, could only note it at each mail."""
    try:
        for one in settings.SMTPD_TRUSTED_RELAYS:
            ipaddress.ip_network(one, strict=False)
    except ValueError as error:
        raise CannotListen(f"SMTPD_TRUSTED_RELAYS: {error}.") from error


def _tls() -> ssl.SSLContext | None:
    """What STARTTLS offers; None where no certificate is configured. Raises CannotListen."""
    cert, key = settings.SMTPD_TLS_CERT, settings.SMTPD_TLS_KEY
    if not cert and not key:
        return None
    if not (cert and key):
        raise CannotListen("SMTPD_TLS_CERT and SMTPD_TLS_KEY belong together; only one of them is set.")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise CannotListen(f"SMTPD_TLS_CERT or SMTPD_TLS_KEY cannot be used: {error}.") from error
    return context


def _remove_stale(path: Path) -> None:
    """Remove the socket file of a server that is no more. Raises CannotListen when it answers, or is no socket."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CannotListen(f"{path} is there already, and is no socket.")
        with socket.socket(socket.AF_UNIX) as trial:
            if trial.connect_ex(str(path)) == 0:
                raise CannotListen(f"Another process listens at {path}.")
        path.unlink()


def party(client: str) -> str:
    """What counts as one client: of IPv6 a network of 64 bits, since anybody is given a whole one (RFC 6177 §2)."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:  # none: it came through a socket file
        return client
    if isinstance(address, ipaddress.IPv4Address) or address.ipv4_mapped is not None:
        return client
    return str(ipaddress.IPv6Network((address, 64), strict=False))
