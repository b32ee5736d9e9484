"""Words keep the colour that they stand on."""

from __future__ import annotations

import html
import time

import pytest

from conversation_tracker.mailflow import bodies
from orders import rendering


def cleaned(style: str) -> str:
    return bodies.clean(f'<p style="{html.escape(style)}">x</p>')


@pytest.mark.parametrize(
    ("style", "kept"),
    [
        ("background:#4472C4;color:white", "background-color:#4472C4;color:white"),
        ("background: RED", "background-color:RED"),
        ("background:rgb(1, 2, 3) !important", "background-color:rgb(1, 2, 3) !important"),
        ("background:no-repeat center/cover url(//x.example/y) darkslateblue", "background-color:darkslateblue"),
        ('background:url("a;position:fixed") #fff repeat-x', "background-color:#fff"),
        ("background:linear-gradient(to right, #f00 0%, blue)", "background-color:#f00"),
        ("background:var(--ground, #fff)", "background-color:#fff"),
        ("back\\67round:red", "background-color:red"),
        ("background:transparent", "background-color:transparent"),
        ("background:none", ""),
        ("background:url(//x.example/red)", ""),
        ("background-image:url(//x.example/red)", ""),
        ("BACKGROUND: #000080; COLOR: #ffffff", "background-color:#000080;COLOR:#ffffff"),
        ("BACKGROUND-COLOR: #000080", "BACKGROUND-COLOR:#000080"),
        ('font-family:"A;B";background:red', "font-family:&quot;A;B&quot;;background-color:red"),
    ],
)
def test_of_a_background_the_colour_is_kept(style: str, kept: str) -> None:
    assert cleaned(style) == f'<p style="{kept}">x</p>'


def test_a_ground_does_not_bring_back_what_hides_text() -> None:
    kept = '<p style="background-color:red">x</p>'
    assert cleaned("background:red;color:transparent;display:none;font-size:1px") == kept


@pytest.mark.parametrize(
    ("body", "style"),
    [
        ('<body bgcolor="#000000" text=white link=red>', "background-color:#000000;color:white"),
        ("<BODY style='margin:0;background:#111;color:#eee' class=x>", "margin:0;background-color:#111;color:#eee"),
        ('<body style="background-color: #f4f4f4">', "background-color:#f4f4f4"),
        ("<body bgcolor=black data-x='a>b' onload=\"if (a > b) c()\">", "background-color:black"),
    ],
)
def test_the_body_s_colours_are_kept(body: str, style: str) -> None:
    found = bodies.clean(f"<html><head><title>t</title></head>{body}<p>x</p></body></html>")
    assert found.split() == f'<div style="{style}"><p>x</p> </div>'.split()


@pytest.mark.parametrize(
    "body",
    [
        '<body background="https://x.example/dark.jpg" text="#ffffff">',
        '<body style="background:url(//x.example/dark.jpg);color:#fff">',
        "<body text=white>",
    ],
)
def test_words_of_a_body_without_a_colour_have_none_either(body: str) -> None:
    assert bodies.clean(f"{body}<p>x</p>") == "<p>x</p>"


@pytest.mark.parametrize("style", ["DISPLAY: none", "COLOR: transparent", "FONT-SIZE: 1px", "Color:TRANSPARENT"])
def test_capitals_hide_nothing(style: str) -> None:
    assert cleaned(style) == '<p style="">x</p>'


@pytest.mark.parametrize("body", ["<body>", '<body class="x" dir=ltr>', "<body style='margin:0'>"])
def test_a_body_without_colours_is_nothing(body: str) -> None:
    assert bodies.clean(f"{body}x") == "x"


def test_a_mail_of_many_bodies_gets_no_deeper() -> None:
    assert bodies.clean("<body bgcolor=red>" * 2_000 + "x").count("<div") == 1


def test_pages_show_the_colour_too() -> None:
    found = rendering.safe_html('<p style="background:#111 url(//x.example/y);color:#fff">x</p>').html
    assert found == '<p style="background-color:#111;color:#fff">x</p>'


@pytest.mark.parametrize(
    "source",
    [
        '<p style="background:red;x:' + "\\&quot;" * 200_000 + '">',
        "<p style=\"background:red;x:'" + "\\'" * 200_000 + '\\">',
        '<p style="background:' + "url(" * 200_000 + '">',
        "<body " * 200_000 + "background" + " a" * 200_000,
        "<body '\"" * 200_000,
    ],
)
def test_what_is_hostile_takes_no_time(source: str) -> None:
    began = time.process_time()
    bodies.clean(source)
    rendering.safe_html(source)
    assert time.process_time() - began < 10
