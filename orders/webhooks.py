"""The door for the webhooks of shops: verify, store, 200. It opens nothing."""

from __future__ import annotations

import logging

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from orders import bodies, clock, faults, tasks
from orders.models import ShopConnection, ShopKind
from orders.shops import connections, deliveries

log = logging.getLogger(__name__)


@csrf_exempt
def shop(request: HttpRequest, token: str, kind: str) -> HttpResponse:
    """Take in one call of a shop: 200 once it is committed, 401 when the shop's secret did not sign it, 413 when it is
    too large, 503 when it cannot be stored now. Shops come again after anything but 200.
    """
    if request.method != "POST":
        return HttpResponse(status=405, headers={"Allow": "POST"})
    try:
        found = connections.find(token, kind)
        if found is None:
            return HttpResponse(status=404)
        body = bodies.read(request, limit=settings.SHOP_MAX_BYTES)
        return _take_in(request, found, body)
    except RequestDataTooBig:
        return HttpResponse(status=413)
    except UnreadablePostError:  # cut off half-way: nobody waits for an answer
        return HttpResponse(status=400)
    except Exception as error:  # noqa: BLE001  nothing is lost by asking the shop to come again
        log.error("shop webhook failed\n%s", faults.trace(error))  # noqa: TRY400  its text may quote an order
        return HttpResponse(status=503, headers={"Retry-After": "60"})


def _take_in(request: HttpRequest, found: ShopConnection, body: bytes) -> HttpResponse:
    software = connections.SOFTWARE[ShopKind(found.kind)]
    if software.is_ping(request.headers, body):
        return HttpResponse()
    secret = found.secret.bytes()
    if not secret or not software.is_signed(request.headers, body, secret):
        return HttpResponse(status=401)
    headers = list(request.headers.items())
    topic, call_id = software.topic(request.headers), software.call_id(request.headers)
    if deliveries.accept(found, topic=topic, call_id=call_id, headers=headers, body=body, now=clock.now()):
        tasks.wake_shops()
    return HttpResponse()
