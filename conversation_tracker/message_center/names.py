"""Find what a template names and there is none of, in every branch and loop, before anything is filled in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.expression import Expression

ANYTHING = object()  # what cannot be known before: of a variable that filters made, or of a loop's own
_OF_ALL = frozenset({"size", "first", "last"})


@dataclass(frozen=True, slots=True)
class Unknown:
    """A variable or filter that there is none of, and where in the template it stands."""

    name: str
    index: int
    is_filter: bool = False


def unknown(template: BoundTemplate, shape: dict[str, Any]) -> list[Unknown]:
    """Every variable that is not in the shape and every filter there is none of, in the order in which they stand."""
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
        for one in (expression.filters or ()) if isinstance(expression, FilteredExpression) else ():
            if one.name not in self._filters:
                self.unknown.append(Unknown(one.name, one.token.start_index, is_filter=True))
        inner = {**scope, **{str(name): ANYTHING for name in expression.scope() or ()}}
        for child in expression.children():
            self._expression(child, inner)

    def _value(self, expression: Any, scope: dict[str, Any]) -> Any:
        """The shape of what an expression gives."""
        if isinstance(expression, FilteredExpression):
            return ANYTHING if expression.filters else self._value(expression.left, scope)
        return self._resolve(expression, scope, notes=False) if isinstance(expression, Path) else ANYTHING

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
