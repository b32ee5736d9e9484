"""Keep whatever looks like an address out of the logs: a path that somebody asked for may have one in it."""

from __future__ import annotations

import logging
import re

PUT_INSTEAD = "<address>"

# Percent-encoded too, and that once more, but for what ends a part of a path or query.
_CODED = r"%(?:25)*(?!25|40|2f|3f|26|3d|3c|3e|22|27|20|0a|0d)[0-9a-f]{2}"
_ADDRESS = re.compile(
    rf"(?<![\w.])(?:[\w.!#$*+^`|~-]|{_CODED}){{1,200}}(?:[@＠﹫]|%(?:25)*40)(?=[^\s/?&@]{{0,260}}?(?:\.|%(?:25)*2e))"
    rf"(?:[\w.-]|{_CODED}){{1,260}}",
    re.IGNORECASE,
)
_SIGNS = ("@", "＠", "﹫", "40")
# What gunicorn quotes of a request that it cannot read: with a Content-Length that is too short, as of one who counts
# characters for octets, that is the end of a body.
_QUOTED = re.compile(
    r"\A(Invalid request from ip=[^'\"]*|Ignored premature client disconnection\. [^'\"]*)['\"].*", re.DOTALL
)


def without_addresses(text: str) -> str:
    """The text with a word in the place of each address."""
    return _ADDRESS.sub(PUT_INSTEAD, text) if any(sign in text for sign in _SIGNS) else text


class Line(logging.Formatter):
    """What is written of an event, its traceback among it, without any address."""

    def format(self, record: logging.LogRecord) -> str:
        """The whole line or lines."""
        return without_addresses(super().format(record))


class NoAddress(logging.Filter):
    """Takes addresses, and what is quoted of a body, out of what a web server writes by its own handlers, in a format
    of its own.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every event through, changed where it has to be."""
        if isinstance(record.args, tuple):  # some formatters take these apart themselves
            record.args = tuple(without_addresses(one) if isinstance(one, str) else one for one in record.args)
        said = record.getMessage()
        if (masked := without_addresses(_QUOTED.sub(r"\1…", said))) != said:
            record.msg, record.args = masked, None
        return True


def guard_web_server() -> None:
    """Have a web server's own logs of errors and of calls, if it writes any, keep to this too."""
    for name in ("gunicorn.error", "gunicorn.access", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        if not any(isinstance(one, NoAddress) for one in logger.filters):
            logger.addFilter(NoAddress())
