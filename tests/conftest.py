"""What most tests begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import settings as hypothesis_settings
from pytest_django import Settings

from orders.models import Role, Store, User
from orders.placing import Placed
from tests import factories

# A machine that does other things at the same time is no bug of ours.
hypothesis_settings.register_profile("patient", deadline=None)
hypothesis_settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _own_vault(settings: Settings, tmp_path: Path) -> None:
    """Every test keeps its files in a folder of its own."""
    location = {"location": str(tmp_path / "mail")}
    settings.STORAGES = {**settings.STORAGES, "mail": {"BACKEND": "orders.vault.Folder", "OPTIONS": location}}


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Settings) -> None:
    """The hasher of production is slow on purpose; no test is about that."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_list_of_static_files(settings: Settings) -> None:
    """WhiteNoise lists all static files for each new client otherwise, which takes longer than most tests."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def store(db: None) -> Store:
    """A store that issues Hard aliases."""
    return factories.make_store("acme")


@pytest.fixture
def placed(store: Store) -> Placed:
    """An order of the store, with its two aliases."""
    return factories.place_order(store)


@pytest.fixture
def store_admin(store: Store) -> User:
    """Who may do everything in the store."""
    return factories.make_user("admin@staff.example", store=store, role=Role.ADMIN)


@pytest.fixture
def support(store: Store) -> User:
    """Who may read and answer in the store."""
    return factories.make_user("support@staff.example", store=store, role=Role.SUPPORT)


@pytest.fixture
def outsider(db: None) -> User:
    """Who has a store, but another one."""
    return factories.make_user("outsider@staff.example", store=factories.make_store("elsewhere"), role=Role.ADMIN)


@pytest.fixture
def as_admin(client: Client, store_admin: User) -> Client:
    """A browser in which the store's admin is signed in."""
    client.force_login(store_admin)
    return client


@pytest.fixture
def as_support(support: User) -> Any:
    """A browser in which support staff is signed in."""
    client = Client()
    client.force_login(support)
    return client
