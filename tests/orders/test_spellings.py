"""No real address survives in any spelling, and nobody else's address is touched."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders import addresses, spellings
from orders.known import Known
from tests.orders.strategies import (
    HARD,
    JOHN,
    SOFT_JOHN,
    common_address,
    common_local,
    plain_address,
    recased,
    tag,
)

before = st.sampled_from(
    ["", " ", "<", "(", '"', "'", ":", "mailto:", ",", ";", "\n", "=", "%3C", "&lt;", "\\u003c", "_"]
)
after = st.sampled_from(
    ["", " ", ">", ")", '"', "'", ",", ";", "\n", "&gt;", "%3E", "?subject=x", ".", ". Thanks", "_"]
)
ENCODINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda text: text.replace("@", "%40").replace("+", "%2B"),
    lambda text: text.replace("@", "%2540"),
    lambda text: text.replace("@", "&#64;").replace("+", "&#43;"),
    lambda text: text.replace("@", "&#x40;"),
    lambda text: text.replace("@", "&#000064;"),
    lambda text: text.replace("@", "&commat;"),
    lambda text: text.replace("@", "\\u0040"),
    lambda text: text.replace("@", "=40"),
    lambda text: text.replace("@", " @ "),
    lambda text: text.replace("@", "＠"),
)


@st.composite
def spelled(draw: st.DrawFn, real: str) -> str:
    """One of the ways in which people and programs write an address."""
    local, _, domain = real.rpartition("@")
    extra = "+" + draw(tag) if draw(st.booleans()) else ""
    return draw(st.sampled_from(ENCODINGS))(draw(recased(f"{local}{extra}@{domain}")))


@given(real=common_address, data=st.data())
def test_no_real_address_survives_replacing(real, data):
    written = data.draw(spelled(real))
    text = "Write to " + data.draw(before) + written + data.draw(after) + " about my order"
    replaced, count = spellings.replace(text, [Known(real, HARD)])
    assert (count, replaced.count(HARD), spellings.find(replaced, [Known(real, HARD)])) == (1, 1, [])
    assert written not in replaced


@given(local=common_local.filter(lambda text: "." not in text), data=st.data())
def test_no_gmail_address_survives_replacing_whatever_its_dots(local, data):
    dotted = "".join(char + data.draw(st.sampled_from(["", "."])) for char in local[:-1]) + local[-1]
    written = data.draw(spelled(f"{dotted}@{data.draw(st.sampled_from(addresses.GMAIL))}"))
    known = [Known(f"{local}@gmail.com", HARD)]
    replaced, count = spellings.replace(f"<{written}>", known)
    assert (replaced, count, spellings.find(replaced, known)) == (f"<{HARD}>", 1, [])


@given(real=plain_address, data=st.data())
def test_an_address_with_any_signs_in_it_is_replaced_as_it_stands(real, data):
    known = [Known(addresses.key(real), HARD)]
    replaced, count = spellings.replace(f"<{data.draw(recased(real))}>", known)
    assert (replaced, count, spellings.find(replaced, known)) == (f"<{HARD}>", 1, [])


around = st.text(max_size=40).filter(lambda text: "{}" not in text)


@given(texts=st.lists(st.one_of(around, st.just("{}")), max_size=12), real=common_address)
def test_whatever_surrounds_it_what_is_left_shows_no_address(texts, real):
    text = " ".join(texts).replace("{}", real)
    known = [Known(real, HARD)]
    replaced, count = spellings.replace(text, known)
    assert (count, spellings.find(replaced, known)) == (texts.count("{}"), [])


@pytest.mark.parametrize(
    "text",
    [
        "john@bücher.example",
        "JOHN@BÜCHER.EXAMPLE",
        "john@xn--bcher-kva.example",
        "john+shop@Bücher.example",
        "john%40bücher.example",
        "john%40b%C3%BCcher.example",
        "john@b%c3%bccher.example",
        "john@b=C3=BCcher.example",
        r"john@b\xfccher.example",
        r"john@b\u00fccher.example",
    ],
)
def test_an_international_domain_is_replaced_in_letters_and_in_ascii(text):
    assert spellings.replace(text, [Known("john@xn--bcher-kva.example", HARD)]) == (HARD, 1)


@pytest.mark.parametrize("signs", ["john@example.com", "@", "@.", ".", "n@e"])
@pytest.mark.parametrize("written", ["&#{};", "&amp;#{};", "&#x{:x};", "&amp;#x{:X};"])
def test_entities_that_were_escaped_again_are_read(signs, written):
    said = "".join(written.format(ord(char)) if char in signs else char for char in "john@example.com")
    known = [Known("john@example.com", HARD)]
    assert spellings.find(f"write to {said} now", known) == known
    assert spellings.hide(f"write to {said} now", known) == (f"write to {HARD} now", 1)


@pytest.mark.parametrize(
    ("real", "text"),
    [
        ("john+o'neil@example.com", "john+o'neil@example.com"),
        ("john+a&b%c@example.com", "john+a&b%c@example.com"),
        ("john+shop@example.com", "john@example.com"),
        ("john+shop@example.com", "john+other@example.com"),
        ("john@example.com", "john+@example.com"),
        ("+john@example.com", "+john@example.com"),
        ("josé@example.com", "JOSÉ@example.com"),
        ('"john smith"@example.com', '"john smith"@example.com'),
        ('"john smith"@example.com', '\\"John Smith\\"@example.com'),
        ('"john smith"@example.com', "&quot;john smith&quot;@example.com"),
        ("john@[192.0.2.1]", "john@[192.0.2.1]"),
        ("o'neil@example.com", "o'neil@example.com"),
    ],
)
def test_an_unusual_address_is_replaced_whole(real, text):
    assert spellings.replace(f"<{text}>", [Known(real, HARD)]) == (f"<{HARD}>", 1)


def test_a_quoted_spelling_of_a_plain_address_is_replaced():
    replaced, count = spellings.replace('To: "john"@example.com', [JOHN])
    assert (count, spellings.find(replaced, [JOHN]), "john" in replaced) == (1, [], False)


@pytest.mark.parametrize(
    "text", ["%20john@example.com", "\\njohn@example.com", "\\u003cjohn@example.com", "%3djohn@example.com"]
)
def test_an_encoded_delimiter_ending_in_a_letter_is_no_part_of_the_address(text):
    assert spellings.replace(text, [JOHN])[1] == 1


@pytest.mark.parametrize(
    "foreign",
    [
        "mary+john@example.com",
        "maryjohn@example.com",
        "7john@example.com",
        "john@example.company",
        "john@example.community",
        "john@example.com2.net",
        "john@mail.example.com",
        "john@my-example.com",
        "johnny@example.com",
        "john.mary@example.com",
        "john",
        "example.com",
    ],
)
def test_somebody_elses_address_is_not_touched(foreign):
    assert spellings.replace(f"ask {foreign} instead", [JOHN]) == (f"ask {foreign} instead", 0)
    assert spellings.find(f"ask {foreign} instead", [JOHN]) == []


@pytest.mark.parametrize("before", ["NF-123_", "invoice-", "https://x.example/u/99_", "2026-11-23.", "id_", "Mary."])
@pytest.mark.parametrize("written", ["john@example.com", "jo\nhn@example.com", "john (at) example.com"])
def test_a_word_that_is_joined_before_hides_no_address(before: str, written: str) -> None:
    assert spellings.find(before + written, [JOHN]) == [JOHN]
    assert spellings.hide(before + written, [JOHN]) == (before + HARD, 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("E-Mail", ""),
        ("Correo", "Tel"),
        (" ", "Telefone: 11"),
        (" ", "0123456"),
        ("\x1b(B", "\x1b$B"),
        ("\x1b[31m", "\x1b[0m"),
        ("01REMESSA\r\n5", "      "),
        ("3410001300003Y 0103", "      "),
        ("\x1b[01;31m", "\x1b[m"),
        (r'{"log":"of \u001b[32m', r"\u001b[0m"),
        ("#033[32m", "#033[0m"),
        ("3120001123456789", "   "),
        ("0001200001103X", "   "),
        ("DE SOUZA", "   "),
        ("11999998888", "Rua"),
        ("UNH+1'COM+", ":EM'"),
        ("COM+", ":EM'"),
        ("https://wa.me/55?text=My+mail+", "+and"),
        ("0014BR.GOV.BCB.PIX0116", "520400005303986540612.305802BR5904Shop"),
        ("NAD+BY+", "::9'"),
        ("NAD+BUY+", "'"),
        ("https://x.example/?e=3D", "&y=3D1"),
        ("see=20", "=0A"),
        ("u=\\x22", "\\x22"),
        ("0014br.gov.bcb.pix0116", "0208ORDER 125204000053039865802BR"),
    ],
)
def test_words_that_lost_their_space_hide_no_address(before: str, after: str) -> None:
    replaced, count = spellings.replace(f"{before}john@example.com{after}", [JOHN])
    assert (replaced, count) == (f"{before}{HARD}{after}", 1)


@pytest.mark.parametrize("local", ["2everest", "dotty", "pontoon", "x-2euro", "dot"])
@pytest.mark.parametrize("before", ["u=", "do ", "12 "])
def test_letters_that_may_stand_for_a_dot_hide_no_disguised_address(local: str, before: str) -> None:
    known = [Known(f"{local}@example.com", HARD)]
    assert spellings.hide(f"{before}{local} (at) example dot com", known) == (before + HARD, 1)


def test_few_letters_are_an_address_after_a_number_and_else_the_end_of_another() -> None:
    known = [Known("ana@example.com", HARD)]
    assert spellings.hide("NF-12_ana@example.com, 7-ana (at) example.com", known) == (f"NF-12_{HARD}, 7-{HARD}", 2)
    text = "mary.ana@example.com, mary-ana (at) example.com"
    assert spellings.hide(text, known) == (text, 0)


def test_an_address_that_ends_another_leaves_that_its_own_alias() -> None:
    known = [JOHN, Known("mary.john@example.com", "mary@ct.shop.example")]
    assert spellings.hide("mary.john@example.com, john@example.com", known) == (f"mary@ct.shop.example, {HARD}", 2)


@pytest.mark.parametrize("cut", ["\n", "\r\n", "\n> ", "\r\n>> > ", "\n\t", "=\r\n", "\n| "])
def test_an_address_cut_by_a_line_end_anywhere_is_seen_and_hidden(cut):
    for known in ([JOHN], [SOFT_JOHN]):
        for place in range(1, len("john@example.com")):
            written = "john@example.com"[:place] + cut + "john@example.com"[place:]
            assert spellings.find(f"see\n{written}\nthere", known) == known
            assert spellings.hide(f"see\n<{written}>\nthere", known) == (f"see\n<{known[0].alias}>\nthere", 1)


def test_a_gmail_address_cut_by_a_line_end_is_seen():
    known = [Known("johndoe@gmail.com", HARD)]
    assert spellings.find("john\n> .d.oe+x\ny@google\nmail.com", known) == known


@pytest.mark.parametrize("text", ["mary\njohn@example.company", "john@exam\nples.com", "mary+jo\nhn@example.com"])
def test_a_line_end_makes_no_address_of_two_words(text):
    assert spellings.find(text, [JOHN]) == []


@pytest.mark.parametrize("written", ["\\u006aohn\\u0040example.com", "\\x6Aohn@example\\u002Ecom"])
def test_an_address_escaped_for_json_or_a_script_is_hidden(written):
    assert spellings.hide(f'{{"a": "\\u0022{written}"}}', [JOHN]) == (f'{{"a": "\\u0022{HARD}"}}', 1)


@pytest.mark.parametrize(
    "written",
    ["john?+shop@example.com", "john\\\\u002Bshop@example.com", "john\\\\u0040example.com", "john\\x40example.com"],
)
def test_an_address_with_a_sign_that_a_format_escapes_is_replaced_where_it_stands(written: str) -> None:
    assert spellings.rewrite(f"a 100%25 {written}:EM", [JOHN]) == (f"a 100%25 {HARD}:EM", 1)


def test_an_international_domain_escaped_for_json_is_hidden() -> None:
    known = [Known("john@xn--bcher-kva.example", HARD)]
    written = '{"a": "john@b\\u00FCcher.example", "b": "\\u4e2d\\ud83d\\u0022"}'
    assert spellings.rewrite(written, known) == (written.replace("john@b\\u00FCcher.example", HARD), 1)
    assert spellings.find(written, known) == known


@pytest.mark.parametrize("times", [1, 2, 3])
def test_json_within_json_stays_json(times: int) -> None:
    known = [Known("john@xn--bcher-kva.example", HARD)]
    said = {"email": "john@b\u00fccher.example", "name": 'Jos\u00e9 D\'Arc & "x" \u4e2d'}
    written = json.dumps(said)
    for _ in range(times - 1):
        written = json.dumps({"p": written})
    assert spellings.find(written, known) == known
    read, count = spellings.rewrite(written, known)
    assert (count, spellings.find(read, known)) == (1, [])
    for _ in range(times - 1):
        read = json.loads(read)["p"]
    assert json.loads(read) == {**said, "email": HARD}


@pytest.mark.parametrize("escaped", ["D\\u0027Arc", "A \\u0026 B", "\\x27"])
def test_what_may_end_a_string_or_begin_an_entity_stays_escaped_in_a_file(escaped: str) -> None:
    written = f"var e = 'john@example\\u002Ecom', n = '{escaped}'"
    assert spellings.rewrite(written, [JOHN]) == (f"var e = '{HARD}', n = '{escaped}'", 1)


@pytest.mark.parametrize(
    "alias",
    ["help@shop-24b.com.br-207700027841b.ct.shop-24b.com.br", "ff2e6348a53a4d449af92be2a1011328@ct.shop-24b.com.br"],
)
def test_a_domain_that_looks_like_a_glue_hides_nothing(alias):
    known = [Known("help@shop-24b.com.br", alias)]
    assert spellings.find("write to help@shop-24b.com.br", known) == known
    assert spellings.find(f"write to {alias}", known) == []


def test_each_person_gets_their_own_alias():
    soft_mary = Known("mary@example.com", "mary@example.com-9814872b.ct.shop.example")
    replaced = spellings.replace("john@example.com wrote to mary@example.com", [JOHN, soft_mary])
    assert replaced == (f"{HARD} wrote to {soft_mary.alias}", 2)


def test_a_text_without_any_address_stays_the_very_same():
    text = "Onde está meu pedido? 100% certo & rápido <b>obrigado</b>\r\n"
    assert spellings.replace(text, [JOHN]) == (text, 0)
    assert spellings.find(text, [JOHN]) == []


def test_nothing_known_is_nothing_found():
    assert spellings.replace("john@example.com", []) == ("john@example.com", 0)
    assert spellings.find("john@example.com", []) == []


@pytest.mark.parametrize(
    "text",
    [
        "john @ example.com",
        "john\n  @\n  example.com",
        "john" + " " * 50 + "@" + "\t" * 50 + "example.com",
        "jo\u200bhn@example.com",
        "john\u200d@\ufeffexample.com",
        "john@exam\u00adple.com",
        "\u202ajohn\u202c@example.com",
        "john\U0001d173@example\u20d0.com",
        "john@exam\u03c1\u04cfe.com",
        "john@\u2066example.com\u2069",
        "john@example\u3002com",
        "ｊｏｈｎ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "𝐣𝐨𝐡𝐧@example.com",
        "john﹫example.com",
        quote("john@example.com", safe=""),
        quote(quote("john@example.com", safe=""), safe=""),
        "".join(f"%{ord(char):02X}" for char in "john@example.com"),
        "".join(f"&#{ord(char)};" for char in "john@example.com"),
        "".join(f"&#x{ord(char):x};" for char in "john@example.com"),
        "john@example&#46;com",
        "john&#00000000000064;example.com",
        "john%40example%2Ecom",
    ],
)
def test_what_a_reader_or_program_would_decode_is_found(text):
    assert spellings.find(f"see {text} there", [JOHN]) == [JOHN]


@pytest.mark.parametrize(
    "text",
    [
        "john@bu\u0308cher.example",
        "john%40b%C3%BCcher.example",
        "john@b&uuml;cher.example",
        html.escape("john@BÜCHER.example"),
    ],
)
def test_an_international_domain_is_found_however_it_is_encoded(text):
    assert len(spellings.find(text, [Known("john@xn--bcher-kva.example", HARD)])) == 1


@pytest.mark.parametrize(
    "written",
    [
        "j*o*hn@example.com",
        "**john**@example.com",
        "john@**example.com**",
        "*john*@*example.com*",
        "_john_@example.com",
        "`john`@`example.com`",
        "john@~~example~~.com",
        "john@[example.com](https://example.com)",
        "**john** (at) example.com",
        r"john\@**example**.com",
        "john+AEA-example.com",
        "+AGoAbwBoAG4AQABlAHg-ample.com",
    ],
)
def test_marks_inside_an_address_and_utf_7_hide_nothing(written: str) -> None:
    text = f"* see __this__: {written}, é *or* a_b"
    assert spellings.find(text, [JOHN]) == [JOHN]
    assert spellings.hide(text, [JOHN]) == (f"* see __this__: {HARD}, é *or* a_b", 1)


@pytest.mark.parametrize(
    "text", ["john_@example.com", "see _this_ or john_@example.com", "jo*hnny@example.com", "+49 AEA- john+AEB-x"]
)
def test_marks_make_no_address_of_another(text: str) -> None:
    assert spellings.hide(text, [JOHN]) == (text, 0)


def test_only_those_who_are_shown_are_found():
    mary = Known("mary@example.com", HARD)
    assert spellings.find("mary@example.com", [JOHN, mary]) == [mary]


def test_few_letters_are_found_where_a_line_end_or_an_encoding_joins_them_to_others() -> None:
    known = [Known("a@gmail.com", HARD)]
    assert spellings.find("ask\na@gm\nail.com", known) == known
    assert spellings.occurs(b"\xff?u=" + base64.b64encode(b"7a@gmail.com"), known)


@pytest.mark.parametrize("text", ["maria@gmail.com", "write @gmail.com", "(at) gmail.com", "m@gmail dot com"])
def test_dots_alone_before_a_domain_find_no_other_address(text: str) -> None:
    assert spellings.hide(text, [Known(".@gmail.com", HARD)]) == (text, 0)
