"""Money, moments and tones in templates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import translation

from orders.models import Order, Status
from orders.templatetags import display


@pytest.mark.parametrize(
    ("language", "minor", "currency", "shown"),
    [
        ("en", 129_990, "BRL", "R$\u00a01,299.90"),
        ("pt-br", 129_990, "BRL", "R$\u00a01.299,90"),
        ("en", 1_500, "JPY", "¥\u00a01,500"),
        ("en", 1_500, "KWD", "KWD\u00a01.500"),
        ("en", 0, "EUR", "€\u00a00.00"),
    ],
)
def test_money_is_written_as_people_write_it(language, minor, currency, shown):
    with translation.override(language):
        assert display.money(minor, currency) == shown


def test_a_moment_is_shown_in_the_store_s_time_and_exact_for_machines():
    shown = display.moment(datetime(2025, 3, 1, 1, 30, tzinfo=UTC), "America/Sao_Paulo")
    assert shown == '<time datetime="2025-03-01T01:30:00+00:00">Feb. 28, 2025, 10:30 p.m.</time>'


@pytest.mark.parametrize("status", Status.values)
def test_every_status_has_a_tone_and_an_icon(status):
    assert display.tone_icon(display.tone(status)) in {"check", "stop", "clock", "box"}


@pytest.mark.parametrize("language", ["en", "pt-br", "es"])
def test_a_choice_is_called_what_django_calls_it(language):
    order = Order(status=Status.PAYMENT_DENIED)
    with translation.override(language):
        assert display.words(order, "status") == order.get_status_display()
