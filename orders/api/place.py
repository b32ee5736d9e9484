"""The call that places orders."""

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from ninja import Body, Query, Router

from orders import addresses, aliases, clock, customers, masking, masks, placing, tasks
from orders.api import documents, keys, shapes
from orders.api.errors import BadRequest, Problem
from orders.api.openapi import answers
from orders.api.schemas import MOST_ORDERS, NewOrder
from orders.known import Known
from orders.models import Store

router = Router(tags=["Orders"])


@router.post("/fulfillment/pvt/orders", summary="Place orders", openapi_extra=answers([shapes.PlacedOrder]))
def place_orders(
    request: HttpRequest,
    orders: Annotated[list[NewOrder], Body(min_length=1, max_length=MOST_ORDERS)],
    sc: Annotated[str, Query(max_length=50, description="The sales channel of orders that name none.")] = "",
    affiliate: Annotated[
        str, Query(alias="affiliateId", max_length=50, description="The affiliate of orders that name none.")
    ] = "",
) -> list[dict[str, Any]]:
    """Place every order of the array or, when one has a problem, none. One placed before is answered as it stands."""
    key = keys.of(request)
    if problems := [
        Problem(f"{place}.marketplaceOrderId", "It shows the customer's e-mail address.")
        for place, order in enumerate(orders)
        if masking.shows(order.marketplaceOrderId, (Known(addresses.key(order.clientProfileData.email), ""),))
    ]:
        raise BadRequest(problems)
    if problems := _resolve(orders, key.store):
        raise BadRequest(problems)
    said = {name: value for name, value in (("salesChannel", sc), ("affiliateId", affiliate)) if value}
    drafts = [_draft(order, said) for order in orders]
    placed = placing.place_all(key.store, drafts, now=clock.now(), actor=key.label)
    transaction.on_commit(tasks.wake_events)
    return [documents.posted(one) for one in placed]


def _resolve(orders: list[NewOrder], store: Store) -> list[Problem]:
    """Put real addresses in the place of the store's own aliases, which all that reads orders here is given. Any other
    address below a tracking domain is a problem: what is sent there comes back, and is stopped as going in circles.
    """
    profiles = [order.clientProfileData for order in orders]
    suspects = {profile.email: home for profile in profiles if (home := masks.home(profile.email))}
    homes = aliases.homes([*suspects.values()]) if suspects else set()
    found = aliases.find(address for address, home in suspects.items() if home in homes)
    problems = []
    for place, profile in enumerate(profiles):
        if suspects.get(profile.email) not in homes:
            continue
        alias = found.get(profile.email)
        if alias is not None and alias.store_id == store.pk and (real := alias.real.text()):
            profile.email = real
        else:
            problems.append(Problem(f"{place}.clientProfileData.email", "No mail to this alias reaches a customer."))
    return problems


def _draft(order: NewOrder, said: dict[str, str]) -> placing.Draft:
    profile, preferences = order.clientProfileData, order.clientPreferencesData
    trade = order.storePreferencesData
    unsaid = {"storePreferencesData"} - order.model_fields_set
    name = " ".join(part for part in (profile.firstName, profile.lastName) if part)
    return placing.Draft(
        marketplace_number=order.marketplaceOrderId,
        person=customers.Person(
            address=profile.email,
            name=name,
            phone=profile.phone or "",
            document=profile.document or "",
            locale=(preferences.locale if preferences and preferences.locale else "")[:10],
        ),
        value=order.marketplacePaymentValue,
        item_count=sum(item.quantity for item in order.items),
        document={**said, **order.model_dump(mode="json", exclude=unsaid)},
        currency=(trade and trade.currencyCode) or placing.DEFAULT_CURRENCY,
    )
