"""The calls by which an order goes on: handling, payment, invoices, parcels, cancellation, changes, interactions."""

from __future__ import annotations

import zoneinfo
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router

from orders import (
    access,
    cancelling,
    changing,
    clock,
    flow,
    interactions,
    invoicing,
    masking,
    payment,
    shipping,
    tasks,
)  # fmt: skip
from orders.api import documents, errors, keys, schemas, shapes
from orders.api.openapi import answers
from orders.models import InvoiceKind, Order, Status

router = Router(tags=["Flow"])
_RECEIPT = answers(shapes.Receipt)
_ORDER = "/oms/pvt/orders/{order_id}"


@router.post(f"{_ORDER}/start-handling", summary="Start handling", response={204: None})
def start_handling(request: HttpRequest, order_id: str) -> HttpResponse:
    """The order is being picked and packed. 409 when it stands where this cannot begin."""
    order, actor, now = _begin(request, order_id)
    flow.start_handling(order, actor=actor, now=now)
    return _done()


@router.post(f"{_ORDER}/cancel", summary="Cancel an order", openapi_extra=_RECEIPT)
def cancel(request: HttpRequest, order_id: str, wanted: schemas.Cancellation | None = None) -> dict[str, Any]:
    """Cancel the order. 400 when it is invoiced, even in part; then the customer is told that it cannot be.

    What a customer asks for (`requestedByUser`) once the cancellation window is over is for the store to decide: the
    order becomes cancellation-requested, and the receipt names the request. Called once more without
    `requestedByUser`, it is cancelled.
    """
    order, actor, now = _begin(request, order_id)
    wanted = wanted or schemas.Cancellation()
    try:
        cancelling.cancel(
            order, reason=wanted.reason, is_customers_wish=wanted.requestedByUser, actor=actor, now=now
        )  # fmt: skip
    except cancelling.TooLate:
        transaction.on_commit(tasks.wake_events)  # the refusal is an event too
        raise
    if order.status == Status.CANCELLATION_REQUESTED and (asked := cancelling.request_of(order)):
        return _answer(order, asked.occurred_at, documents.request_id(order, asked))
    return _receipt(order, order.canceled_at or now, "canceled")


@router.post(
    "/orders/pvt/document/{order_id}/deny-cancellation-request", summary="Refuse to cancel an order",
    response={200: None},
)  # fmt: skip
def deny_cancellation(request: HttpRequest, order_id: str, wanted: schemas.CancellationDenial) -> HttpResponse:
    """Refuse what a customer asked for: the order goes on from where it stood. 409 when nobody waits for an answer."""
    order, actor, now = _begin(request, order_id)
    asked = cancelling.request_of(order)
    if asked is not None and documents.request_id(order, asked) != wanted.cancellationRequestId:
        problem = errors.Problem("cancellationRequestId", "The order has no such request that waits for an answer.")
        raise errors.BadRequest([problem])
    cancelling.deny(
        order, request=asked.pk if asked else None, reason=wanted.denyReason, actor=actor, now=now
    )  # fmt: skip
    transaction.on_commit(tasks.wake_events)
    return HttpResponse()


@router.post(f"{_ORDER}/payments/{{payment_id}}/payment-notification", summary="Payment approved", response={204: None})
def approve_payment(request: HttpRequest, order_id: str, payment_id: str) -> HttpResponse:
    """The payment came. Told twice, it is approved once."""
    order, actor, now = _begin(request, order_id)
    payment.approve(order, payment_id=payment_id[:128], actor=actor, now=now)
    return _done()


@router.post(f"{_ORDER}/payments/{{payment_id}}/payment-denied", summary="Payment denied", response={204: None})
def deny_payment(
    request: HttpRequest, order_id: str, payment_id: str, wanted: schemas.Denial | None = None
) -> HttpResponse:
    """The payment was denied, which cancels the order. Told twice, it is denied once."""
    order, actor, now = _begin(request, order_id)
    payment.deny(
        order, payment_id=payment_id[:128], reason=wanted.reason if wanted else "", actor=actor, now=now
    )  # fmt: skip
    return _done()


@router.post(f"{_ORDER}/payments/{{payment_id}}/payment-changed", summary="Payment changed", response={204: None})
def change_payment(request: HttpRequest, order_id: str, payment_id: str, wanted: schemas.NewPayment) -> HttpResponse:
    """The customer pays in another way."""
    order, actor, now = _begin(request, order_id)
    data = {"id": payment_id[:128], **wanted.model_dump(exclude_none=True)}
    payment.change(order, data=data, actor=actor, now=now)
    return _done()


@router.post(f"{_ORDER}/invoice", summary="Invoice, or take goods back", openapi_extra=_RECEIPT)
def invoice(request: HttpRequest, order_id: str, wanted: schemas.NewInvoice) -> dict[str, Any]:
    """Invoice all of an order or a part of it (Output), or write a return (Input).

    The order is invoiced once its invoices add up to its value. An invoice posted again is the first one, and adds
    what was empty in it and what is new of the parcel; 409 where it says something else.
    """
    order, actor, now = _begin(request, order_id)
    if wanted.invoiceValue == 0 and order.value != 0:
        raise errors.BadRequest(
            [errors.Problem("invoiceValue", "Only an order that costs nothing has such an invoice.")]
        )
    if masking.shows(wanted.invoiceNumber, masking.of_order(order)):  # as a number it stands everywhere, unmasked
        raise errors.BadRequest([errors.Problem("invoiceNumber", "It shows an e-mail address of the order's people.")])
    zone = zoneinfo.ZoneInfo(order.store.time_zone)
    draft = invoicing.Draft(
        kind=InvoiceKind(wanted.type),
        number=wanted.invoiceNumber,
        value=wanted.invoiceValue,
        issued_at=schemas.moment(wanted.issuanceDate, zone) or now,
        document=wanted.model_dump(mode="json"),
        parcel=shipping.Parcel(
            courier=wanted.courier,
            number=wanted.trackingNumber,
            url=wanted.trackingUrl,
            dispatched_at=schemas.moment(wanted.dispatchedDate or wanted.dispatchDate, zone),
        ),
        positions=[invoicing.Position(item.id, item.quantity) for item in wanted.items],
    )
    try:
        made, _ = invoicing.invoice(order, draft, actor=actor, now=now)
    except invoicing.NotOrdered as error:
        raise errors.BadRequest(
            errors.Problem(f"items.{one.place}.{one.field}", one.message) for one in error.misfits
        ) from error
    return _answer(order, made.created_at, str(made.receipt))


# A number may hold slashes, so what stands behind one is looked for first.
@router.put(f"{_ORDER}/invoice/{{path:number}}/tracking", summary="Track a parcel", openapi_extra=_RECEIPT)
def track(request: HttpRequest, order_id: str, number: str, wanted: schemas.Tracking) -> dict[str, Any]:
    """What the carrier said. What was said before is not told again; the status of the order stays."""
    order, actor, now = _begin(request, order_id)
    found = shipping.find(order, number)
    zone = zoneinfo.ZoneInfo(order.store.time_zone)
    sightings = [
        shipping.Sighting(schemas.moment(one.date, zone) or now, one.description, one.city, one.state)
        for one in wanted.events
    ]
    delivered_at = (schemas.moment(wanted.deliveredDate, zone) or now) if wanted.isDelivered else None
    shipping.track(order, found, sightings, delivered_at=delivered_at, actor=actor, now=now)
    return _answer(order, now, str(found.receipt))


@router.patch(f"{_ORDER}/invoice/{{path:number}}", summary="Hand over a parcel", openapi_extra=_RECEIPT)
def hand_over(request: HttpRequest, order_id: str, number: str, wanted: schemas.NewParcel) -> dict[str, Any]:
    """Say how the goods of an invoice travel. The customer is told once number and address are known."""
    order, actor, now = _begin(request, order_id)
    found = shipping.find(order, number)
    parcel = shipping.Parcel(
        courier=wanted.courier,
        number=wanted.trackingNumber,
        url=wanted.trackingUrl,
        dispatched_at=schemas.moment(wanted.dispatchedDate, zoneinfo.ZoneInfo(order.store.time_zone)),
    )
    shipping.hand_over(order, found, parcel, actor=actor, now=now)
    return _answer(order, now, str(found.receipt))


@router.post(f"{_ORDER}/replacement", summary="Replace an order", response={204: None})
def replace(request: HttpRequest, order_id: str, wanted: schemas.Replacement) -> HttpResponse:
    """Say that another order of the store takes this one's place; its customer is told, once."""
    order, actor, now = _begin(request, order_id)
    changing.replace(order, access.order_of_key(keys.of(request), wanted.orderId), actor=actor, now=now)
    return _done()


@router.post(f"{_ORDER}/changes", summary="Change an order", openapi_extra=_RECEIPT)
def change(request: HttpRequest, order_id: str, wanted: schemas.NewChange) -> dict[str, Any]:
    """Take items out or add some, give a discount or raise the price. The same ``requestId`` again changes nothing."""
    order, actor, now = _begin(request, order_id)
    entry = changing.change(
        order,
        changing.Change(
            reason=wanted.reason,
            request_id=wanted.requestId,
            discount=wanted.discountValue,
            increment=wanted.incrementValue,
            removed=[item.model_dump(exclude={"description"}) for item in wanted.itemsRemoved],
            added=[item.model_dump(exclude={"description"}) for item in wanted.itemsAdded],
        ),
        actor=actor,
        now=now,
    )
    return _receipt(order, entry.occurred_at, f"change:{entry.pk}")


@router.post(f"{_ORDER}/interactions", summary="Add an interaction", response={201: None})
def interact(request: HttpRequest, order_id: str, wanted: schemas.Interaction) -> HttpResponse:
    """Keep on the timeline what another system did with the order; staff reads it, nobody else."""
    order, actor, now = _begin(request, order_id)
    interactions.tell(order, source=wanted.source, message=wanted.message, actor=actor, now=now)
    return HttpResponse(status=201)


def _begin(request: HttpRequest, order_id: str) -> tuple[Order, str, datetime]:
    """The order of the key's store, who acts, and when. Whoever subscribed hears of it after the commit."""
    key = keys.of(request)
    order = access.order_of_key(key, order_id)
    return order, key.label, clock.now()


def _done() -> HttpResponse:
    transaction.on_commit(tasks.wake_events)
    return HttpResponse(status=204)


def _receipt(order: Order, at: datetime, act: str) -> dict[str, Any]:
    """What was done, as it is answered however often it is asked for."""
    return _answer(order, at, documents.receipt(order, act))


def _answer(order: Order, at: datetime, receipt: str) -> dict[str, Any]:
    transaction.on_commit(tasks.wake_events)
    return {"date": shapes.moment(at), "orderId": order.number, "receipt": receipt}
