"""Connections over HTTP on which a large mail has time to go out, and which know whether all of it did.

urllib3 gives a request as a whole, however large, the time to connect, and says of one that was cut short what it says
of one that nobody answered.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http import client
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

STANDSTILL = 30.0  # seconds in which nothing of a request goes out
PIECE = 65_536  # bytes; each has that time anew


@dataclass(slots=True)
class Upload:
    """What is known of a request that goes out. Until its last piece is begun nobody has all of it."""

    may_be_whole: bool = False


_current: ContextVar[Upload] = ContextVar("upload")


@contextmanager
def watched() -> Iterator[Upload]:
    """Note on the upload how far the requests in the block came."""
    upload = Upload()
    token = _current.set(upload)
    try:
        yield upload
    finally:
        _current.reset(token)


class Watched(client.HTTPConnection):
    """To be mixed into a connection of urllib3's."""

    def connect(self) -> None:
        try:
            super().connect()
        finally:
            _note(may_be_whole=False)  # a proxy was asked for the way perhaps, and nobody for more

    def send(self, data: Any) -> None:
        whole = memoryview(data)
        if self.sock is not None and len(whole) > PIECE:  # what is less goes at once, as what a proxy is asked
            self.sock.settimeout(STANDSTILL)
        for at in range(0, len(whole), PIECE):
            _note(may_be_whole=at + PIECE >= len(whole))  # before it goes: a signal may come in between
            super().send(whole[at : at + PIECE])


def _note(*, may_be_whole: bool) -> None:
    if upload := _current.get(None):
        upload.may_be_whole = may_be_whole


class _Http(Watched, HTTPConnection):
    pass


class _Https(Watched, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https


_POOLS = {"http": _HttpPool, "https": _HttpsPool}


class Adapter(HTTPAdapter):
    """Lets a session of requests connect so, through a proxy too."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # for which urllib3 has pools of its own
            manager.pool_classes_by_scheme = _POOLS
        return manager
