"""Tell faults that pass from those that do not, and say what went wrong without quoting the mail or document."""

from __future__ import annotations

import errno
import traceback
from gzip import BadGzipFile

import psycopg
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError
from psycopg.errors import ReadOnlySqlTransaction

from orders import secrecy

# Errors of the system that are about a value, such as a moment beyond what its clock knows; no waiting mends them.
_ABOUT_VALUES = {errno.EDOM, errno.EILSEQ, errno.EINVAL, errno.EOVERFLOW, errno.ERANGE}


def is_passing(error: BaseException) -> bool:
    """Whether it heals by itself: a database, file storage or provider that is away for a while.

    Or a key that this process does not have: while keys are changed another may have started with the new one already.
    """
    if isinstance(error, OperationalError | InterfaceError | secrecy.KeyMissing):
        return True
    if isinstance(error, InternalError):  # a server that another is about to replace, or has replaced
        return isinstance(error.__cause__, ReadOnlySqlTransaction)
    if isinstance(error, OSError):  # network errors of every library that we use are, but for botocore's
        return error.errno not in _ABOUT_VALUES and not isinstance(error, BadGzipFile)
    return any(kind.__module__.startswith("botocore.") for kind in type(error).__mro__)


def lacks_memory(error: BaseException) -> bool:
    """Whether it says that this process has no memory left, in whatever words."""
    if isinstance(error, DatabaseError):
        cause = error.__cause__
        if not isinstance(cause, psycopg.Error) or cause.sqlstate is not None:  # the server's, and not libpq's own
            return False
        return type(cause) is psycopg.DatabaseError or "memory" in str(cause)
    no_thread = isinstance(error, RuntimeError) and "start new thread" in str(error)  # there is none for its stack
    return no_thread or isinstance(error, MemoryError)


def describe(error: BaseException) -> str:
    """What and where: the class of the error and the line it came from. Never its text, which may quote a mail."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"[:200]


def trace(error: BaseException) -> str:
    """The way the error took through the code, for the log; source lines only, no values and no text."""
    return "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__
