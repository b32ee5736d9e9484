"""Read a filter written as an expression over an order's status, and say which statuses meet it.

The language is a small part of JSONata: ``status`` compared with texts by ``=``, ``!=`` and ``in [...]``, joined by
``and``, ``or``, ``$not(...)`` and brackets. It is tried on each status once, when the filter is made, and never again:
nothing of a caller's runs when something happens. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

LONGEST = 1_000  # characters
DEEPEST = 20  # brackets in brackets
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"\\]*"|'[^'\\]*')|(?P<word>\$?[A-Za-z_]\w*)|(?P<sign>!=|=|[()\[\],]))""", re.ASCII
)

Test = Callable[[str], bool]


class Unreadable(ValueError):
    """It is no such expression; the message says what is wrong and at which character, the first being 1."""


def statuses(expression: str, known: Sequence[str]) -> list[str]:
    """Those of the known statuses that meet the expression. Raises Unreadable, also when none does."""
    test = _Reader(expression, known).whole()
    met = [status for status in known if test(status)]
    if not met:
        raise Unreadable("no status meets it")
    return met


class _Reader:
    """Descends into the expression from its start, one function for each level of the grammar."""

    def __init__(self, expression: str, known: Sequence[str]) -> None:
        if len(expression) > LONGEST:
            raise Unreadable(f"it is longer than {LONGEST} characters")
        self._known = known
        self._tokens = self._read(expression)
        self._place = 0
        self._depth = 0

    @staticmethod
    def _read(expression: str) -> list[tuple[str, int]]:
        tokens, at, end = [], 0, len(expression.rstrip())
        while at < end:
            found = _TOKEN.match(expression, at)
            if found is None or found.lastgroup is None:
                start = at + len(expression[at:]) - len(expression[at:].lstrip())
                raise Unreadable(f"character {start + 1} is not understood here: {expression[start : start + 10]!r}")
            tokens.append((found[found.lastgroup], found.start(found.lastgroup) + 1))
            at = found.end()
        return [*tokens, ("", end + 1)]

    def whole(self) -> Test:
        test = self._either()
        self._take("")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._next_is("or"):
            tests.append(self._both())
        return lambda status: any(test(status) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._next_is("and"):
            tests.append(self._one())
        return lambda status: all(test(status) for test in tests)

    def _one(self) -> Test:
        is_negated = self._next_is("$not")
        if is_negated or self._peek() == "(":
            self._take("(")
            self._depth += 1
            if self._depth > DEEPEST:
                raise Unreadable(f"its brackets are deeper than {DEEPEST}")
            inner = self._either()
            self._depth -= 1
            self._take(")")
            return (lambda status: not inner(status)) if is_negated else inner
        return self._comparison()

    def _comparison(self) -> Test:
        if self._peek()[:1] in ("'", '"'):  # the text first, as in "invoiced" = status
            wanted = self._text()
            is_equal = self._sign("=", "!=") == "="
            self._take("status")
            return lambda status: (status == wanted) is is_equal
        self._take("status")
        sign = self._sign("=", "!=", "in")
        several = self._list() if sign == "in" else [self._text()]
        return lambda status: (status in several) is (sign != "!=")

    def _list(self) -> list[str]:
        self._take("[")
        found = [self._text()]
        while self._next_is(","):
            found.append(self._text())
        self._take("]")
        return found

    def _text(self) -> str:
        token, at = self._tokens[self._place]
        if token[:1] not in ("'", '"'):
            raise Unreadable(f"a text in quotation marks is expected at character {at}")
        self._place += 1
        if token[1:-1] not in self._known:
            raise Unreadable(f"there is no status {token[1:-1][:50]!r}")
        return token[1:-1]

    def _sign(self, *signs: str) -> str:
        for sign in signs:
            if self._next_is(sign):
                return sign
        raise Unreadable(f"{' or '.join(signs)} is expected at character {self._tokens[self._place][1]}")

    def _peek(self) -> str:
        return self._tokens[self._place][0]

    def _next_is(self, token: str) -> bool:
        if self._peek() != token:
            return False
        self._place += 1
        return True

    def _take(self, wanted: str) -> None:
        found, at = self._tokens[self._place]
        if found != wanted:
            hint = "; only status can be asked for" if wanted == "status" else ""
            raise Unreadable(f"{wanted or 'nothing more'} is expected at character {at}, not {found[:20]!r}{hint}")
        if wanted:
            self._place += 1
