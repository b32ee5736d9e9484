"""The types of fields that the API answers: a value of another type becomes the empty value of its field."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticSerializationError


def moment(value: datetime | None) -> str | None:
    """A moment as these answers write it: in UTC, with seven digits after the second."""
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0+00:00" if value else None


def or_else(empty: Any) -> WrapValidator:
    """Take this when the value is of another type."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(value)
        except ValidationError:
            return handler(empty)

    return WrapValidator(validate)


def or_digits(empty: str | None) -> WrapValidator:
    """The same, for a text that somebody may have posted as a number."""

    def validate(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        try:
            return handler(str(value) if type(value) in (int, float) else value)
        except ValidationError:
            return handler(empty)

    return WrapValidator(validate)


Text = Annotated[str, or_digits("")]
MaybeText = Annotated[str | None, or_digits(None)]
Whole = Annotated[int, or_else(0)]
MaybeWhole = Annotated[int | None, or_else(None)]
Number = Annotated[float, Field(allow_inf_nan=False), or_else(0.0)]
Flag = Annotated[bool, or_else(False)]
MaybeFlag = Annotated[bool | None, or_else(None)]
Many = Annotated[list[Any], Field(default_factory=list), or_else([])]
MaybeMany = Annotated[list[Any] | None, or_else(None)]
MaybeObject = Annotated[dict[str, Any] | None, or_else(None)]
Anything = Any


class Answer(BaseModel):
    """A part of an answer; what it does not name is left out."""

    model_config = ConfigDict(extra="ignore", json_schema_serialization_defaults_required=True)
    # A default that can be hashed is shared; any other is copied deeply for each answer. Nothing changes an answer.
    __hash__ = object.__hash__


def written(answer: Answer) -> str:
    """The answer as JSON, which pydantic writes in a fifth of the time; but half a character, as somebody may have
    posted one, it does not write.
    """
    try:
        return answer.model_dump_json()
    except PydanticSerializationError:
        return json.dumps(answer.model_dump())
