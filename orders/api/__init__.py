"""The HTTP API: the routes, headers and shapes that integrations of this kind already know; masked."""

from __future__ import annotations

from orders.api import act, bodies, converse, errors, feeds, keys, openapi, place, read

api = openapi.Api(
    title="Conversation Tracker",
    version="1",
    description="Orders and their conversations. Every e-mail address in an answer is an alias.",
    auth=keys.AppKeyAuth(),
    parser=bodies.JsonParser(),
    docs=openapi.Page(),
    docs_url="/docs",
    openapi_url="/openapi.json",
    urls_namespace="api",
)
for router in (place.router, read.router, act.router, converse.decoder):
    api.add_router("", router)
api.add_router("/orders", feeds.router)
errors.install(api)
