"""The only door from a user or a key to stores, orders and rights."""

from __future__ import annotations

import hmac
import re
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from orders import secrecy
from orders.models import ApiKey, Membership, Order, Role, Store, User
from orders.models.order import FIRST_SEQUENCE

_SEQUENCE = re.compile(r"seq([0-9]{1,18})", re.ASCII)


class Right(StrEnum):
    """What may be allowed in a store."""

    READ = "read"  # orders and conversations, masked
    ANSWER = "answer"
    REVEAL = "reveal"  # a real address, with a reason, audited
    SETTINGS = "settings"  # settings and templates
    USERS = "users"  # users and keys
    EXPORT = "export"  # customers


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.ADMIN: frozenset(Right),
    Role.SUPPORT: frozenset({Right.READ, Right.ANSWER}),
    Role.VIEWER: frozenset({Right.READ}),
}


class NotFound(LookupError):
    """There is no such thing, or not for this user; from outside the two are the same."""


class NotAllowed(PermissionError):
    """The user may see the store but lacks the right for this."""


def stores_of(user: User | AnonymousUser, right: Right = Right.READ) -> QuerySet[Store]:
    """The stores in which the user has the right; a superuser has every right in each."""
    if not isinstance(user, User) or not user.is_active:
        return Store.objects.none()
    if user.is_superuser:
        return Store.objects.all()
    roles = [role for role, rights in RIGHTS.items() if right in rights]
    return Store.objects.filter(memberships__user=user, memberships__role__in=roles)


def rights_in(store: Store, user: User | AnonymousUser) -> frozenset[Right]:
    """What the user may do in this store."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset(Right)
    membership = Membership.objects.filter(store=store, user=user).first()
    return RIGHTS[Role(membership.role)] if membership else frozenset()


def store(user: User | AnonymousUser, account: str, right: Right) -> Store:
    """The store with this account name. Raises NotFound when the user cannot see it, NotAllowed without the right."""
    found = stores_of(user).filter(account=account).first()
    if found is None:
        raise NotFound(account)
    if right is not Right.READ and right not in rights_in(found, user):
        raise NotAllowed(right)
    return found


def order(user: User | AnonymousUser, account: str, number: str, right: Right = Right.READ) -> Order:
    """The order with this number in this store. Raises NotFound as ``store`` does, and NotAllowed without the right."""
    found = (
        Order.objects.select_related("store", "customer")
        .filter(store__in=stores_of(user), store__account=account, number=number)
        .first()
    )
    if found is None:
        raise NotFound(number)
    if right is not Right.READ and right not in rights_in(found.store, user):
        raise NotAllowed(right)
    return found


def order_of_key(key: ApiKey, number: str) -> Order:
    """The order with this number in the key's store, or with this sequence (``seq500123``). Raises NotFound."""
    orders = Order.objects.select_related("customer").filter(store=key.store_id)
    if short := _SEQUENCE.fullmatch(number):
        found = orders.filter(pk=int(short[1]) - FIRST_SEQUENCE).first()
    else:
        found = orders.filter(number=number).first() if number.isprintable() else None
    if found is None:
        raise NotFound(number)
    found.store = key.store  # read with the key
    return found


def ensure_may_answer(key: ApiKey) -> None:
    """Raise NotAllowed unless the key may write mails to the parties of orders."""
    if not key.may_answer:
        raise NotAllowed("this key may not write mails")


def ensure_may_reveal(key: ApiKey) -> None:
    """Raise NotAllowed unless the key may see real addresses."""
    if not key.may_reveal:
        raise NotAllowed("this key may not see real addresses")


def token_digest(token: str) -> bytes:
    """What is kept of an API token."""
    return secrecy.digest(token, purpose="api-token")


def key(app_key: str, app_token: str) -> ApiKey | None:
    """The live API key with this name and token, with its store; None when either is wrong."""
    # What cannot be printed (a NUL, a lone surrogate) is in no key, and PostgreSQL takes it in no question.
    name = app_key if app_key.isprintable() else ""
    found = ApiKey.objects.select_related("store").filter(app_key=name, revoked_at=None).first()
    # Digest and compare even when there is no such key, so that both answers take the same time.
    given = token_digest(app_token)
    known = bytes(found.token_digest) if found else bytes(len(given))
    return found if hmac.compare_digest(given, known) and found else None
