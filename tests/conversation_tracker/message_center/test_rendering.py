"""Order mails: every default one, and the store's own with all that can be wrong with it."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from conversation_tracker.message_center import context, defaults, engine, locales, rendering
from conversation_tracker.models.template import TemplateKey, TemplateVersion
from tests import factories

pytestmark = pytest.mark.django_db
EVERY = [(key, locale) for key in TemplateKey for locale in locales.LOCALES]
GROWING = "{% assign a = 999 %}{% for i in (1..40) %}{% assign a = a | ? %}{% endfor %}"


@pytest.fixture
def store():
    return factories.make_store("acme", name="Acme & Sons")


def write(store, key=TemplateKey.NEW_ORDER, *, locale="en", number=1, **texts):
    texts = {"subject": "Order", "preheader": "", "html": "<p>Own</p>", "text": "Own", **texts}
    return TemplateVersion.objects.create(
        store=store, key=key, locale=locale, number=number, created_at=timezone.now(), **texts
    )


def render(store, key=TemplateKey.NEW_ORDER, locale="en", **names):
    return rendering.render(store, key, locale=locale, context={**context.sample(store, key), **names})


@pytest.mark.parametrize("key", TemplateKey)
@pytest.mark.parametrize("locale", ["es-MX", "en-CA"])
def test_no_sentence_of_a_default_mail_ends_in_a_time_whose_own_full_stop_would_double_its(store, key, locale):
    text = render(store, key, locale).text
    assert not re.search(r"m\.\.", text)


@pytest.mark.parametrize(("key", "locale"), EVERY)
def test_each_default_mail_is_whole_and_knows_every_name_it_uses(store, key, locale):
    mail = rendering.fill(defaults.source(key, locale), locale=locale, context=context.sample(store, key))
    assert min(len(mail.subject), len(mail.preheader), len(mail.text)) > 10
    assert f'<html lang="{locale}"' in mail.html
    assert "Acme &amp; Sons" in mail.html
    assert "Acme & Sons" in mail.text
    assert "help@acme.example" not in mail.html + mail.text
    assert not re.search(r"\{\{|\{%|\[\[", mail.subject + mail.preheader + mail.html + mail.text)
    assert all('role="presentation"' in table for table in re.findall(r"<table[^>]*>", mail.html))
    assert all(re.search(r'alt="[^"]', image) for image in re.findall(r"<img[^>]*>", mail.html))


@pytest.mark.parametrize(("key", "locale"), EVERY)
def test_each_default_mail_can_do_without_all_that_may_be_unknown(store, key, locale):
    bare = {"store": {"name": "Acme"}, "order": {"number": "1"}}
    mail = rendering.fill(defaults.source(key, locale), locale=locale, context=bare)
    assert "None" not in mail.subject + mail.preheader + mail.html + mail.text


@pytest.mark.parametrize("key", TemplateKey)
def test_the_languages_say_the_same_things(key):
    def names(locale):
        source = defaults.source(key, locale)
        return sorted(set(re.findall(r"(?:order|parcel|invoice|event|payment|change)\.[a-z_.]+", source.html)))

    assert names("pt-BR") == names("en")
    assert names("es") == names("en")


@pytest.mark.parametrize(
    ("wanted", "of_store", "found"),
    [
        ("pt-BR", "en", "pt-BR"), ("pt_br", "en", "pt-BR"), ("pt-PT", "en", "pt-BR"), ("es-MX", "en", "es"),
        ("fr-FR", "es", "es"), ("fr", "de", "en"), ("", "pt-BR", "pt-BR"), ("", "", "en"),
    ],
)  # fmt: skip
def test_the_language_is_the_one_wanted_or_the_next_best(wanted, of_store, found):
    assert locales.of_template(wanted, of_store) == found


@pytest.mark.parametrize(
    ("wanted", "spoken", "moment"),
    [
        ("fr-FR", "pt-BR", "22 de novembro de 2026, 22:40"), ("ar", "pt-BR", "22 de novembro de 2026, 22:40"),
        ("zz", "pt-BR", "22 de novembro de 2026, 22:40"), ("en-GB", "en-GB", "22 November 2026"),
    ],
)  # fmt: skip
def test_a_mail_speaks_one_language_in_its_words_its_dates_and_its_mark(wanted, spoken, moment):
    store = factories.make_store("bolt", locale="pt-BR", time_zone="America/Sao_Paulo")
    mail = render(store, locale=wanted)
    assert f'<html lang="{spoken}"' in mail.html
    assert moment in mail.text


def test_the_newest_version_of_the_store_counts(store):
    write(store, subject="First")
    write(store, number=2, subject="Second {{ order.number }}")
    write(store, locale="es", subject="Otro")
    assert render(store).subject == "Second 1305371685465-01"
    assert render(store).problem == ""


def test_a_version_that_goes_back_to_the_default_is_the_default(store):
    write(store, subject="First")
    write(store, number=2, is_default=True, subject="", html="", text="")
    assert render(store).subject == "We have your order 1305371685465-01"


def test_another_stores_template_is_not_used(store):
    write(factories.make_store(), subject="Theirs")
    assert render(store).subject == "We have your order 1305371685465-01"


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ({"subject": "{{ order.number"}, engine.Problem.SYNTAX),
        ({"html": "<p>{% if order.number %}</p>"}, engine.Problem.SYNTAX),
        ({"text": "{{ order.nmuber }}"}, engine.Problem.VARIABLE),
        ({"html": "{% include '/etc/passwd' %}"}, engine.Problem.TAG),
        ({"html": "{% render 'x' %}"}, engine.Problem.TAG),
        ({"html": "{{ order.number | shout }}"}, engine.Problem.FILTER),
        ({"html": "{{ order.number | safe }}"}, engine.Problem.FILTER),
        ({"html": "{% for a in (1..999) %}{% for b in (1..999) %}x{% endfor %}{% endfor %}"}, engine.Problem.TOO_MUCH),
        ({"html": "{% for a in (1..9999) %}" + "x" * 1000 + "{% endfor %}"}, engine.Problem.TOO_MUCH),
        ({"html": GROWING.replace("?", "append: a")}, engine.Problem.TOO_MUCH),
        ({"html": GROWING.replace("?", "times: a")}, engine.Problem.TOO_MUCH),
        ({"html": "{% for a in (1..20000) %}{% endfor %}" * 5000}, engine.Problem.TOO_MUCH),
        ({"html": "{% if true %}" * 40 + "{% endif %}" * 40}, engine.Problem.TOO_MUCH),
        ({"html": "x" * 200_001}, engine.Problem.TOO_LONG),
        ({"subject": "{{ customer.nothing_at_all }}"}, engine.Problem.VARIABLE),
        ({"subject": "{% comment %}nothing{% endcomment %}"}, engine.Problem.VALUE),
        ({"text": "{{ order.number | date }}"}, engine.Problem.VALUE),
        ({"html": "<p>{% if false %}x{% endif %}&nbsp;&#8203;</p>"}, engine.Problem.EMPTY),
    ],
)  # fmt: skip
def test_a_template_that_fails_is_replaced_by_the_default_and_says_why(store, texts, problem):
    write(store, **texts)
    mail = render(store)
    assert mail.subject == "We have your order 1305371685465-01"
    assert mail.problem.startswith(f"version 1 (en): {problem.value} ")


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "soon", {}, [1], 10**400, 1e308, "x"])
def test_a_default_mail_is_written_whatever_a_filter_is_given(store, value):
    odd = {**context.sample(store, TemplateKey.NEW_ORDER), "time_zone": "America/Sao_Paulo"}
    odd["order"] = {**odd["order"], "value": value, "placed_at": value}
    odd["delivery"] = {**odd["delivery"], "estimated_at": value}
    mail = rendering.render(store, TemplateKey.NEW_ORDER, locale="en", context=odd)
    assert (mail.problem, mail.subject) == ("", "We have your order 1305371685465-01")


def test_values_are_escaped_in_html_and_nowhere_else(store):
    write(store, subject="{{ customer.name }}", text="{{ customer.name }}", html="<p>{{ customer.name }}</p>")
    mail = render(store, customer={"name": "<b>Ana & Co</b>"})
    assert (mail.subject, mail.text) == ("<b>Ana & Co</b>", "<b>Ana & Co</b>\n")
    assert "<p>&lt;b&gt;Ana &amp; Co&lt;/b&gt;</p>" in re.sub(r' style="[^"]*"', "", mail.html)


def test_no_line_end_comes_into_the_subject(store):
    write(store, subject="Hello\r\nBcc: x@evil.example {{ customer.name }}", preheader="a\nb")
    mail = render(store, customer={"name": "Ana\r\n\x00Bcc: y@evil.example\u2028z"})
    assert mail.subject == "Hello Bcc: x@evil.example Ana Bcc: y@evil.example z"
    assert mail.preheader == "a b"


def test_nothing_in_a_sent_mail_runs_or_loads(store):
    evil = """<p onclick="x()">Hi</p><script>alert(1)</script><iframe src="https://evil.example"></iframe>
    <a href="javascript:alert(1)">go</a><form action="https://evil.example"><input name="a"></form>
    <link rel="stylesheet" href="https://evil.example/a.css"><style>@import "https://evil.example/b.css";</style>
    <div style="background:url(https://evil.example/c)">x</div><svg onload="x()"></svg><meta http-equiv="refresh">"""
    write(store, html=evil)
    html = render(store).html.split("<body")[1]
    assert "evil.example" not in html
    assert not re.search(r"script|onclick|onload|<form|<iframe|<link|<input|<svg|refresh", html)


def test_styles_of_the_store_stand_in_the_elements_and_its_media_queries_in_the_head(store):
    write(
        store, html="<style>.x { color: #123456 } @media (max-width: 1px) { .x { color: red } }</style><p class=x>a</p>"
    )
    html = render(store).html
    assert re.search(r'<p class="x" style="[^"]*color: #123456', html)
    assert "max-width: 1px" in html.split("</head>")[0]
    assert html.index("charset") < html.index("<style>")


@pytest.mark.parametrize(
    ("template", "locale", "shown"),
    [
        ("{{ order.value | money }}", "pt-BR", "R$\xa0353,90"),
        ("{{ order.value | money }}", "en", "R$353.90"),
        ("{{ order.value | money: 'EUR' }}", "es", "353,90\xa0€"),
        ("{{ order.value | money: 'JPY' }}", "en", "¥35,390"),
        ("{{ order.value | money: 'CLP' }}", "es-CL", "$35.390"),
        ("{{ order.value | money: 'KWD' }}", "en", "KWD35.390"),
        ("{{ order.value | money: 'IQD' }}", "en", "IQD35.390"),
        ("{{ order.value | money: 'RSD' }}", "en", "RSD353.90"),
        ("{{ order.value | money: 'RSD' }}", "sr", "353,90\xa0RSD"),
        ("{{ order.value | money: 'LBP' }}", "pt-BR", "LBP\xa0353,90"),
        ("{{ 0 | minus: 5 | money: 'LBP' }}", "en", "-LBP0.05"),
        ("{{ 123456 | money: 'BRL' }}", "pt-BR", "R$\xa01.234,56"),
        ("{{ order.placed_at | date }}", "en", "November 22, 2026"),
        ("{{ order.placed_at | date }}", "pt-BR", "22 de novembro de 2026"),
        ("{{ order.placed_at | date_time }}", "es", "22 de noviembre de 2026, 22:40"),
        ("{{ order.placed_at | time }}", "pt-BR", "22:40"),
        ("{{ order.placed_at | date: 'short' }}", "pt-BR", "22/11/2026"),
        ("{{ '2026-11-25' | date }}", "pt-BR", "25 de novembro de 2026"),
        ("{{ 1234.5 | number }}", "pt-BR", "1.234,5"),
        ("{{ event.reason | money }}{{ event.reason | date }}", "en", ""),
        ("{{ order.value | money }}", "xx-NOWHERE", "R$353.90"),
    ],
)  # fmt: skip
def test_money_and_moments_are_written_for_the_customer_and_in_the_stores_time_zone(store, template, locale, shown):
    source = defaults.Source("x", "", "<p>x</p>", template)
    mail = rendering.fill(source, locale=locale, context=context.sample(store, TemplateKey.INVOICED))
    assert mail.text == (shown and f"{shown}\n")
