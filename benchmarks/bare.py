"""The floor of the door: a Django view that inserts the bytes it is sent, and does nothing else."""

from __future__ import annotations

import environ
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path

POOL = {"min_size": 0, "max_size": 8, "timeout": 5}

settings.configure(
    DATABASES={"default": {**environ.Env().db("DATABASE_URL"), "OPTIONS": {"pool": POOL}, "CONN_HEALTH_CHECKS": True}},
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    MIDDLEWARE=[],
    USE_TZ=True,
)


def keep(request: HttpRequest) -> HttpResponse:
    """One INSERT, committed."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_bare (body) VALUES (%s)", [request.body])
    return HttpResponse(headers={"Content-Length": "0"})  # CommonMiddleware would say so


urlpatterns = [path("", keep)]
application = get_wsgi_application()
