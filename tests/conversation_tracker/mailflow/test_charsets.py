"""Bytes are decoded as mail programs do."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversation_tracker.mailflow import charsets, headers
from tests.conversation_tracker.mailflow.test_parse import read

WORDS = "㈱ヤマト運輸です。髙橋様、①受取 ②再配達 からお選びください。№1 ㎏ Ⅲ 纊"


def test_a_codec_that_is_no_text_encoding_is_not_used() -> None:
    assert charsets.text_codec("zip") is None
    assert charsets.decode_bytes(b"caf\xe9", "hex") == "café"


@pytest.mark.parametrize("charset", ["iso-2022-jp", "us-ascii", "utf-8", None])
def test_japanese_is_read_though_its_charset_is_not_told(charset: str | None) -> None:
    assert charsets.decode_bytes("さん: a@b.example".encode("iso-2022-jp"), charset) == "さん: a@b.example"


@pytest.mark.parametrize("charset", ["us-ascii", "utf-8", "iso-8859-1", None])
def test_shift_jis_is_read_though_it_is_not_told(charset: str | None) -> None:
    assert charsets.decode_bytes("メール：a@b.example".encode("cp932"), charset) == "メール：a@b.example"
    for text in ("Você está aí", "‚Ärger‘ für ‚Öl‘"):
        assert charsets.decode_bytes(text.encode("cp1252"), charset) == text


@pytest.mark.parametrize("charset", ["utf-8", None])
def test_of_japanese_text_that_was_cut_only_the_last_sign_is_lost(charset: str | None) -> None:
    text = "ァン。ジ、ご注文ありがとうございます。"
    assert charsets.decode_bytes(text.encode()[:-1], charset) == text[:-1] + "\ufffd"


def in_jis(text: str, *, high: bool = False) -> bytes:
    """The text in ISO-2022-JP, or in EUC-JP, with the characters of NEC and IBM, as programs in Japan write it."""
    written, is_ascii = b"", True
    for char in text:
        octets = char.encode("cp932")
        if len(octets) == 1:
            written += (b"" if is_ascii or high else b"\x1b(B") + octets
            is_ascii = True
            continue
        lead, trail = octets
        row = (lead - (0xC1 if lead >= 0xE0 else 0x81)) * 2 + 0x21
        is_second = trail >= 0x9F
        cell = trail - 0x7E if is_second else trail - (0x1F if trail < 0x7F else 0x20)
        pair = bytes((row + is_second, cell))
        written += bytes(octet | 0x80 for octet in pair) if high else (b"\x1b$B" if is_ascii else b"") + pair
        is_ascii = False
    return written + (b"" if is_ascii or high else b"\x1b(B")


@pytest.mark.parametrize(
    ("charset", "written"),
    [
        ("iso-2022-jp", in_jis(WORDS)),
        ("ISO-2022-JP-MS", in_jis(WORDS)),
        ("cp50220", in_jis(WORDS)),
        (None, in_jis(WORDS)),
        ("euc-jp", in_jis(WORDS, high=True)),
        ("x-euc-jp", in_jis(WORDS, high=True)),
        ("CP51932", in_jis(WORDS, high=True)),
        ("shift_jis", WORDS.encode("cp932")),
        ("windows-31j", WORDS.encode("cp932")),
        ("x-sjis", WORDS.encode("cp932")),
    ],
)
def test_the_characters_of_nec_and_ibm_are_read(charset: str | None, written: bytes) -> None:
    assert charsets.decode_bytes(written, charset) == WORDS


@pytest.mark.parametrize("codec", ["iso2022_jp", "euc_jp"])
@given(text=st.text(alphabet="ヤマト運輸です、お届け abc\n", min_size=1))
def test_what_python_reads_itself_stays_so(codec: str, text: str) -> None:
    assert charsets.decode_bytes(text.encode(codec), codec) == text


@given(data=st.binary(max_size=60), charset=st.sampled_from(["iso-2022-jp", "euc-jp", "shift_jis"]))
def test_any_octets_are_decoded(data: bytes, charset: str) -> None:
    assert isinstance(charsets.decode_bytes(data, charset), str)
    assert isinstance(charsets.decode_bytes(b"\x1b$B" + data, charset), str)


def test_what_is_no_character_of_theirs_either_is_lost_alone() -> None:
    assert charsets.decode_bytes("運輸".encode("euc_jp") + b"\xa9\xa1" + "です".encode("euc_jp"), "euc-jp") == (
        "運輸\ufffdです"
    )


def test_octets_of_another_charset_become_no_japanese() -> None:
    assert charsets.decode_bytes("Olá, é o João".encode("cp1252"), "iso-2022-jp") == "Olá, é o João"


def test_a_raw_subject_in_iso_2022_jp_is_read() -> None:
    assert headers.decode(in_jis("【㈱ヤマト】髙橋様 abc").decode("ascii")) == "【㈱ヤマト】髙橋様 abc"


@pytest.mark.parametrize(
    "meta",
    [
        '<meta charset="gbk">',
        '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=GB2312">',
        "<meta charset=gb18030 />",
    ],
)
def test_a_page_that_says_its_charset_itself_is_read_by_it(meta: str) -> None:
    page = f"<html><head>{meta}</head><body><p>您的包裹已发货，请注意查收。</p></body></html>"
    mail = read(b"Content-Type: text/html\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + page.encode("gb18030"))
    assert "您的包裹已发货，请注意查收。" in mail.text
    said = page.replace("gbk", "utf-8").replace("GB2312", "utf-8").replace("gb18030", "utf-8")
    told = read(b"Content-Type: text/html; charset=gbk\r\n\r\n" + said.encode("gb18030"))
    assert "您的包裹已发货" in told.text  # what the mail says goes before


@pytest.mark.parametrize("charset", ["euc-jp", "iso-2022-jp"])
def test_what_is_no_text_in_its_charset_is_read_in_little_memory(charset: str) -> None:
    tracemalloc.start()
    charsets.decode_bytes(b"\xff" * 300_000, charset)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60_000_000


@pytest.mark.parametrize(
    ("charset", "codec"), [("win-1251", "cp1251"), ("koi8", "koi8-r"), ("gb-2312", "gb2312"), ("x-x-big5", "big5")]
)
def test_names_that_programs_made_up_are_known(charset: str, codec: str) -> None:
    assert charsets.text_codec(charset) == codec


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "iso-8859-15", "iso-8859-9"])
def test_what_says_latin_1_and_is_utf_8_is_read_as_that(charset: str) -> None:
    """As PHPMailer writes where a script does not say otherwise."""
    words = "Grüße, kontakt@müller-shop.de – für 42 €"
    assert charsets.decode_bytes(words.encode(), charset) == words


@pytest.mark.parametrize("charset", ["iso-8859-1", "windows-1252", "iso-8859-15", "iso-8859-9"])
@pytest.mark.parametrize("words", ["Grüße, É", "já não é", "Ça va à Â", "señor ¿Qué?", "NESCAFÉ®", "ß» und É»"])
def test_what_says_latin_1_and_is_stays(charset: str, words: str) -> None:
    assert charsets.decode_bytes(words.encode(charset), charset) == words


@pytest.mark.parametrize("words", ["Ich weiß…", "CAFÉ’S ORDER", "Spaß… und Spaß…"])
def test_what_outlook_writes_in_windows_1252_stays(words: str) -> None:
    assert charsets.decode_bytes(words.encode("cp1252"), "windows-1252") == words


def test_what_says_latin_1_and_is_another_alphabet_in_utf_8_is_read_as_that() -> None:
    assert charsets.decode_bytes("info@магазин.рф".encode(), "iso-8859-1") == "info@магазин.рф"
