"""The HTTP API: the routes, headers and shapes that integrations of this kind already know; masked."""

from __future__ import annotations

from ninja import NinjaAPI

from orders.api import bodies, errors, keys
from orders.api.views import router

api = NinjaAPI(
    title="Conversation Tracker",
    version="1",
    description="Orders and their conversations. Every e-mail address in an answer is an alias.",
    auth=keys.AppKeyAuth(),
    parser=bodies.JsonParser(),
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
)
api.add_router("", router)
errors.install(api)
