"""HTML that would keep the cleaner busy is text before it is cleaned."""

from __future__ import annotations

import time

import pytest

from conversation_tracker.mailflow import bodies

MEGABYTE = 1_000_000
HOSTILE = [
    "<div>",
    "<div></p>",
    "<b></p>",
    "<ul><li>",
    "<x></y>",
    "<span></div>",
    "<rt>",
    "<optgroup>",
    "<li><dd>",
    "<b><div></b>",
    "&",
    "&#",
    "&lt;",
    "<",
    "<!",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_megabyte_of_anything_is_cleaned_within_seconds(unit: str) -> None:
    source = unit * (MEGABYTE // len(unit))
    began = time.process_time()
    cleaned = bodies.clean(source)
    bodies.to_text(cleaned)
    assert time.process_time() - began < 10  # a second or two; without the check half a minute to hours


@pytest.mark.parametrize(
    ("before", "each", "after"), [("<p ", "a{} ", ">"), ("<p ", "a{}/", ">"), ("", "<html a{}>", "")]
)
def test_a_lot_of_attributes_are_not_compared_with_each_other(before: str, each: str, after: str) -> None:
    source = before + "".join(each.format(number) for number in range(150_000)) + after + "Hello"
    began = time.process_time()
    assert bodies.to_text(bodies.clean(source)) == "Hello"
    assert time.process_time() - began < 5  # a second; without the check from ten to hundreds


def test_what_is_shown_where_nothing_runs_stays() -> None:
    cleaned = bodies.clean(
        "<p>One</p><noscript><p>Your <b>code</b> is 5</p><script>x()</script></noscript><object data=x>two</object>"
    )
    assert "<p>Your <b>code</b> is 5</p>" in cleaned
    assert bodies.to_text(cleaned).split() == ["One", "Your", "code", "is", "5", "two"]
    assert "x()" not in cleaned


def test_the_links_of_a_picture_map_stay() -> None:
    source = (
        '<img alt="" usemap="#m"><map name="m"><area shape="rect" coords="0,0,9,9" href="https://x.example/"></map>'
    )
    cleaned = bodies.clean(source)
    for kept in ('usemap="#m"', 'name="m"', 'coords="0,0,9,9"', 'href="https://x.example/"'):
        assert kept in cleaned


def test_a_picture_of_megabytes_within_the_html_stays_in_it() -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo/abc+" * 200_000
    cleaned = bodies.clean(f"<p><b>Hello</b><img alt='x y' src='{picture}'>")
    assert "<b>Hello</b>" in cleaned


def test_of_html_too_deep_to_be_cleaned_the_text_is_left() -> None:
    cleaned = bodies.clean("<div>" * 1_000 + "<a href='javascript:x()'>Hello & <b>goodbye</b></a>")
    assert bodies.to_text(cleaned) == "Hello & goodbye"
    assert "javascript" not in cleaned


def test_ordinary_html_is_cleaned_whatever_its_size() -> None:
    row = "<tr><td>1 &amp; 2<td><p>x<p>y<li>z<br><img src='https://a.example/b?c=1&amp;d=2'>"
    cleaned = bodies.clean("<table>" + row * 5_000 + "</table>" + "<div>" * 100 + "deep" + "</div>" * 100)
    assert (cleaned.count("<td>"), cleaned.count("<div>")) == (10_000, 100)


def test_lists_in_each_other_and_side_by_side_stay() -> None:
    lists = "<ul><li>1<li>2<dl><dt>3<dd>4<dd>5</dl></ul>"
    assert bodies.clean(lists * 2_000).count("<li>") == 4_000


REOPENED = "<p>" + "".join(f"<font color=c{number}>" for number in range(490)) + "</p><p>x" * 3_000


@pytest.mark.parametrize(
    "source",
    [
        REOPENED,
        REOPENED.replace("<font", "<!--</font></font>--><font"),
        "<p>" + "".join(f"<b title={number}{'x' * 9_000}>" for number in range(50)) + "</p><p>x" * 3_000,
    ],
    ids=["many", "comments", "long"],
)
def test_formatting_that_would_be_opened_again_in_each_block_is_dropped(source: str) -> None:
    began = time.process_time()
    assert bodies.clean(source).count("<") == 2
    assert time.process_time() - began < 5


@pytest.mark.parametrize("sign", ["&", "\xa0", "\xb0", "\x85"])
def test_a_long_text_of_what_the_cleaner_is_slow_at_is_text(sign: str) -> None:
    began = time.process_time()
    cleaned = bodies.clean(f"<p>Hello <b>you</b></p>{sign * 800_000}")
    assert bodies.to_text(cleaned).startswith("Hello you")
    assert time.process_time() - began < 5


def test_a_long_text_with_some_of_it_is_cleaned() -> None:
    words = "O nº 1\xa0da 2ª rua está a 3°, é só seguir em frente até ao fim. " * 6_000
    assert "<b>you</b>" in bodies.clean(f"<p>Hello <b>you</b></p>{words}")


def test_formatting_left_open_here_and_there_stays() -> None:
    cleaned = bodies.clean("<p><font color=red><b>x</p>" * 100 + "<table>" + "<tr><td>y" * 5_000 + "</table>")
    assert cleaned.count("<td>") == 5_000
    assert "<font" in cleaned


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY: none !important",
        "displ\\61y:n\\6f ne",
        "font-size:0",
        "font-size:1px",
        "font-size:.1em",
        "color:transparent",
        "color:rgba(1,2,3,0)",
        "color:#12345600",
        "letter-spacing:-9px",
        "margin-left:-9999px",
    ],
)
def test_no_style_hides_text(style: str) -> None:
    assert bodies.clean(f'<p style="{style};width:9px">x</p>') == '<p style="width:9px">x</p>'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>anna@&zwnj;people&#8205;.example</p>", "<p>anna@people.example</p>"),
        ("<p>\u0645\u06cc\u200c\u062e 👩\u200d💻</p>", "<p>\u0645\u06cc\u200c\u062e 👩\u200d💻</p>"),
    ],
)
def test_joiners_stay_where_a_script_needs_them(source: str, expected: str) -> None:
    assert bodies.clean(source) == expected


def test_styles_that_hide_nothing_stay() -> None:
    source = '<p style="display:block;font-size:14px;color:#123456;margin:0 auto;letter-spacing:1px">x</p>'
    assert bodies.clean(source) == source


@pytest.mark.parametrize("space", [" ", "\t", "\xa0", "\n ", " \n"])
def test_a_lot_of_space_is_tidied_within_seconds(space: str) -> None:
    began = time.process_time()
    assert bodies.tidy("a" + space * 400_000 + "b") in {f"a{space * 400_000}b", "a\n\nb", "a\n\n b"}
    assert time.process_time() - began < 10  # a second at most; tried at each character it would take minutes
