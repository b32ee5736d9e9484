"""Fill Liquid templates within limits: of loops, output, memory, depth and processor time. Pure."""
# ruff: noqa: SIM905  the long list of names reads better as words than as a list

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from enum import StrEnum
from functools import cache, wraps
from typing import Any, TextIO, TypeVar

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined, Token, Undefined
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.exceptions import (
    LiquidError,
    LiquidSyntaxError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)

from conversation_tracker.message_center import filters

LONGEST_SOURCE = 200_000  # characters of a template
LONGEST_VALUE = 100_000  # characters or items of what a filter gives
LARGEST_NUMBER = 10**30
MOST_SECONDS = 2.0  # of processor time, for one template
DROPPED_TAGS = frozenset({"include", "render", "tablerow"})  # nothing reads another template or file
KEPT_FILTERS = frozenset(
    "abs append at_least at_most capitalize ceil compact concat default divided_by downcase escape escape_once first "
    "floor join last lstrip map minus modulo newline_to_br plus prepend remove remove_first replace_first reverse "
    "round rstrip size slice sort split squish strip strip_newlines sum times truncate truncatewords upcase "
    "url_encode where".split()
)

_BLOCK = re.compile(r"\{%-?\s*(end)?(if|unless|case|for|capture|ifchanged|comment|doc)\b")
T = TypeVar("T")
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class Problem(StrEnum):
    """What can be wrong with a template: the closed list."""

    SYNTAX = "syntax"
    VARIABLE = "variable"  # there is none of this name
    FILTER = "filter"
    TAG = "tag"
    VALUE = "value"  # a filter cannot work on what it is given
    TOO_MUCH = "too_much"  # one of the limits
    TOO_LONG = "too_long"
    UNSAFE = "unsafe"  # scripts, forms, styles that load something


class Faulty(ValueError):
    """A template that cannot be filled. Lines and columns count from 1; 0 where the place is not known."""

    def __init__(self, problem: Problem, detail: str = "", *, line: int = 0, column: int = 0) -> None:
        self.problem, self.detail, self.line, self.column = problem, detail, line, column
        super().__init__(f"{problem.value} {line}:{column} {detail}"[:200])


class _For(ForNode):
    """A loop that looks at the clock before it starts; one loop by itself is limited by its turns."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        _check_time(self.token)
        return super().render_to_output(context, buffer)


class _ForTag(ForTag):
    node_class = _For


class _Environment(Environment):
    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = 20_000
    local_namespace_limit = 1_000_000
    output_stream_limit = 1_000_000

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(_ForTag)
        self.tags = {name: tag for name, tag in self.tags.items() if name not in DROPPED_TAGS}
        kept = {name: found for name, found in self.filters.items() if name in KEPT_FILTERS}
        self.filters = {name: _limited(found) for name, found in {**kept, **filters.ALL}.items()}


@cache
def _environment(*, is_html: bool, is_lenient: bool) -> Environment:
    return _Environment(autoescape=is_html, undefined=Undefined if is_lenient else StrictUndefined)


def parse(source: str, *, is_html: bool, is_lenient: bool = False) -> BoundTemplate:
    """Read a template. Raises Faulty."""
    if len(source) > LONGEST_SOURCE:
        raise Faulty(Problem.TOO_LONG, str(LONGEST_SOURCE))
    environment = _environment(is_html=is_html, is_lenient=is_lenient)
    return _guarded(source, lambda: environment.from_string(source))


def fill(source: str, context: Mapping[str, Any], *, is_html: bool, is_lenient: bool = False) -> str:
    """Fill a template. In HTML, values are escaped. Raises Faulty; lenient, a variable there is none of is empty."""
    template = parse(source, is_html=is_html, is_lenient=is_lenient)
    token = _deadline.set(time.thread_time() + MOST_SECONDS)
    try:
        return _guarded(source, lambda: str(template.render(**context)))
    finally:
        _deadline.reset(token)


def _guarded(source: str, act: Callable[[], T]) -> T:
    try:
        return act()
    except Faulty:
        raise
    except LiquidError as error:
        raise _faulty(error, source) from error
    except (RecursionError, MemoryError, OverflowError) as error:
        raise _at(error, source, Problem.TOO_MUCH, type(error).__name__) from error
    except Exception as error:  # filters fail in every way on values they do not expect
        raise _at(error, source, Problem.VALUE, str(error)) from error


def _faulty(error: LiquidError, source: str) -> Faulty:
    said = str(error.message or "")
    match error:
        case UndefinedError():
            problem = Problem.VARIABLE
        case UnknownFilterError():
            problem = Problem.FILTER
        case ResourceLimitError():
            problem = Problem.TOO_MUCH
        case LiquidSyntaxError() if "unexpected tag" in said or "unknown tag" in said:
            problem = Problem.TAG
        case LiquidSyntaxError():
            problem = Problem.SYNTAX
        case _:
            problem = Problem.VALUE
    if problem is Problem.SYNTAX and (error.token is None or error.token.start_index < 0):
        line, column = place(source, _left_open(source))
        return Faulty(problem, said, line=line, column=column)
    return _at(error, source, problem, said)


def _at(error: BaseException, source: str, problem: Problem, said: str) -> Faulty:
    """The fault at the place that the error names, or else at the innermost part of the template that was at work."""
    token = error.token if isinstance(error, LiquidError) else None
    if token is None or token.start_index < 0:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            at_work = getattr(frame.f_locals.get("self"), "token", None)
            token = at_work if isinstance(at_work, Token) and at_work.start_index >= 0 else token
    line, column = place(source, token.start_index if token else -1)
    return Faulty(problem, said, line=line, column=column)


def _left_open(source: str) -> int:
    """Where the innermost block begins that nothing ends; -1 when there is none."""
    opened: list[tuple[str, int]] = []
    for tag in _BLOCK.finditer(source):
        if not tag[1]:
            opened.append((tag[2], tag.start()))
        elif opened and opened[-1][0] == tag[2]:
            opened.pop()
    return opened[-1][1] if opened else -1


def place(source: str, index: int) -> tuple[int, int]:
    """Line and column, from 1, of a position in a text; zeros for none."""
    if index < 0:
        return 0, 0
    before = source[:index]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def _limited(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, ended when the time is over or when what it gives has grown too large."""

    @wraps(function)
    def limited(*args: Any, **kwargs: Any) -> Any:
        _check_time(None)
        given = function(*args, **kwargs)
        is_large = (
            (isinstance(given, str | list | tuple) and len(given) > LONGEST_VALUE)
            or (isinstance(given, int) and abs(given) > LARGEST_NUMBER)
        )  # fmt: skip
        if is_large:
            raise ResourceLimitError("a value grew too large", token=None)
        return given

    return limited


def _check_time(token: Token | None) -> None:
    if time.thread_time() > _deadline.get():
        raise ResourceLimitError("it takes too long", token=token)
