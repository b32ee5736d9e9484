"""What is wrong with a template is said before it is kept, with line and column."""

from __future__ import annotations

import pytest

from conversation_tracker.message_center import checking, context, defaults, locales
from conversation_tracker.message_center.defaults import Source
from conversation_tracker.message_center.engine import Problem
from conversation_tracker.models import TemplateKey
from tests import factories

pytestmark = pytest.mark.django_db


def faults(**texts: str) -> list[tuple[str, Problem, int, int]]:
    source = Source(**{"subject": "Hello", "preheader": "", "html": "<p>a</p>", "text": "a", **texts})
    sample = context.sample(factories.make_store(), TemplateKey.NEW_ORDER)
    return [(one.field, one.problem, one.line, one.column) for one in checking.check(source, sample)]


@pytest.mark.parametrize("locale", locales.LOCALES)
@pytest.mark.parametrize("key", TemplateKey)
def test_the_default_templates_have_no_fault(key, locale):
    sample = context.sample(factories.make_store(), key)
    assert checking.check(defaults.source(key, locale), sample) == []


@pytest.mark.parametrize(
    ("html", "problem", "line", "column"),
    [
        ("<p>\n  {{ order.number </p>", Problem.SYNTAX, 2, 3),
        ("<p>\n{% if order.number %}</p>", Problem.SYNTAX, 2, 1),
        ("a\nbc {% include 'x' %}", Problem.TAG, 2, 7),
        ("a\n{{ order.nmuber }}", Problem.VARIABLE, 2, 4),
        ("{{ nothing }}", Problem.VARIABLE, 1, 4),
        ("{{ now }}", Problem.VARIABLE, 1, 4),
        ("{% if false %}{{ order.nmuber }}{% endif %}", Problem.VARIABLE, 1, 18),
        ("{% if order.nmuber %}x{% endif %}", Problem.VARIABLE, 1, 7),
        ("{% for a in order.items %}\n{% if false %}{{ a.nmae }}{% endif %}{% endfor %}", Problem.VARIABLE, 2, 18),
        ("{% assign one = order.items.first %}\n{{ one.nmae }}", Problem.VARIABLE, 2, 4),
        ("{{ order.items[0].nmae }}", Problem.VARIABLE, 1, 4),
        ("{% for a in order.itmes %}{% endfor %}", Problem.VARIABLE, 1, 13),
        ("{{ order.number | shout }}", Problem.FILTER, 1, 19),
        ("a\n{% if false %}{{ 'a' | upcase | shout }}{% endif %}", Problem.FILTER, 2, 33),
        ("{% if false %}{% assign a = 'a' | shout %}{% endif %}", Problem.FILTER, 1, 35),
        ("\n{{ order.items | where: 'nope', 1 | size }}", Problem.VARIABLE, 2, 25),
        ("{% if false %}{{ order.items | map: 'nope' | join }}{% endif %}", Problem.VARIABLE, 1, 37),
        ("{% assign a = order.items | reverse | sort: 'nope' %}{{ a | size }}", Problem.VARIABLE, 1, 45),
        ("{% assign a = order.items | sort: 'name' | first %}{{ a.nmae }}", Problem.VARIABLE, 1, 55),
        ("{% if false %}{{ order.value | money: 'XXQ' }}{% endif %}", Problem.VALUE, 1, 39),
        ("x\n{{ order.number | money }}", Problem.VALUE, 2, 19),
        ("{% for a in (1..999999) %}x{% endfor %}", Problem.TOO_MUCH, 1, 4),
        ("\n<p>{% comment %}x{% endcomment %}</p>", Problem.EMPTY, 1, 1),
        ("<p>ok</p>\n <script>x</script>", Problem.UNSAFE, 2, 2),
        ("<p onclick='x()'>a</p>", Problem.UNSAFE, 1, 3),
        ("<a href='javascript:x'>a</a>", Problem.UNSAFE, 1, 10),
        ("<style>\n@import 'x';</style><p>a</p>", Problem.UNSAFE, 2, 1),
        ("<p style='background:url(https://x.example)'>a</p>", Problem.UNSAFE, 1, 22),
        ("<p style='color: red'>a</p>\n<p style='{}'>a</p>", Problem.STYLE, 2, 4),
        ("{% assign a = '{}' %}<b>a</b>\n<p style=\"{{ a }}\">a</p>", Problem.STYLE, 2, 4),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_its_place(html, problem, line, column):
    [(field, found, *place)] = faults(html=html)
    assert (field, found, place) == ("html", problem, [line, column])


@pytest.mark.parametrize(
    ("html", "column"),
    [
        ("{{ order.number | }}", 17), ("{{ }}", 1), ("{% if locale == %}{% endif %}", 14),
        ("{% if locale and %}{% endif %}", 14), ("{% for i in %}{% endfor %}", 10),
        ("{% for i in order.items limit: %}{% endfor %}", 30), ("{% assign x %}", 11), ("{% assign x = %}", 13),
        ("{{ order[ }}", 9), ("{% if locale == %}{% endif %}{% if locale %}", 14), ("a{% if locale %}b", 2),
    ],
)  # fmt: skip
def test_what_ends_too_early_is_told_with_the_place_of_its_last_piece(html, column):
    [(_, found, *place)] = faults(html=f"<p>\n{html}\n{{{{ order.number }}}}</p>")
    assert (found, place) == (Problem.SYNTAX, [2, column])


@pytest.mark.parametrize(
    "html",
    [
        "{% for item in order.items %}{{ forloop.index }} {{ item.name }}{% endfor %}",
        "{% assign one = order.items | first %}{{ one.name }}",
        "{{ order.items | where: 'id', 'x' | map: 'total' | sum | money: 'eur' }}",
        "{{ order.items | sort: 'price' | map: 'name' | join: ', ' }}",
        "{% capture a %}x{% endcapture %}{{ a | size }}",
        "{{ order.items.size }}",
        "{% for line in delivery.lines %}{{ line }}{% endfor %}",
        "<style>.a { color: red }</style><p style='color: {{ order.number }}'>a</p>",
        "{% case order.status %}{% when 'x' %}a{% else %}b{% endcase %}",
        "<p>Based on = nothing, one = two</p>",
    ],
)
def test_what_is_right_is_not_complained_about(html):
    assert faults(html=html) == []


def test_a_fault_in_each_text_is_told_of_at_once():
    found = faults(subject="{{ a }}", preheader="{{ b }}", html="{{ c }}{{ d }}", text="{{ e }}")
    assert [one[0] for one in found] == ["subject", "preheader", "html", "html", "text"]


def test_what_only_some_orders_have_must_be_asked_for_first():
    assert faults(text="{{ parcel.events.first.description }}") == [("text", Problem.ITEM, 1, 4)]
    assert faults(text="{% if parcel.events.size > 0 %}{{ parcel.events.first.place }}{% endif %}") == []
