"""Say whether the site is up, whether it is able to work, and what an operator measures."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from redis import RedisError

from conversation_tracker import measures
from orders import clock, vault

# Error is above DatabaseError and InterfaceError; a pool without a free connection raises one of the first.
AWAY = (Error, OSError)
BEHIND = timedelta(minutes=5)  # what waits longer with workers running is a fault


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all three are fine, else 503; the JSON names each with true or false and tells nothing more."""
    found = {"database": _database(), "redis": _redis()}
    found["migrations"] = found["database"] and _migrated()
    fine = all(found.values())
    return JsonResponse({"status": "ok" if fine else "unavailable", **found}, status=200 if fine else 503)


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when mail taken in now would be worked on: all that /healthz asks, the storage of mails takes files, and
    neither the inbox nor what is to be told and sent is falling behind.
    """
    found = {"database": _database(), "redis": _redis()}
    found["migrations"] = found["database"] and _migrated()
    found["storage"] = vault.takes_files()
    found["keeping_up"] = found["database"] and _keeping_up(measures.is_behind)
    found["sending"] = found["database"] and _keeping_up(measures.is_sending_behind)
    fine = all(found.values())
    return JsonResponse({"status": "ok" if fine else "unavailable", **found}, status=200 if fine else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The measures in Prometheus' format for who shows the token as bearer; 404 for all others, as if it were not
    there. Without a token it is open on a local run and closed elsewhere.
    """
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not (constant_time_compare(given, token) if token else settings.LOCAL):
        raise Http404
    try:
        found = measures.exposition(now=clock.now())
    except AWAY:
        return HttpResponse(status=503)
    return HttpResponse(found, content_type="text/plain; version=0.0.4; charset=utf-8")


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")  # as of a standby, which keeps no mail
            return bool(cursor.fetchone() == ("off",))
    except AWAY:
        return False


def _redis() -> bool:
    try:
        cache.set("healthz", 1, timeout=10)
        return bool(cache.get("healthz") == 1)
    except (RedisError, OSError):
        return False


def _migrated() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except AWAY:
        return False


def _keeping_up(is_behind: Callable[..., bool]) -> bool:
    try:
        return not is_behind(now=clock.now(), limit=BEHIND)
    except AWAY:
        return False
