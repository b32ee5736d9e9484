"""Read a body: JSON as RFC 8259 has it, nested no deeper than any order is."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser
from ninja.types import DictStrAny

DEEPEST = 32


class Unreadable(ValueError):
    """The body is not JSON that can be worked with; the message says why."""


class JsonParser(Parser):
    """Python's JSON, without what is no JSON (NaN, Infinity) and what would exhaust the stack later."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        try:
            found: DictStrAny = json.loads(request.body, parse_constant=_refuse, parse_float=_finite)
        except RecursionError as error:
            raise Unreadable(_TOO_DEEP) from error
        except json.JSONDecodeError as error:
            raise Unreadable(f"The body is not JSON: see line {error.lineno}, column {error.colno}.") from error
        except UnicodeDecodeError as error:
            raise Unreadable("The body is not JSON: it is not written in UTF-8.") from error
        except ValueError as error:  # NaN, and a number of thousands of digits
            raise Unreadable("The body is not JSON: a number in it is none, or too large.") from error
        _measure(found)
        return found


_TOO_DEEP = f"The body is nested deeper than {DEEPEST} levels."


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise ValueError("a number is too large")
    return number


def _measure(found: object) -> None:
    level: list[Any] = [found]
    for _ in range(DEEPEST + 1):
        inside = [one for one in level if isinstance(one, dict | list)]
        level = [inner for one in inside for inner in (one.values() if isinstance(one, dict) else one)]
        if not level:
            return
    raise Unreadable(_TOO_DEEP)
