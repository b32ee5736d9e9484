"""Say in OpenAPI what the calls answer, and what lets one in."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

# What is answered may have a name that what is taken in has too.
_PREFIX = "Answered"
_REFERENCE = f"#/components/schemas/{_PREFIX}{{model}}"
_answered: dict[str, type[BaseModel]] = {}
_PROBLEM = {
    "type": "object",
    "required": ["path", "message"],
    "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
}
_REFUSAL = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "exception"],
            "properties": {
                "code": {"type": "string"}, "message": {"type": "string"}, "exception": {"type": "null"},
            },
        },
        "problems": {"type": "array", "items": _PROBLEM},
    },
}  # fmt: skip
_REFUSALS = {
    "400": "Something in the call is wrong; every problem is named by its path.",
    "401": "The key or its token is missing or wrong.",
    "403": "The key lacks the right for this.",
    "404": "The store has no such thing.",
    "409": "It cannot be done as things stand; the message says why.",
    "413": "The body is too large.",
    "422": "The idempotency key came with another call before.",
    "429": "Too many calls; Retry-After says when to come again.",
    "503": "A service behind this one does not answer; come again.",
}


def answers(shape: Any, status: int = 200) -> dict[str, Any]:
    """What a call answers, for its ``openapi_extra``: a model, or a list with one for an array of it."""
    model: type[BaseModel] = shape[0] if isinstance(shape, list) else shape
    _answered[model.__name__] = model
    reference = {"$ref": _REFERENCE.format(model=model.__name__)}
    schema = {"type": "array", "items": reference} if isinstance(shape, list) else reference
    return {"responses": {status: {"description": "Done.", "content": {"application/json": {"schema": schema}}}}}


class Page(DocsBase):
    """The schema for people, by Swagger UI from our own static files, under the policy of every page."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        return render(request, "api.html", {"schema": self.get_openapi_url(api, kwargs)})


class Api(NinjaAPI):
    """ninja's, with both headers of a key, the shapes of answers and the refusals in its schema."""

    def get_openapi_schema(self, **arguments: Any) -> Any:
        """The schema, in OpenAPI 3.1. It is made once, since anybody may ask for it."""
        asked_for = repr(sorted(arguments.items()))
        if asked_for not in self._schemas:
            self._schemas[asked_for] = self._schema(**arguments)
        return self._schemas[asked_for]

    @cached_property
    def _schemas(self) -> dict[str, Any]:
        return {}

    def _schema(self, **arguments: Any) -> Any:
        schema = super().get_openapi_schema(**arguments)
        components = schema.setdefault("components", {})
        models = [(model, "serialization") for model in _answered.values()]
        _, found = models_json_schema(models, ref_template=_REFERENCE)  # type: ignore[arg-type]  # a literal, widened
        components.setdefault("schemas", {}).update(
            {**{f"{_PREFIX}{name}": one for name, one in found.get("$defs", {}).items()}, f"{_PREFIX}Refusal": _REFUSAL}
        )
        components["securitySchemes"] = {
            name: {"type": "apiKey", "in": "header", "name": f"X-VTEX-API-{name}"} for name in ("AppKey", "AppToken")
        }
        for path in schema["paths"].values():
            for operation in path.values():
                operation["security"] = [{"AppKey": [], "AppToken": []}]
                for status, description in _REFUSALS.items():
                    operation["responses"].setdefault(status, _refusal(description))
        return schema


def _refusal(description: str) -> dict[str, Any]:
    reference = {"$ref": _REFERENCE.format(model="Refusal")}
    return {"description": description, "content": {"application/json": {"schema": reference}}}
