"""What is said to one SMTP or LMTP client (RFC 5321, RFC 2033): 250 only once every byte of the mail is kept."""

from __future__ import annotations

import asyncio
import collections
import logging
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiosmtpd import lmtp, smtp
from django.conf import settings

from conversation_tracker.providers.mime import Handed
from conversation_tracker.providers.smtp_verdict import Handover
from conversation_tracker.smtpd.desk import NotStored
from orders import addresses, faults

if TYPE_CHECKING:
    from conversation_tracker.smtpd.server import Server

log = logging.getLogger(__name__)

MOST_RECIPIENTS = 1_000  # of one mail
MOST_REFUSED = 100  # recipients in one session
MOST_MISTAKES = 100  # lines in one session that are no command, or none that is in its place
FREE = 250_000  # bytes of each mail, however much others are handing over
LONGEST_COMMAND = 1_024
LONGEST_HELO = 255
LAST_WORD = 2.0  # seconds that a client has to read why it is left
PATIENCE = 6  # times the idle time, for all of one mail
STEPS = 100  # of the idle time, in which it begins anew while a mail comes in
# How often a command may be used in one session.
CALLS = {"EHLO": 20, "HELO": 20, "HELP": 20, "LHLO": 20, "NOOP": 100, "STARTTLS": 3, "VRFY": 20, "RSET": 2_000}
CALLS |= {"MAIL": 1_000, "*": 1_000_000}
LINE_END = b"\r\n"
END = b"\r\n.\r\n"
PIECE = 65_536  # bytes
TOO_LARGE = "552 5.3.4 The mail is too large"
# RFC 5321 §4.1.2, with the source route of §4.1.1.3 that is to be ignored, and RFC 6531's characters.
_PATH = re.compile(
    r"\s*<(?:@[^\s<>:]{1,500}:)?(?P<address>[Pp][Oo][Ss][Tt][Mm][Aa][Ss][Tt][Ee][Rr]|(?:(?:\"(?:[^\"\\]|\\.){1,256}\"|[^\s<>\"@(),:;\[\\\]]{1,256})"
    r"@(?:[^\s<>\"@(),:;\[\\\]]{1,256}|\[[0-9A-Za-z.:]{1,64}\]))?)>(?P<rest>(?:\s.*)?)"
)
_BARE_REPLY = re.compile(r"(?P<code>[245]\d\d) (?!\d\.\d{1,3}\.\d{1,3} )")
_DETAILS = {"500": "5.5.2", "501": "5.5.4", "502": "5.5.1", "503": "5.5.1", "552": "5.3.4", "555": "5.5.4"}


@dataclass(slots=True)
class Reading:
    """A mail while it comes in. ``excess``: it is over a limit, so its bytes are thrown away."""

    content: bytearray = field(default_factory=bytearray)
    size: int = 0
    counted: int = 0  # bytes of it in the server's sum of what is in flight
    excess: str = ""  # the answer it will get


class Manners:
    """How a session answers EHLO, MAIL and RCPT; aiosmtpd calls these after it has read the command."""

    async def handle_EHLO(  # noqa: N802  aiosmtpd's name
        self, server: Session, session: smtp.Session, envelope: smtp.Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Say what is offered; no help and no AUTH, since nobody sends mail from here."""
        session.host_name = hostname
        offered = [line[4:] for line in responses if not line[4:].startswith(("AUTH", "HELP"))]
        offered += ["PIPELINING", "ENHANCEDSTATUSCODES"]
        return [f"250-{line}" for line in offered[:-1]] + [f"250 {offered[-1]}"]

    async def handle_MAIL(  # noqa: N802  aiosmtpd's name
        self, server: Session, session: smtp.Session, envelope: smtp.Envelope, address: str, options: list[str]
    ) -> str:
        """Begin a mail, from ``<>`` too."""
        if server.server.is_stopping:
            server.is_leaving = True
            return "421 4.3.2 Going out of service"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: Session, session: smtp.Session, envelope: smtp.Envelope, address: str, options: list[str]
    ) -> str:
        """Take a recipient at a tracking domain, known or not, the postmaster (RFC 5321 §4.5.1), and nobody else."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        if address.lower() == "postmaster":
            address = f"{address}@{settings.SMTPD_HOSTNAME}"
        try:
            is_own = addresses.key(address) == f"postmaster@{addresses.normal_domain(settings.SMTPD_HOSTNAME)}"
            is_ours = is_own or await server.server.desk.is_ours(address)
        except NotStored:
            return "451 4.3.0 Cannot tell just now, try again later"
        if not is_ours:
            server.refused += 1
            server.is_leaving = server.refused >= MOST_REFUSED
            if server.is_leaving:
                return "421 4.7.0 Too many refused recipients"
            return "550 5.7.1 Not a domain of ours, and nothing is relayed"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_exception(self, error: Exception) -> str:
        """A mistake of ours: the client tries again, and the log says where it was. Not so where TLS was not agreed on,
        as by whoever only looks what listens here.
        """
        if isinstance(error, smtp.TLSSetupException):
            log.info("no agreement on TLS: %s", type(error.__cause__).__name__)
        else:
            log.error("session failed\n%s", faults.trace(error))
        return "451 4.3.0 Something is wrong here, try again later"


class Session(smtp.SMTP):
    """One SMTP client."""

    line_length_limit = PIECE  # of aiosmtpd's buffer; here lines may have any length
    command_size_limit = LONGEST_COMMAND
    door, spoken = "smtp", "ESMTP"

    def __init__(self, server: Server) -> None:
        self.server = server
        self.refused = self.mistakes = 0
        self.is_leaving = False  # the answer that is being given is the last one
        self._is_turned_away = False
        self._is_within_list = False
        self.is_keeping = False
        # Keep this an attribute of the instance: aiosmtpd's own belongs to the class, and each EHLO changes it for all.
        self.command_size_limits = collections.defaultdict(lambda: LONGEST_COMMAND)
        super().__init__(
            Manners(),
            data_size_limit=settings.SMTPD_MAX_BYTES,
            enable_SMTPUTF8=True,
            hostname=settings.SMTPD_HOSTNAME,
            ident=self.spoken,
            tls_context=server.tls,
            timeout=settings.SMTPD_TIMEOUT,
            command_call_limit=CALLS,
            auth_exclude_mechanism=["LOGIN", "PLAIN"],
            loop=asyncio.get_running_loop(),
        )

    # --- The connection

    @property
    def client(self) -> str:
        """The client's address; empty where it came through a socket file."""
        peer = self.session.peer if self.session is not None else None
        return str(peer[0]) if isinstance(peer, tuple) else ""

    @property
    def is_idle(self) -> bool:
        """Whether no mail is under way."""
        return not self.is_keeping and (self.envelope is None or not self.envelope.mail_from)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, or begin anew after STARTTLS; but not while the house is full."""
        if self.transport is None and self._original_transport is None:
            peer = transport.get_extra_info("peername")
            refusal = self.server.admit(self, str(peer[0]) if isinstance(peer, tuple) else "")
            if refusal and isinstance(transport, asyncio.Transport):
                self._is_turned_away = True
                transport.write(f"421 4.3.2 {refusal}\r\n".encode())
                transport.close()
                return
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone; a mail that is half here goes with it."""
        if self._is_turned_away:
            return
        self.server.let_go(self)
        super().connection_lost(error)

    def eof_received(self) -> bool | None:
        """The client says no more, but may still listen: what it has said before is answered first.

        Not so within TLS, where Python ends both ways at once: its mail is kept or the client is told nothing.
        """
        if self._is_turned_away:
            return False
        if self.session is None or self.session.ssl is not None:
            return super().eof_received()
        # Keep this the method of asyncio: aiosmtpd's stops the work on what came before.
        return asyncio.StreamReaderProtocol.eof_received(self)

    async def _handle_client(self) -> None:
        """Answer until the client is gone, or has said all and been answered."""
        until = self._reader.readuntil

        async def next_command(*separator: bytes) -> bytes:
            await asyncio.sleep(0)  # what came in one piece is not answered in one go, while nobody else is
            try:
                return await until(*separator)
            except asyncio.IncompleteReadError:
                raise ConnectionResetError from None  # which aiosmtpd takes for the end, and closes

        self._reader.readuntil = next_command  # type: ignore[assignment,method-assign]  # aiosmtpd would answer 451 for ever
        with suppress(ConnectionResetError):
            await super()._handle_client()

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        if not self._is_turned_away:
            super().data_received(data)

    def _timeout_cb(self) -> None:
        self.leave("421 4.4.2 Waited too long")

    def leave(self, reply: str) -> None:
        """End the session with a last word, for which a client that reads nothing is not waited for."""
        if self._original_transport is not None and self.session is not None and self.session.ssl is None:
            # TLS is being agreed on. Keep this call: asyncio would tell nobody that such a connection is lost.
            self._cut_off()
            self.connection_lost(None)
        elif isinstance(self.transport, asyncio.WriteTransport):
            if not self.transport.is_closing():
                self.transport.write(f"{reply}\r\n".encode())
                self.transport.close()
            self.loop.call_later(LAST_WORD, self._cut_off)

    def _cut_off(self) -> None:
        transport = self._original_transport or self.transport
        if self.transport is not None and isinstance(transport, asyncio.WriteTransport):
            transport.abort()

    # --- Replies

    async def push(self, status: str | bytes) -> None:
        """Send a reply, with the enhanced status code of RFC 2034 where aiosmtpd gives none."""
        text = status.decode() if isinstance(status, bytes) else status
        is_greeting = self._is_within_list or text[4:].startswith(self.hostname)
        self._is_within_list = text[3:4] == "-"
        if not is_greeting and (found := _BARE_REPLY.match(text)):
            code = found["code"]
            text = f"{code} {_DETAILS.get(code, f'{code[0]}.0.0')} {text[4:]}"
        self.mistakes += text.startswith(("500 ", "501 ", "502 ", "503 ", "504 ", "553 ", "555 "))
        if self.mistakes >= MOST_MISTAKES:
            text = "421 4.7.0 Too many mistakes"
        await super().push(text)
        if (self.is_leaving or text.startswith("421 ")) and self.transport is not None:
            self.transport.close()

    # --- Commands

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Cut ``<address> parameters``. aiosmtpd uses the header parser, which decodes what looks like RFC 2047."""
        found = _PATH.fullmatch(arg)
        if found is None or not found["address"].isprintable():
            return None, None
        return found["address"] or "<>", found["rest"]

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        """Nobody signs in here."""
        await self.push("502 5.5.1 AUTH is not offered")

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        """Tell nothing about any address."""
        await self.push("252 2.5.0 Send the mail and it is seen to")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802  aiosmtpd's name
        """Take in a mail byte for byte, keep it, and only then say so."""
        if await self.check_helo_needed():
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 No recipient was taken")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        recipients = list(self.envelope.rcpt_tos)
        reading = Reading()
        self.is_keeping = True
        try:
            await self._read(reading)
            reply = await self._settle(reading, recipients)
        finally:
            self.is_keeping = False
            self.server.hold(self.client, -reading.counted)
        self.envelope = self._create_envelope()
        self._reset_timeout()
        await self.answer(reply, recipients)
        if self.server.is_stopping:
            self.leave("421 4.3.2 Going out of service")

    async def answer(self, reply: str, recipients: list[str]) -> None:
        """Say what became of the mail; in SMTP once."""
        await self.push(reply)

    async def _read(self, reading: Reading) -> None:
        """Read to the line with the single dot, of which only CR LF makes an end (RFC 5321 §4.1.1.4), and take away the
        dots that were put in for transparency. No other byte is changed.

        By pieces and not by lines: forty megabytes of empty lines would keep the one thread busy for over a minute.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + settings.SMTPD_TIMEOUT * PATIENCE
        reset_at = 0.0
        reading.content += LINE_END  # as if the line before had ended, so that a mail may begin with its end
        while True:
            if (now := loop.time()) > reset_at:
                self._reset_timeout(max(min(settings.SMTPD_TIMEOUT, deadline - now), 0.001))
                reset_at = now + settings.SMTPD_TIMEOUT / STEPS
            piece = await self._reader.read(PIECE)
            if not piece:
                raise ConnectionResetError
            searched = max(len(reading.content) - len(END) + 1, 0)
            self._take(piece, reading)
            at = reading.content.find(END, searched)
            if at >= 0:
                # What follows are the next commands. Keep this the buffer that aiosmtpd reads them from.
                self._reader._buffer[:0] = reading.content[at + len(END) :]  # type: ignore[attr-defined]
                del reading.content[at + len(LINE_END) :]
                return
            if reading.excess:
                del reading.content[: -len(END)]

    def _take(self, piece: bytes, reading: Reading) -> None:
        reading.content += piece
        reading.size += len(piece)
        limit = settings.SMTPD_MAX_BYTES
        if not reading.excess:
            self.server.hold(self.client, len(piece))
            reading.counted += len(piece)
            if reading.size > limit + limit // 3 + len(END):  # of four bytes one may be such a dot
                reading.excess = TOO_LARGE
            elif reading.size > FREE and self.server.is_too_much(self.client):
                reading.excess = "452 4.3.1 Too much at once, try again later"
            if reading.excess:
                self.server.hold(self.client, -reading.counted)
                reading.counted = 0
        elif reading.size > limit * 3:  # it was told the limit, and goes on and on
            self.leave(reading.excess)

    async def _settle(self, reading: Reading, recipients: list[str]) -> str:
        """Keep what was read, and say what became of it."""
        if reading.excess:
            return reading.excess
        plain = reading.content.replace(LINE_END + b".", LINE_END)
        raw = bytes(memoryview(plain)[len(LINE_END) :])
        if len(raw) > settings.SMTPD_MAX_BYTES:
            return TOO_LARGE
        reading.content.clear()
        del plain
        return await self._keep(raw, recipients)

    async def _keep(self, raw: bytes, recipients: list[str]) -> str:
        sender = self.envelope.mail_from if self.envelope is not None and self.envelope.mail_from != "<>" else ""
        helo = (self.session.host_name or "") if self.session is not None else ""
        helo = helo.encode("utf-8", "replace").decode()[:LONGEST_HELO]
        handover = Handover(client=self.client, helo=helo, sender=sender or "")
        try:
            await self.server.desk.keep(Handed(raw, sender or "", tuple(recipients), handover))
        except NotStored as error:
            log.warning("mail not stored door=%s full=%s", self.door, error.is_full)
            return "452 4.3.1 No room, try again later" if error.is_full else "451 4.3.0 Not stored, try again later"
        return "250 2.0.0 Kept"


class LmtpSession(Session, lmtp.LMTP):
    """One LMTP client, which is a mail server that hands over what is for us."""

    door, spoken = "lmtp", "LMTP"

    async def answer(self, reply: str, recipients: list[str]) -> None:
        """Say what became of the mail, once for each recipient (RFC 2033 §4.2)."""
        for _ in recipients:
            await self.push(reply)


def make(server: Server, *, is_lmtp: bool) -> Any:
    """A session for a connection that comes in."""
    return LmtpSession(server) if is_lmtp else Session(server)
