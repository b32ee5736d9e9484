"""Take mail in over SMTP or LMTP, from the world or from a mail server of one's own."""

from __future__ import annotations

import asyncio
from argparse import ArgumentTypeError
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversation_tracker import checks
from conversation_tracker.postgres.base import limit_waiting
from conversation_tracker.smtpd.server import CannotListen, Place, Server


def _place(text: str) -> Place:
    try:
        return Place.read(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


def _mode(text: str) -> int:
    try:
        return int(text, 8)
    except ValueError as error:
        raise ArgumentTypeError("a mode is an octal number, as in 660") from error


class Command(BaseCommand):
    help = "Take mail in over SMTP, or over LMTP from a mail server of your own. docs/smtpd.md tells more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--listen",
            type=_place,
            default=Place("127.0.0.1", 2525),
            metavar="PLACE",
            help="HOST:PORT, :PORT for every address of this machine, or unix:/PATH; default 127.0.0.1:2525",
        )
        parser.add_argument("--lmtp", action="store_true", help="speak LMTP (RFC 2033)")
        parser.add_argument(
            "--socket-mode", type=_mode, default=0o660, metavar="MODE", help="of a socket file; default 660"
        )

    def handle(self, *args: Any, listen: Place, lmtp: bool, socket_mode: int, **options: Any) -> None:
        if listen.path is not None and not lmtp:
            raise CommandError("A socket file is for LMTP: add --lmtp.")
        try:
            checks.refuse_unsafe_start()
            limit_waiting()
            asyncio.run(self._serve(listen, is_lmtp=lmtp, mode=socket_mode))
        except (CannotListen, ImproperlyConfigured) as error:
            raise CommandError(str(error)) from error

    async def _serve(self, place: Place, *, is_lmtp: bool, mode: int) -> None:
        await Server(place, is_lmtp=is_lmtp, mode=mode).run(self._say_where)

    def _say_where(self, place: str) -> None:
        self.stdout.write(f"Listening at {place}")
        self.stdout.flush()
