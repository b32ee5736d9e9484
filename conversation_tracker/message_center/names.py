"""Find what a template names and there is none of, in every branch and loop, before anything is filled in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import Filter, FilteredExpression, Path, StringLiteral
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.expression import Expression

from orders import currencies

ANYTHING = object()  # what cannot be known before: of a variable that filters made, or of a loop's own
_OF_ALL = frozenset({"size", "first", "last"})
_BY_PROPERTY = frozenset({"compact", "map", "sort", "sum", "where"})  # filters that are told a name that items have
_SAME_ITEMS = frozenset({"compact", "reverse", "slice", "sort", "where"})  # what they give holds what they are given


class Kind(Enum):
    """What there is none of."""

    VARIABLE = auto()
    FILTER = auto()
    CURRENCY = auto()


@dataclass(frozen=True, slots=True)
class Unknown:
    """What there is none of, and where in the template it stands."""

    name: str
    index: int
    kind: Kind = Kind.VARIABLE


def unknown(template: BoundTemplate, shape: dict[str, Any]) -> list[Unknown]:
    """Every variable, filter and currency that there is none of, in the order in which they stand.

    Of what filters are told, only what stands there as a text can be known.
    """
    found = _Walk(template, shape)
    found.through(template.nodes, {})
    return sorted(found.unknown, key=lambda one: one.index)


class _Walk:
    def __init__(self, template: BoundTemplate, shape: dict[str, Any]) -> None:
        self._shape = shape
        self._assigned: dict[str, Any] = {}
        self._context = RenderContext(template)
        self._filters = template.env.filters
        self.unknown: list[Unknown] = []

    def through(self, nodes: Any, scope: dict[str, Any]) -> None:
        for node in nodes:
            self._node(node, scope)

    def _node(self, node: Node, scope: dict[str, Any]) -> None:
        for expression in node.expressions():
            self._expression(expression, scope)
        for name in node.template_scope():
            self._assigned[str(name)] = ANYTHING
        if isinstance(node, AssignNode):
            self._assigned[str(node.name)] = self._value(node.expression, scope)
        inner = {**scope, **{str(name): ANYTHING for name in node.block_scope()}}
        if isinstance(node, ForNode):
            looped = self._value(node.expression.iterable, scope)
            inner[str(node.expression.identifier)] = looped[0] if isinstance(looped, list) else ANYTHING
        self.through(node.children(self._context, include_partials=False), inner)

    def _expression(self, expression: Expression, scope: dict[str, Any]) -> None:
        if isinstance(expression, Path):
            self._resolve(expression, scope, notes=True)
        if isinstance(expression, FilteredExpression):
            self._filtered(expression, scope, notes=True)
        inner = {**scope, **{str(name): ANYTHING for name in expression.scope() or ()}}
        for child in expression.children():
            self._expression(child, inner)

    def _value(self, expression: Any, scope: dict[str, Any]) -> Any:
        """The shape of what an expression gives."""
        if isinstance(expression, FilteredExpression):
            return self._filtered(expression, scope, notes=False)
        return self._resolve(expression, scope, notes=False) if isinstance(expression, Path) else ANYTHING

    def _filtered(self, expression: FilteredExpression, scope: dict[str, Any], *, notes: bool) -> Any:
        shape = self._value(expression.left, scope)
        for one in expression.filters or ():
            told = _told(one)
            if notes and one.name not in self._filters:
                self.unknown.append(Unknown(one.name, one.token.start_index, Kind.FILTER))
            elif notes and told is not None:
                if one.name == "money" and told.value and not currencies.is_known(told.value.upper()):
                    self.unknown.append(Unknown(told.value, told.token.start_index, Kind.CURRENCY))
                if one.name in _BY_PROPERTY and isinstance(shape, list) and not _has(shape[0], told.value):
                    self.unknown.append(Unknown(told.value, told.token.start_index))
            shape = _given(one.name, told, shape)
        return shape

    def _resolve(self, path: Path, scope: dict[str, Any], *, notes: bool) -> Any:
        shape: Any = {**self._shape, **self._assigned, **scope}
        said = ""
        for segment in path.path:
            if shape is ANYTHING or isinstance(segment, Path):
                return ANYTHING
            said = f"{said}.{segment}" if said else str(segment)
            shape = _member(shape, segment)
            if shape is None:
                continue
            if shape is _NOTHING:
                if notes:
                    self.unknown.append(Unknown(said, path.token.start_index))
                return ANYTHING
        return shape


_NOTHING = object()


def _told(one: Filter) -> StringLiteral | None:
    """The text that a filter is told first, where it is one."""
    first = getattr(one.args[0], "value", None) if one.args else None
    return first if isinstance(first, StringLiteral) else None


def _has(item: Any, name: str) -> bool:
    return item is ANYTHING or (isinstance(item, dict) and name in item)


def _given(name: str, told: StringLiteral | None, shape: Any) -> Any:
    """The shape of what a filter makes of a list; of anything else it cannot be known."""
    if not isinstance(shape, list):
        return ANYTHING
    if name in _SAME_ITEMS:
        return shape
    if name in {"first", "last"}:
        return shape[0]
    if name == "map" and told is not None and isinstance(shape[0], dict):
        return [shape[0].get(told.value, ANYTHING)]
    return ANYTHING


def _member(shape: Any, segment: str | int) -> Any:
    if isinstance(shape, dict):
        return shape.get(str(segment), _NOTHING)
    if isinstance(shape, list) and (isinstance(segment, int) or segment in {"first", "last"}):
        return shape[0]
    return ANYTHING if segment in _OF_ALL else _NOTHING


def all_of(shape: Any, prefix: str = "") -> Iterator[str]:
    """Every name there is, as one writes it: ``order.number``, ``order.items[].name``."""
    if isinstance(shape, dict):
        for name, inner in shape.items():
            yield from all_of(inner, f"{prefix}.{name}" if prefix else name)
    elif isinstance(shape, list):
        yield from all_of(shape[0], f"{prefix}[]")
    else:
        yield prefix
