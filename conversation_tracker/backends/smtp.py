"""SMTP with an end to each conversation.

A mail that the server took and that we do not know of leaves twice. So what comes before the mail is cut short, which
costs nothing; the answer to the mail is waited for longer than any other; and what comes after it may fail.
"""

from __future__ import annotations

import smtplib
import time
from contextlib import suppress
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from conversation_tracker import answers

CONNECT = 10.0  # seconds, for each address of the server
UNTIL_DATA = 90.0  # seconds, for all that is said before the mail; for each reply EMAIL_TIMEOUT at most
FOR_THE_MAIL = 120.0  # seconds, for the mail
# Servers scan a mail before they answer, by one service after another, and give each up to two minutes (SpamAssassin
# and ClamAV in Exim; Postfix waits 100 seconds for a filter). RFC 5321 §4.5.3.2.6 asks for ten, for which a few mails
# that a server chokes on would keep all who send.
FOR_ITS_ANSWER = 240.0
TO_QUIT = 2.0
POSITIVE, TAKEN, PRELIMINARY = 200, 250, 300  # replies, RFC 5321 §4.2.1
NOT_ASCII = (553, b"5.6.7 non-ASCII addresses not permitted")  # RFC 6531 §3.5
PIECE = 8_192  # bytes


class _Lines:
    """What the server says, by lines. Of a reply that comes byte by byte, no byte begins the time anew."""

    def __init__(self, conversation: _Timed) -> None:
        self._conversation, self._rest = conversation, b""

    def readline(self, longest: int) -> bytes:
        while b"\n" not in self._rest and len(self._rest) < longest:
            self._conversation.limit()
            piece = self._conversation.sock.recv(PIECE)  # type: ignore[union-attr]  # it is connected
            if not piece:
                break
            self._rest += piece
        end = min(self._rest.find(b"\n") + 1 or len(self._rest), longest)
        line, self._rest = self._rest[:end], self._rest[end:]
        return line

    def close(self) -> None:
        """Nothing is open but the socket."""


class _Timed(smtplib.SMTP):
    """Sets the time that is left before it says something and before it listens."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.until, self.longest = time.monotonic() + UNTIL_DATA, float(kwargs["timeout"])
        self.has_mail = False  # whether the server has all of it, and has not answered
        self.said_of_mail = b""  # by which a service names it
        super().__init__(*args, **kwargs)

    def _get_socket(self, host: str, port: int, timeout: float) -> Any:
        return super()._get_socket(host, port, min(timeout, CONNECT))  # type: ignore[misc]  # not in the stubs

    def send(self, s: Any) -> None:
        if not isinstance(s, str):  # commands are texts, the mail is bytes
            self.give(FOR_THE_MAIL, longest=FOR_THE_MAIL)
        self.limit()
        super().send(s)
        self.has_mail = not isinstance(s, str)

    def getreply(self) -> tuple[int, bytes]:
        if self.has_mail:
            self.give(FOR_ITS_ANSWER, longest=FOR_ITS_ANSWER)
        self.limit()
        if self.file is None:
            self.file = _Lines(self)
        try:
            code, said = super().getreply()
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if self.has_mail:
                raise answers.Unanswered from error
            raise
        if self.has_mail:
            if code < POSITIVE:  # it is no reply
                raise answers.Unanswered
            code = TAKEN if code < PRELIMINARY else code  # 2xx, of which smtplib knows one
            self.said_of_mail = said
        return code, said

    def give(self, seconds: float, *, longest: float) -> None:
        """From now on there is so much time for everything, and for one step so much at most."""
        self.until, self.longest = time.monotonic() + seconds, longest

    def limit(self) -> None:
        """Let the next step take no longer than there is time. Raises TimeoutError when there is none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self.sock is not None:
            self.sock.settimeout(min(left, self.longest))


class _TimedSSL(_Timed, smtplib.SMTP_SSL):
    """The same within TLS from the start."""


class EmailBackend(smtp.EmailBackend):
    """Django's. A mail that was taken has what the server said of it as ``smtp_reply``, bytes."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _TimedSSL if self.use_ssl else _Timed

    def _send(self, email_message: EmailMessage) -> bool:
        """Django writes é before the @ as header fields have it, which makes it nobody's mailbox."""
        if foreign := [one for one in email_message.recipients() if not one.rpartition("@")[0].isascii()]:
            raise smtplib.SMTPRecipientsRefused(dict.fromkeys(foreign, NOT_ASCII))
        is_sent: bool = super()._send(email_message)  # type: ignore[misc]  # not in the stubs
        if is_sent:
            email_message.smtp_reply = self.connection.said_of_mail  # type: ignore[attr-defined,union-attr]  # ours
        return is_sent

    def _close_connection(self, connection: _Timed) -> None:
        """Whatever comes now, the mail was taken or refused before."""
        connection.give(TO_QUIT, longest=TO_QUIT)
        with suppress(OSError):
            connection.quit()
        connection.close()
