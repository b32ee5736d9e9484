"""Templates that would keep a process busy, fill its memory or end it: refused on save, replaced when a mail is due."""

from __future__ import annotations

import time

import pytest
from django.utils import timezone

from conversation_tracker.message_center import checking, context, engine, rendering, sources
from conversation_tracker.message_center.defaults import Source
from conversation_tracker.message_center.engine import Problem
from conversation_tracker.models import TemplateKey, TemplateVersion
from orders import markup
from orders.models import Store
from tests import factories, stopwatch

pytestmark = pytest.mark.django_db

TEN = "{% assign a = 'xxxxxxxxxx' %}"
DOUBLED = "{% assign a = a | append: a %}"
LONG = TEN + DOUBLED * 13  # 81,920 characters
BOMBS = {
    "a loop": ("{% for i in (1..999999999) %}x{% endfor %}", Problem.TOO_MUCH),
    "a loop in a loop": ("{% for i in (1..999) %}{% for j in (1..999) %}{% endfor %}{% endfor %}", Problem.TOO_MUCH),
    "the end of a loop": ("{% for i in (1..999999999) limit: 1 offset: 999999990 %}{% endfor %}", Problem.TOO_MUCH),
    "a loop backwards": ("{% for i in (1..999999999) reversed limit: 1 %}{% endfor %}", Problem.TOO_MUCH),
    "a range joined": ("{% assign r = (1..999999999) %}{{ r | join: ',' }}", Problem.TOO_MUCH),
    "a range searched": ("{% assign r = (1..999999999) %}{% if r contains 'x' %}{% endif %}", Problem.TOO_MUCH),
    "doubled": (TEN + DOUBLED * 40, Problem.TOO_MUCH),
    "doubled in a loop": (TEN + "{% for i in (1..99) %}" + DOUBLED + "{% endfor %}", Problem.TOO_MUCH),
    "captured": (
        TEN + "{% for i in (1..99) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}", Problem.TOO_MUCH
    ),
    "printed": (LONG + "{% for i in (1..9999) %}{{ a }}{% endfor %}", Problem.TOO_MUCH),
    "multiplied": ("{% assign n = 9 %}" + "{% assign n = n | times: n %}" * 9, Problem.TOO_MUCH),
    "joined with itself": (LONG + "{% assign b = a | split: '' %}{{ b | join: a }}", Problem.TOO_MUCH),
    "joined with much": (LONG + "{% assign b = 'x,x,x' | split: ',' %}{{ b | join: a }}", Problem.VALUE),
    "replaced by itself": (LONG + "{{ a | replace: 'x', a }}", Problem.VALUE),
    "a list of much": (
        LONG + "{% assign b = a | split: ',' %}{% assign c = b | concat: b %}{{ c }}", Problem.TOO_MUCH
    ),
    "many lists of much": (
        "{% assign a = '😀😀😀😀😀😀😀😀😀' %}" + DOUBLED * 13 + "{% assign a = 'x' | append: a %}"
        + "".join(f"{{% assign b{n} = a | split: 'x' %}}" for n in range(2_000)), Problem.TOO_MUCH
    ),
    "a style that cannot be read": ("<p style='{}'>a</p>", Problem.STYLE),
    "nested": ("{% if order %}" * 500 + "{% endif %}" * 500, Problem.TOO_MUCH),
    "in parentheses": ("{% if " + "(" * 90_000 + " %}x{% endif %}", Problem.TOO_LONG),
    "never closed": ("{{" * 90_000, Problem.SYNTAX),
    "raw": ("{% raw %}" * 20_000, Problem.TOO_LONG),
    "digits": ("{{ 1 | times: " + "9" * 1_900 + " }}", Problem.TOO_MUCH),
    "deep elements": ("<span>" * 30_000, Problem.HTML),
    "formatting opened again": ("<b class=x>" * 3_000 + "<p>a" * 20_000, Problem.HTML),
    "attributes": ("<p " + " ".join(f"a{n}=1" for n in range(20_000)) + ">", Problem.HTML),
    "a style of much": ("<style>p{font-family:" + "x" * 90_000 + "}</style>" + "<p>" * 20_000, Problem.HTML),
    "many styles": ("<style>" + "*{color:red}" * 9_000 + "</style>" + "<p>" * 20_000, Problem.HTML),
    "styles without end": ("<style>" * 25_000, Problem.HTML),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_on_save_in_no_time(name: str):
    written, problem = BOMBS[name]
    sample = context.sample(factories.make_store(), TemplateKey.NEW_ORDER)
    began = time.thread_time()
    [fault] = checking.check(Source("Hello", "", written, "a"), sample)
    assert (fault.field, fault.problem) == ("html", problem)
    assert (fault.line, fault.column > 0) == (1, True)
    assert time.thread_time() - began < engine.MOST_SECONDS


def test_texts_that_take_long_have_the_time_of_one_together(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(engine, "MOST_SECONDS", 0.2)
    slow = "{% for a in (1..19999) %}{{ 'a b c d' | split: ' ' | join: '-' | upcase | size }}{% endfor %}"
    sample = context.sample(factories.make_store(), TemplateKey.NEW_ORDER)
    found = checking.check(Source("Hello", "", slow, slow), sample)
    assert [(one.field, one.problem) for one in found] == [("html", Problem.TOO_MUCH)]
    assert stopwatch.least(lambda: checking.check(Source("Hello", "", slow, slow), sample)) < 0.8


@pytest.mark.parametrize("name", BOMBS)
def test_one_that_was_kept_all_the_same_gives_way_to_the_default(name: str, store: Store):
    TemplateVersion.objects.create(
        store=store, key=TemplateKey.NEW_ORDER, locale="en", number=1, subject="Mine", html=BOMBS[name][0],
        text="a", created_at=timezone.now(),
    )  # fmt: skip
    mail = rendering.render(
        store, TemplateKey.NEW_ORDER, locale="en", context=context.sample(store, TemplateKey.NEW_ORDER)
    )
    assert mail.subject != "Mine"
    assert BOMBS[name][1].value in mail.problem


def test_what_is_too_long_says_where_it_begins_to_be(store: Store):
    sample = context.sample(store, TemplateKey.NEW_ORDER)
    lines = "<p>123456</p>\n" * 20_000
    tag = "ok\n  {{ '" + "x" * sources.LONGEST_TAG + "' }}"
    found = checking.check(Source("x" * 1_001, "", lines, tag), sample)
    assert [(one.field, one.problem, one.line, one.column) for one in found] == [
        ("subject", Problem.TOO_LONG, 1, 1_001),
        ("html", Problem.TOO_LONG, 14_286, 11),
        ("text", Problem.TOO_LONG, 2, 3),
    ]


HERE = "@"  # stands for where the fault is
SPANS = "<span>" * markup.DEEPEST


@pytest.mark.parametrize(
    "marked",
    [
        f"<p>Hello</p>\n<!-- İ <b> -->{SPANS}\n {HERE}<span>deep",
        f"{{{{ order.number }}}}\n{SPANS}{{{{ order.number }}}} {{%- if true -%}}\n  {HERE}<span>{{%- endif -%}}",
        f"{SPANS}\n{{% for one in (1..2) %}}</span><b>\n{HERE}<i>{{% endfor %}}",
        f"{SPANS}{{% capture a %}}<span>{{% endcapture %}}\n{HERE}{{{{ a }}}}",
        "<p>Hello</p>\n" + HERE + "<p " + "a=1 " * 2_000 + ">",
        "<p>İ</p>\n" + HERE + "<STYLE>" + "*{color:red}" * 9_000 + "</style>" + "<p>" * 20_000,
    ],
)
def test_html_that_is_too_much_says_where_it_is_written(marked: str, store: Store):
    before, _, after = marked.partition(HERE)
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
    source, sample = Source("Hello", "", before + after, "a"), context.sample(store, TemplateKey.NEW_ORDER)
    [fault] = checking.check(source, sample)
    assert (fault.problem, fault.line, fault.column) == (Problem.HTML, *place)
    with pytest.raises(engine.Faulty) as raised:
        rendering.fill(source, locale="en", context=sample)
    assert (raised.value.line, raised.value.column) == place


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("{{ order.items[9].name }}", "order.items[9].name"),
        ("{{ parcel.events.first.city }}", "parcel.events.first.city"),
        ("{% assign one = order.totals[0] %}{{ one.name }}", "order.totals[0]"),
    ],
)
def test_what_a_list_may_not_have_is_named(written: str, named: str, store: Store):
    [fault] = checking.check(Source("Hello", "", "a", written), context.sample(store, TemplateKey.NEW_ORDER))
    assert (fault.problem, fault.detail) == (Problem.ITEM, named)
    assert "out of range" not in fault.words


def test_a_large_template_that_is_no_bomb_is_kept(store: Store):
    rows = "{% for item in order.items %}<tr><td style='color: red'>{{ item.name | upcase }}</td></tr>{% endfor %}"
    styles = "<style>" + ".a { color: #123456 } " * 500 + "</style>"
    written = Source("Hello", "", styles + "<table>" + rows * 300 + "</table>", rows * 1_500)
    assert checking.check(written, context.sample(store, TemplateKey.NEW_ORDER)) == []
