"""Masking a mail: bodies, names, files, attached mails."""

from __future__ import annotations

import email
import re
from email import policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversation_tracker.mailflow import leakgate, mask, parse
from conversation_tracker.mailflow.shapes import File, Mail, Mailbox, Masked
from orders.known import Known
from tests.conversation_tracker.mailflow import passing

ANNA = Known("anna@people.example", "11111111111111111111111111111111@ct.example")
SHOP = Known("help@shop.example", "22222222222222222222222222222222@ct.example")
KNOWN = (ANNA, SHOP)


def masked(
    *, text: str = "", html: str = "", subject: str = "", name: str = "", files: tuple[File, ...] = ()
) -> Masked:
    return mask.mask(Mail(Mailbox(name, "anna@people.example"), subject, "", (), "", text, html, files), KNOWN)


def test_every_address_is_replaced_and_counted() -> None:
    found = masked(text="anna@people.example, HELP@Shop.Example", subject="For Anna@people.example")
    assert found.text == f"{ANNA.alias}, {SHOP.alias}"
    assert found.subject == f"For {ANNA.alias}"
    assert found.count == 3


def test_html_is_masked_in_text_and_links() -> None:
    assert masked(html='<a href="mailto:anna@people.example">anna@people.example</a>').html == (
        f'<a href="mailto:{ANNA.alias}">{ANNA.alias}</a>'
    )


@pytest.mark.parametrize(
    "html",
    [
        "<form>Name<textarea>anna@people.example</textarea>tel</form>",
        "<form>Name<fieldset><legend>mail to</legend>anna@people.example<button>send</button></fieldset></form>",
        "<select><option>x<option>anna@people.example<option>y</select>",
        "<p>Bye</p>anna@people.example</body></html><html><body>of the mail before",
        "<table>" + "<tr><td>Name</td><td>anna@people.example</td><td>tel</td></tr>" + "<div>" * 600,
    ],
)
def test_what_the_cleaner_takes_away_joins_no_words(html: str) -> None:
    raw = EmailMessage()
    raw.set_content(html, subtype="html")
    found = passing.masked(raw.as_bytes(), ANNA)
    assert (found.html.count(ANNA.alias), found.text.count(ANNA.alias), "people" in found.html) == (1, 1, False)


@pytest.mark.parametrize("before", ["", "<p>Anna Real</p>", '<a href="https://shop.example">Track</a><br>'])
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("<p>anna@<b>people</b>.example</p>", f"<p>{ANNA.alias}<b></b></p>"),
        ("<p>anna@people.<wbr>example</p>", f"<p>{ANNA.alias}<wbr></p>"),
        ("<p><b>anna</b>@people.example</p>", f"<p><b>{ANNA.alias}</b></p>"),
    ],
)
def test_an_address_that_tags_cut_is_replaced_in_its_place(before: str, written: str, expected: str) -> None:
    assert masked(html=before + written).html == before + expected


@pytest.mark.parametrize("written", ["logo.anna@people.example", "logo.anna%40people.example"])
def test_a_picture_whose_id_shows_an_address_is_still_shown(written: str) -> None:
    picture = File("logo.png", "image/png", b"\x89PNG\r\n\x1a\n", content_id="logo.anna@people.example")
    found = masked(html=f'<img src="cid:{written}">', files=(picture,))
    assert found.html == f'<img src="cid:{found.files[0].content_id}">' == f'<img src="cid:logo.{ANNA.alias}">'


def test_a_soft_alias_that_a_tag_cuts_stays_as_it_is() -> None:
    soft = Known("anna@people.example", "anna@people.example-123456789012b.ct.example")
    html = "anna@people.example-<wbr>123456789012b.ct.example"
    assert mask.Masker([soft]).html(html) == html


@pytest.mark.parametrize("after", ["<br>Tel. 11", "</td><td>Tel. 11", "<b>wrote:</b>"])
def test_html_keeps_its_form_where_a_soft_alias_ends_a_line_or_a_cell(after: str) -> None:
    soft = Known("anna@people.example", "anna@people.example-123456789012b.ct.example")
    html = "<table><tbody><tr><td>anna@people.example{}</td></tr></tbody></table>"
    assert mask.Masker([soft]).html(html.format(after)) == html.replace(soft.real, soft.alias).format(after)


@pytest.mark.parametrize(
    "html",
    [
        "<p><span>Nome</span><span>anna@people.example</span><span>telefone</span></p>",
        "<dl><dt>Name</dt><dd>anna@people.example</dd></dl>",
        "<b>anna@people.example</b><i>and</i>",
    ],
)
@pytest.mark.parametrize("text", ["", "Nomeanna@people.exampletelefone"])
def test_words_that_touch_only_in_the_text_show_no_address(html: str, text: str) -> None:
    raw = EmailMessage()
    raw.set_content(text or html, subtype="plain" if text else "html")
    if text:
        raw.add_alternative(html, subtype="html")
    found = mask.mask(passing.read(raw.as_bytes()), KNOWN)
    assert [found.text.count(ANNA.alias), "anna@" in found.text, "anna@" in found.html] == [1, False, False]


@pytest.mark.parametrize("other", [None, Known("joanna@people.example", "joanna-alias@ct.example")])
def test_a_text_keeps_the_longer_addresses_that_stand_in_the_html_too(other: Known | None) -> None:
    """Whether they are of the order or not: they are no words that touch."""
    raw = EmailMessage()
    raw.set_content("joanna@people.example and nameanna@people.example")
    raw.add_alternative("<p>JoAnna@people.example and <i>name</i>anna@people.example</p>", subtype="html")
    found = mask.mask(passing.read(raw.as_bytes()), (ANNA, *filter(None, [other])))
    joanna = other.alias if other else "joanna@people.example"
    assert found.text == f"{joanna} and name{ANNA.alias}"


@pytest.mark.parametrize("real", ["joanna@people.com", "anna@people.com.br"])
def test_a_text_keeps_another_of_the_order_that_the_html_does_not_show(real: str) -> None:
    anna, other = Known("anna@people.com", ANNA.alias), Known(real, "other-alias@ct.example")
    raw = EmailMessage()
    raw.set_content(f"{real} and anna@people.com")
    raw.add_alternative("<p>anna@people.com</p>", subtype="html")
    assert mask.mask(passing.read(raw.as_bytes()), (anna, other)).text == f"{other.alias} and {anna.alias}"


def test_a_file_s_name_shows_no_address_that_is_written_on_to_a_word() -> None:
    (file,) = masked(files=(File("Rechnunganna@people.example2026.txt", "text/plain", b"x"),)).files
    assert file.name == f"Rechnung{ANNA.alias}2026.txt"


@pytest.mark.parametrize("real", ["ana@people.example", "a1@people.example"])
def test_a_file_s_name_shows_no_address_of_few_letters_either(real: str) -> None:
    raw = passing.incoming(b"<x/>", name=f"NF_{real}_830.xml", kind="text/xml")
    (file,) = passing.masked(raw, Known(real, ANNA.alias)).files
    assert file.name == f"NF_{ANNA.alias}_830.xml"


@pytest.mark.parametrize("name", ["anna@people.example", "Anna (anna@people.example)", "x@y.example", "Anna＠people"])
def test_a_display_name_with_an_address_is_left_out(name: str) -> None:
    assert masked(name=name).sender_name == ""


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ("Write to an\u200dna@people.example, please", f"Write to {ANNA.alias}, please"),
        ("Write to ａnna@people.example", f"Write to {ANNA.alias}"),
        ("&#97;nna@people.example", ANNA.alias),
        ("one\n%61nna@people.exam%70le\ntwo", f"one\n{ANNA.alias}\ntwo"),
    ],
)
def test_an_odd_spelling_does_not_stay_on_the_timeline(odd: str, expected: str) -> None:
    assert masked(text=odd).text == expected


def test_a_line_that_shows_an_address_in_two_odd_ways_becomes_dots() -> None:
    found = masked(text="first\n&#97;nna@people.example,%61nna@people.example\nlast")
    assert found.text == "first\n•••\nlast"


def test_what_is_decoded_with_an_address_stays_clean() -> None:
    found = masked(
        text="https://x.example/?u=%61nna%40people.example&z=%00%e2%80%ae!",
        html="<p>https://x.example/?u=%61nna%40people.example&amp;z=%00!</p>",
        subject="%61nna%40people.example%0d%0aBcc:%20kim@x.example %e2%80%ae",
        files=(File("%61nna%40people.example%2f..%2f%00a.pdf", "application/pdf", b"%PDF-1.7"),),
    )
    assert found.text == f"https://x.example/?u={ANNA.alias}&z=!"
    assert found.html == f"<p>https://x.example/?u={ANNA.alias}&amp;z=%00!</p>"
    assert found.subject == f"{ANNA.alias} Bcc: kim@x.example %e2%80%ae"
    assert [file.name for file in found.files] == ["a.pdf"]


ODD = ["an\u00adna@people.example", "anna＠people.example", "anna@people\u2024example"]


@pytest.mark.parametrize("odd", ODD)
def test_beside_an_odd_spelling_all_stays_as_it_is(odd: str) -> None:
    beside = "10⁵ Stück, 5½ €, 20 m², ﬁn, 100%25"
    link = '<a href="https://shop.example/pay/1?n=%C2%BD">Pay</a>'
    found = masked(text=f"{beside}\n({odd})", html=f"<p>{beside}</p>{link}<p>({odd})</p>")
    assert found.text == f"{beside}\n({ANNA.alias})"
    assert found.html == f"<p>{beside}</p>{link}<p>({ANNA.alias})</p>"


@pytest.mark.parametrize("odd", ["an\u00adna@people.example", "anna@people\u2024example", "anna@pe\u043eple.example"])
def test_a_link_that_shows_an_odd_spelling_leads_nowhere_and_the_rest_stays(odd: str) -> None:
    rest = '<h1 style="color:#fff">10⁵ Stück</h1><a href="https://shop.example/pay/1?n=%C2%BD" title="Pay">Pay</a>'
    found = masked(html=f'{rest}<a href="https://x.example/?e={odd}" title="Stop">stop</a>')
    assert found.html == f'{rest}<a title="Stop">stop</a>'


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize(
    "html",
    [
        '<a title=">" href="ｊavascript：alert(1)//{odd}">x</a> y',
        '<p title="&gt; onclick＝alert(1) {odd}">x</p> y',
        "<p>＜img／src=x＞{odd}</p> y",
        "<p>%3Cimg%2Fsrc%3Dx%3E{odd}</p> y",
        "<p>%00%1b%7f%e2%80%ae/{odd}</p> y",
    ],
)
def test_what_is_decoded_makes_no_tag_and_no_link(odd: str, html: str) -> None:
    found = masked(html=html.format(odd=odd)).html
    assert "people" not in found
    assert not re.search("[\0-\x08\x0e-\x1f\x7f\u202e]", found)
    assert not re.search("<img|javascript:", found)
    assert "y" in found


def test_cleaning_brings_no_address_together() -> None:
    found = masked(
        text="%61nna%40people.example,an%00na%40people.example",
        subject="%61nna%40people.example,an%2500na@people.example",
    )
    assert "people" not in found.text + found.subject


@pytest.mark.parametrize("length", range(100, 200, 7))
def test_a_long_display_name_is_not_cut_within_an_alias(length: int) -> None:
    soft = Known("anna@people.example", "anna@people.example-207700027841b.ct.acme.example")
    words = f"{'x' * length} anna at people.example"
    name = mask.Masker([soft]).name(f"{words} and more of it{' again' * 20}")
    assert "anna" not in name.replace(soft.alias, "")
    assert name.startswith("x" * length)
    assert len(name) <= 200


@pytest.mark.parametrize(
    "shown", ["<5f3abc.ana@people.example>", "<20261130-ana@people.example>", "<ana@people.example>"]
)
def test_a_message_id_that_ends_in_an_address_is_left_out(shown: str) -> None:
    ana = Known("ana@people.example", "11111111111111111111111111111111@ct.example")
    assert mask.silent([shown, "<1@people.example>"], [ana]) == ("<1@people.example>",)


def test_a_display_name_is_kept() -> None:
    assert masked(name="Anna Müller").sender_name == "Anna Müller"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("text/calendar", b"ORGANIZER:mailto:anna@people.example\r\n"),
        ("text/vcard", b"EMAIL:anna@people.example\r\n"),
        ("application/json", b'{"to":"anna@people.example"}'),
        ("text/html", b"<b>anna&#64;people.example</b>"),
        ("text/plain", "höre anna@people.example".encode("latin-1")),
        ("text/plain", "anna@people.example".encode("utf-16")),
        ("application/octet-stream", b"anna@people.example"),
    ],
)
def test_text_files_are_masked(kind: str, content: bytes) -> None:
    (file,) = masked(files=(File("f", kind, content),)).files
    codec = "utf-16" if content.startswith(b"\xff\xfe") else "latin-1"
    assert ANNA.alias in file.content.decode(codec)
    assert "anna" not in file.content.decode(codec)
    assert file.is_searchable


def test_a_picture_is_kept_and_marked_as_not_searchable() -> None:
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
    (file,) = masked(files=(File("p.png", "text/plain", content),)).files
    assert (file.content, file.content_type, file.is_searchable) == (content, "image/png", False)


def test_bytes_of_a_file_without_addresses_stay_the_same() -> None:
    content = "a\r\nb\nc\xa0ü".encode("latin-1")
    (file,) = masked(files=(File("f.csv", "text/csv", content),)).files
    assert file.content == content


def test_file_names_are_masked() -> None:
    (file,) = masked(files=(File("anna@people.example.pdf", "application/pdf", b"%PDF-"),)).files
    assert file.name == f"{ANNA.alias}.pdf"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.exe", b"MZ"),
        ("a.pdf.js", b"1"),
        ("a.html", b"<html>"),
        ("a.svg", b"<svg/>"),
        ("x", b"#!/bin/sh"),
        ("a.docm", b"PK"),
    ],
)
def test_what_runs_when_opened_is_marked(name: str, content: bytes) -> None:
    (file,) = masked(files=(File(name, "application/octet-stream", content),)).files
    assert file.is_dangerous


def test_an_attached_mail_is_made_anew() -> None:
    inner = Mail(
        Mailbox("Shop", "help@shop.example"), "Re: help@shop.example", "<1@shop.example>", (), "Mon",
        "anna@people.example",
        "<p>anna@people.example</p>", (File("v.vcf", "text/vcard", b"EMAIL:anna@people.example"),),
    )  # fmt: skip
    (file,) = masked(files=(File("m.eml", "message/rfc822", b"", nested=inner),)).files
    assert leakgate.leaks(file.content, KNOWN) == []
    message = email.message_from_bytes(file.content, policy=policy.default)
    assert message["Subject"] == f"Re: {SHOP.alias}"
    assert message["Message-ID"] is None
    assert message.get_body(("plain",)).get_content().strip() == ANNA.alias  # type: ignore[union-attr]


def test_pictures_and_texts_in_attached_mails_are_called_as_they_were() -> None:
    inner = Mail(
        None, "s", "", (), "", "see", '<img src="cid:a1@mail">',
        (File("a.png", "image/png", b"\x89PNG", content_id="a1@mail"),
         File("b.csv", "text/csv", "pre\u00e7o;1".encode("latin-1"), charset="iso-8859-1"),
         File("c.csv", "text/csv", b"x", charset="no such\r\nX: y", content_id="a\r\nX: y"),
         File("d.png", "image/png", b"\x89PNG", content_id="=?utf-8?q?a=0AX:_y?=")),
    )  # fmt: skip
    (file,) = masked(files=(File("m.eml", "message/rfc822", b"", nested=inner),)).files
    picture, text, odd, encoded = list(email.message_from_bytes(file.content, policy=policy.default).iter_attachments())
    assert picture["Content-ID"] == "<a1@mail>"
    assert text.get_content() == "pre\u00e7o;1"
    assert (odd["Content-ID"], odd["X"]) == (None, None)
    assert encoded["Content-ID"] is None


def apart(html: str) -> str:
    """What a program makes of it that takes the tags away and leaves no space."""
    return re.sub("<[^>]+>", "", html)


@pytest.mark.parametrize("local", ["sac", "ana", "rh", "vendas", "mariana"])
def test_words_that_a_text_runs_together_hide_no_address_that_the_html_shows(local: str) -> None:
    one = Known(f"{local}@people.example", ANNA.alias)
    html = f"<td>E-mail</td><td>{one.real}</td><td>Maria Silva</td><td>{one.real}</td><td>Tel</td>"
    found = mask.mask(Mail(None, "", "", (), "", apart(html), html), (one,))
    assert (found.text.count(one.alias), "people" in found.text) == (2, False)


def test_nor_do_they_take_the_end_of_somebody_elses_for_one() -> None:
    ana = Known("ana@people.example", ANNA.alias)
    html = "<td>Maria</td><td>ana@people.example</td><td>mariana@people.example</td>"
    found = mask.mask(Mail(None, "", "", (), "", apart(html), html), (ana,))
    assert "mariana@people.example" in found.text
    text = mask.mask(Mail(None, "", "", (), "", "mariana@people.example", "<p>hi</p>"), (ana,)).text
    assert text == "mariana@people.example"


separators = st.sampled_from(["", " ", "\n", "<", ">", '"', "'", ":", ";", ",", "=", "(", "&lt;", "%3D", "é", "日"])
spellings_of_anna = st.sampled_from(
    [
        "anna@people.example",
        "Anna@People.Example",
        "anna+shop@people.example",
        "anna%40people.example",
        "anna&#64;people.example",
        "anna&#x40;people.example",
        "anna＠people.example",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(separators, spellings_of_anna, separators), min_size=1, max_size=5), st.booleans())
def test_no_spelling_survives_masking(pieces: list[tuple[str, str, str]], is_html: bool) -> None:
    body = "".join(before + spelled + after for before, spelled, after in pieces)
    found = masked(html=f"<p>{body}</p>") if is_html else masked(text=body)
    finished = b"Content-Type: text/" + (b"html" if is_html else b"plain") + b"; charset=utf-8\r\n\r\n"
    assert leakgate.leaks(finished + (found.html or found.text).encode(), KNOWN) == []


def test_an_attached_mail_that_is_made_anew_twice_keeps_who_wrote_it_and_when() -> None:
    inner = b"From: Kim Carrier <kim@haulage.example>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nSubject: s\r\n\r\nhi"
    (once,) = passing.masked(passing.incoming(inner, kind="message/rfc822", encoding="7bit")).files
    found = parse.mails(once.content, name=once.name, kind=once.content_type)
    (twice,) = masked(files=tuple(found)).files
    assert b"X-Written-By: Kim Carrier kim@haulage.example" in once.content
    assert twice.content == once.content
