"""Say what went wrong without quoting the mail that made it go wrong."""

from __future__ import annotations

import traceback


def describe(error: BaseException) -> str:
    """What and where: the class of the error and the line it came from. Never its text, which may quote a mail."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"[:200]


def trace(error: BaseException) -> str:
    """The way the error took through the code, for the log; source lines only, no values and no text."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
