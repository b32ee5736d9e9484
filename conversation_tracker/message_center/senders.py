"""The senders of a store: names and addresses, behind aliases, that its order mails come from."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, models, transaction

from conversation_tracker.models.template import Sender
from orders import audit, customers
from orders.models import Action, Store, User
from orders.secrecy import Secret


class AlreadyThere(ValueError):
    """The store has a sender of this address."""


def of(store: Store) -> models.QuerySet[Sender]:
    """The store's senders, the default one first."""
    return Sender.objects.filter(store=store).order_by("-is_default", "name", "pk")


def find(store: Store, pk: int) -> Sender | None:
    """One of the store's senders."""
    return Sender.objects.filter(store=store, pk=pk).first()


def add(store: Store, *, name: str, address: str, is_default: bool, user: User, now: datetime) -> Sender:
    """Add a sender; the address is already validated. Raises AlreadyThere."""
    with transaction.atomic():
        Store.objects.select_for_update().only("pk").get(pk=store.pk)
        if is_default:
            Sender.objects.filter(store=store, is_default=True).update(is_default=False)
        digest = customers.real_digest(address)
        if Sender.objects.filter(store=store, address_digest=digest).exists():
            raise AlreadyThere
        made = Sender.objects.create(
            store=store, name=name, address=Secret.of(address), address_digest=digest, is_default=is_default,
            created_at=now,
        )  # fmt: skip
        _note(store, made, before="", after=_said(made), user=user, now=now)
    return made


def change(sender: Sender, *, name: str, address: str, user: User, now: datetime) -> bool:
    """Give the sender another name or address; False when both are what they were. Raises AlreadyThere."""
    with transaction.atomic():
        held = Sender.objects.select_for_update().select_related("store").get(pk=sender.pk)
        if (held.name, held.address.text()) == (name, address):
            return False
        before = _said(held)
        is_moved = held.address.text() != address
        held.name, held.address, held.address_digest = name, Secret.of(address), customers.real_digest(address)
        try:
            with transaction.atomic():
                held.save(update_fields=["name", "address", "address_digest"])
        except IntegrityError as error:
            raise AlreadyThere from error
        after = _said(held) + (", another address" if is_moved else "")
        _note(held.store, held, before=before, after=after, user=user, now=now)
    return True


def make_default(sender: Sender, *, user: User, now: datetime) -> None:
    """Let order mails without a sender of their own come from this one."""
    with transaction.atomic():
        Store.objects.select_for_update().only("pk").get(pk=sender.store_id)
        Sender.objects.filter(store=sender.store_id, is_default=True).update(is_default=False)
        Sender.objects.filter(pk=sender.pk).update(is_default=True)
        sender.is_default = True
        _note(sender.store, sender, before="", after=_said(sender), user=user, now=now)


def remove(sender: Sender, *, user: User, now: datetime) -> None:
    """Take the sender away. Templates that named it are sent by the default one from now on."""
    with transaction.atomic():
        _note(sender.store, sender, before=_said(sender), after="removed", user=user, now=now)
        sender.delete()


def _said(sender: Sender) -> str:
    """For the audit log, which holds no real address."""
    return f"{sender.name}{', default' if sender.is_default else ''}"


def _note(store: Store, sender: Sender, *, before: str, after: str, user: User, now: datetime) -> None:
    audit.record(
        Action.SENDER_CHANGED,
        subject=f"sender {sender.pk}", store=store, user=user, before=before, after=after, now=now,
    )  # fmt: skip
