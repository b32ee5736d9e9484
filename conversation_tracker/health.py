"""Say whether this process can do its work: database, Redis, migrations."""

from __future__ import annotations

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe
from redis import RedisError


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when all three are fine, else 503; the JSON names each with true or false and tells nothing more."""
    found = {"database": _database(), "redis": _redis()}
    found["migrations"] = found["database"] and _migrated()
    fine = all(found.values())
    return JsonResponse({"status": "ok" if fine else "unavailable", **found}, status=200 if fine else 503)


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


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
    except DatabaseError:
        return False
