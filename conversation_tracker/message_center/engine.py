"""Fill Liquid templates within limits: of loops, output, memory, depth and processor time. Pure."""
# ruff: noqa: SIM905  the long list of names reads better as words than as a list

from __future__ import annotations

import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from functools import cache, wraps
from io import StringIO
from typing import Any, TextIO, TypeVar

from liquid import BoundTemplate, Environment, RenderContext, StrictUndefined, Token, Undefined
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import LoopExpression
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.exceptions import (
    LiquidError,
    LiquidSyntaxError,
    ResourceLimitError,
    UndefinedError,
    UnknownFilterError,
)
from liquid.stream import TokenStream

from conversation_tracker.message_center import filters, sources

LONGEST_VALUE = 100_000  # characters of what a filter gives, those of its items together
MOST_ITEMS = 5_000  # of what a filter gives
MOST_TURNS = 20_000  # of a loop and those in it
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
_NAME = re.compile(r"[\w.\[\]'\"-]{1,100}")
T = TypeVar("T")
_deadline: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class Problem(StrEnum):
    """What can be wrong with a template: the closed list."""

    SYNTAX = "syntax"
    VARIABLE = "variable"  # there is none of this name
    ITEM = "item"  # a list has none at this place
    FILTER = "filter"
    TAG = "tag"
    VALUE = "value"  # a filter cannot work on what it is given
    TOO_MUCH = "too_much"  # one of the limits
    TOO_LONG = "too_long"
    HTML = "html"  # elements too deep in each other, or too many for the styles
    STYLE = "style"  # one that cannot be read
    EMPTY = "empty"  # nobody would see anything of the mail
    UNSAFE = "unsafe"  # scripts, forms, styles that load something


class Faulty(ValueError):
    """A template that cannot be filled. Lines and columns count from 1; 0 where the place is not known."""

    def __init__(self, problem: Problem, detail: str = "", *, line: int = 0, column: int = 0) -> None:
        self.problem, self.detail, self.line, self.column = problem, detail, line, column
        super().__init__(f"{problem.value} {line}:{column} {detail}"[:200])


class _Turn(Node):
    """One turn of a loop, which begins only while there is time."""

    __slots__ = ("block",)

    def __init__(self, block: BlockNode) -> None:
        super().__init__(block.token)
        self.block, self.blank = block, block.blank

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        _check_time(self.token)
        return self.block.render(context, buffer)

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:
        return [self.block]


class _For(ForNode):
    """A loop that looks at the clock at each turn."""

    def __init__(
        self, token: Token, expression: LoopExpression, block: BlockNode, default: BlockNode | None = None
    ) -> None:
        super().__init__(token, expression, block, default)
        self.block = _Turn(block)  # type: ignore[assignment]  # all that is asked of it is to be rendered


class _ForTag(ForTag):
    node_class = _For


def _range(_self: RangeLiteral, start: Any, stop: Any) -> range:
    """A range that is not made longer than a loop may be: Liquid makes lists of it and searches it."""
    first, last = (int(one) if str(one).lstrip("-").isdecimal() else 0 for one in (start, stop))
    if last - first >= MOST_TURNS:
        raise ResourceLimitError("loop iteration limit reached", token=None)
    return range(first, last + 1)


# There is no setting for it, and nothing else in this process speaks Liquid.
RangeLiteral._make_range = _range  # type: ignore[assignment,method-assign]


class _Context(RenderContext):
    """Counts what lists hold as well, of which Liquid counts only how long they are."""

    def get_size_of_locals(self) -> int:
        held = sum(sys.getsizeof(one) for value in self.locals.values() if isinstance(value, list) for one in value)
        return super().get_size_of_locals() + held


class _Template(BoundTemplate):
    context_class = _Context


class _Environment(Environment):
    template_class = _Template
    block_nesting_limit = 20
    context_depth_limit = 20
    loop_iteration_limit = MOST_TURNS
    local_namespace_limit = 1_000_000
    output_stream_limit = 1_000_000

    def tokenizer(self) -> Callable[[str], Iterator[Token]]:
        read = super().tokenizer()

        def timed(source: str) -> Iterator[Token]:
            for token in read(source):
                _check_time(token)
                yield token

        return timed

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(_ForTag)
        self.tags = {name: tag for name, tag in self.tags.items() if name not in DROPPED_TAGS}
        kept = {name: found for name, found in self.filters.items() if name in KEPT_FILTERS}
        bounded = {name: _limited(found) for name, found in {**kept, **filters.ALL}.items()}
        is_lenient = self.undefined is Undefined
        self.filters = {name: _lenient(found) for name, found in bounded.items()} if is_lenient else bounded


@cache
def _environment(*, is_html: bool, is_lenient: bool) -> Environment:
    return _Environment(autoescape=is_html, undefined=Undefined if is_lenient else StrictUndefined)


def parse(source: str, *, is_html: bool, is_lenient: bool = False) -> BoundTemplate:
    """Read a template. Raises Faulty."""
    if wrong := sources.unreadable(source):
        line, column = place(source, wrong.index)
        problem = Problem.TOO_LONG if wrong.is_too_long else Problem.SYNTAX
        raise Faulty(problem, wrong.detail, line=line, column=column)
    environment = _environment(is_html=is_html, is_lenient=is_lenient)
    with in_time():
        return _guarded(source, lambda: environment.from_string(source))


def fill(source: str, context: Mapping[str, Any], *, is_html: bool, is_lenient: bool = False) -> str:
    """Fill a template. In HTML, values are escaped. Raises Faulty.

    Lenient, a variable there is none of is empty, and so is what a filter makes of a value that it cannot work on.
    """
    with in_time():
        return render(parse(source, is_html=is_html, is_lenient=is_lenient), source, context)


def render(template: BoundTemplate, source: str, context: Mapping[str, Any]) -> str:
    """Fill a template that was read of ``source``. Raises Faulty."""
    with in_time():
        return _guarded(source, lambda: str(template.render(**context)))


def written_at(template: BoundTemplate, source: str, context: Mapping[str, Any], index: int) -> tuple[int, int]:
    """Line and column in ``source`` of what wrote the sign at this index of the filled text; zeros when time is over.

    Only with a template and a context that can be filled.
    """
    values = RenderContext(template, globals=template.make_globals(context))
    try:
        with in_time():
            template.render_with_context(values, _Until(index))
    except _Reached as reached:
        node = next(node for node in _at_work(reached) if isinstance(node, Node))
        start = node.token.start_index
        if isinstance(node, ContentNode):  # its token begins with the spaces that are taken out of it
            start = source.find(node.text, start) + reached.offset
        return place(source, start)
    except LiquidError:
        pass
    return 0, 0


class _Reached(Exception):
    """What is being written is what was looked for, and it is that far into it."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        super().__init__(offset)


class _Until(StringIO):
    """Takes in so many signs, and keeps none."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self._left = index

    def write(self, text: str, /) -> int:
        if len(text) > self._left:
            raise _Reached(self._left)
        self._left -= len(text)
        return len(text)


def _at_work(error: BaseException) -> Iterator[Any]:
    """Whose methods had been called when this was raised, the innermost first, each with its token."""
    called = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(error.__traceback__)]
    for one in reversed(called):
        token = getattr(one, "token", None)
        if isinstance(token, Token) and token.start_index >= 0:
            yield one


@contextmanager
def in_time() -> Iterator[None]:
    """Everything in this block together has MOST_SECONDS; a block inside of another has what is left of that."""
    if _deadline.get() < float("inf"):
        yield
        return
    token = _deadline.set(time.thread_time() + MOST_SECONDS)
    try:
        yield
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
        case UndefinedError() if "out of range" in said:
            return _at(error, source, Problem.ITEM, _named(source, error.token))
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
        begun = -1 if said.startswith("expected tag") else _last_read(error)
        line, column = place(source, begun if begun >= 0 else _left_open(source))
        return Faulty(problem, said, line=line, column=column)
    return _at(error, source, problem, said)


def _at(error: BaseException, source: str, problem: Problem, said: str) -> Faulty:
    """The fault at the place that the error names, or else at the innermost part of the template that was at work."""
    token = error.token if isinstance(error, LiquidError) else None
    if token is None or token.start_index < 0:
        token = next((one.token for one in _at_work(error)), token)
    line, column = place(source, token.start_index if token else -1)
    return Faulty(problem, said, line=line, column=column)


def _named(source: str, token: Token | None) -> str:
    """What a template calls the thing that begins here: ``order.items[2].name``."""
    found = _NAME.match(source, token.start_index) if token and token.start_index >= 0 else None
    return found[0] if found else ""


def _last_read(error: BaseException) -> int:
    """Where the last piece begins that was read before this was raised, of an expression that ends too early."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for stream in reversed(frame.f_locals.values()):
            if isinstance(stream, TokenStream):
                for token in reversed(stream.tokens[: max(stream.pos, 1)]):
                    if token.start_index >= 0:
                        return token.start_index
    return -1


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
        if _is_large(given):
            raise ResourceLimitError("a value grew too large", token=None)
        return given

    return limited


def _lenient(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, which gives nothing for a value that it cannot work on: better a gap in a mail than no mail."""

    @wraps(function)
    def lenient(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ResourceLimitError:
            raise
        except (LiquidError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            return ""

    return lenient


def _is_large(value: Any) -> bool:
    match value:
        case str():
            return len(value) > LONGEST_VALUE
        case list() | tuple():
            return len(value) > MOST_ITEMS or sum(len(one) for one in value if isinstance(one, str)) > LONGEST_VALUE
        case int():
            return abs(value) > LARGEST_NUMBER
    return False


def is_time_over() -> bool:
    """Whether the block of ``in_time`` around this has used its time up."""
    return time.thread_time() > _deadline.get()


def _check_time(token: Token | None) -> None:
    if is_time_over():
        raise ResourceLimitError("it takes too long", token=token)
