"""What shows an address among bytes, and what does not."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from orders import addresses, spellings
from orders.known import Known
from tests.orders.strategies import HARD, JOHN, SOFT, SOFT_JOHN


@pytest.mark.parametrize("codec", ["ascii", "utf-16-le", "utf-16-be", "utf-32", "cp500"])
def test_bytes_show_an_address_in_any_case_and_next_to_anything(codec):
    content = b"\0\xff" + "xJohn@Example.comy".encode(codec) + b"\xff"
    assert spellings.occurs(content, [JOHN])
    assert not spellings.occurs(content.replace("J".encode(codec)[-1:], b"\1"), [JOHN])


def test_a_soft_alias_among_bytes_is_no_leak():
    assert not spellings.occurs(f"\0{SOFT}\0".encode(), [SOFT_JOHN])


@pytest.mark.parametrize("codec", ["utf-8", "cp037", "utf-16-le", "utf-16-be", "utf-32-be"])
@pytest.mark.parametrize("written", ["maria@people.example", "MARIA@PeoPle.Example"])
def test_bytes_show_an_address_in_every_codec_and_case(codec: str, written: str) -> None:
    known = [Known("maria@people.example", f"{'a' * 32}@ct.acme.example")]
    noise = bytes(range(256)) * 3
    assert spellings.occurs(noise + written.encode(codec) + noise, known)
    assert not spellings.occurs(noise + b"maria@peoples.exampl" + noise, known)


@pytest.mark.parametrize("written", ["mar\u0130a@people.example", "maria@\u212aiosk.example"])
def test_bytes_show_an_address_with_a_letter_that_is_another_in_lower_case(written: str) -> None:
    known = [Known("maria@people.example", "x@ct.acme.example"), Known("maria@kiosk.example", "y@ct.acme.example")]
    assert spellings.occurs(b"\xff" + written.encode(), known)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_bytes_show_an_address_that_is_not_ascii_at_a_domain_that_is(codec: str) -> None:
    known = [Known("mári@people.example", f"{'a' * 32}@ct.acme.example")]
    assert spellings.occurs(b"\xff\xff" + "mári@people.example".encode(codec), known)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize(
    "written",
    [
        "kim\u2011lee@carrier\u2011post.com",
        "kim\u2010lee@carrier\u2010post.com",
        "kim-lee@car\u00adrier-post.com",
        "kim-\u2060lee@carrier-po\ufeffst.com",
        "k\u200bim-lee@carrier\u200c-post.com",
        "kim\x1elee@ca\x1frrier\x1epost.com",
    ],
)
def test_bytes_show_an_address_with_hyphens_of_another_kind_or_signs_that_nobody_sees(codec: str, written: str) -> None:
    known = [Known("kim-lee@carrier-post.com", f"{'a' * 32}@ct.acme.example")]
    try:
        content = b"\xff\xff" + written.encode(codec) + b"\xff\xff"
    except UnicodeEncodeError:
        pytest.skip("it has none of these")
    assert spellings.occurs(content, known)
    assert not spellings.occurs(content, [Known("kim-lee@carrier-posts.com", "x@ct.acme.example")])


@pytest.mark.parametrize(
    ("written", "codec"),
    [
        ("kontakt@müller-shop.de", "cp1252"),
        ("KONTAKT@MÜLLER-SHOP.DE", "cp850"),
        ("kontakt@müller-shop.de", "mac-roman"),
        ("info@łódź-sklep.pl", "cp1250"),
        ("kontakt@łódź-sklep.pl", "mac-latin2"),
        ("bilgi@şeker.com.tr", "cp857"),
        ("info@αθήνα.gr", "cp737"),
        ("info@магазин.рф", "cp1251"),
        ("info@магазин.рф", "koi8-r"),
        ("info@商店.example", "gb18030"),
        ("josé@people.example", "iso8859-15"),
    ],
)
def test_bytes_show_an_address_beyond_ascii_in_code_pages(written: str, codec: str) -> None:
    known = [Known(addresses.key(written), f"{'a' * 32}@ct.acme.example")]
    assert spellings.occurs(b"\xff\0" + written.encode(codec) + b"\0", known)
    assert not spellings.occurs(b"\xff\0" + written.replace("@", "@x").encode(codec) + b"\0", known)


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "cp1254"])
@pytest.mark.parametrize("written", ["kım.ınce@gmaıl.com", "KİM.İNCE@GMAİL.COM"])
def test_bytes_show_an_address_in_turkish_case(written: str, codec: str) -> None:
    known = [Known("kim.ince@gmail.com", f"{'a' * 32}@ct.acme.example")]
    assert spellings.occurs(b"\xff\0" + written.encode(codec) + b"\0\xff", known)


@pytest.mark.parametrize("real", [".@gmail.com", "..@gmail.com", "a@gmail.com", "a.b@people.example"])
def test_few_letters_at_the_end_of_another_address_are_not_found_among_bytes(real: str) -> None:
    known = [Known(addresses.key(real), HARD)]
    assert not spellings.occurs(b"\xff\0(maria@gmail.com) @gmail.com 7xa.b@people.example", known)
    assert spellings.occurs(b"\xff\0(" + real.encode() + b")", known)


INTERNATIONAL = Known(addresses.key("kim@bücher.example"), "kim@xn--bcher-kva.example-12b.ct.acme.example")


@pytest.mark.parametrize("known", [JOHN, INTERNATIONAL])
def test_a_large_file_is_searched_in_little_memory(known: Known) -> None:
    content = b"\xff\xd8\0" + random.Random(1).randbytes(10_000_000)
    tracemalloc.start()
    try:
        assert not spellings.occurs(content, [known])
        assert tracemalloc.get_traced_memory()[1] < len(content) * 4
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-be"])
@pytest.mark.parametrize("place", [999_900, 999_990, 1_000_000, 1_015_950, 1_016_000])
def test_an_address_is_found_and_an_alias_spared_wherever_they_stand_in_a_large_file(codec: str, place: int) -> None:
    before, after = b"\xff\0" * (place // 2), b"\xff\0" * 500_000
    assert spellings.occurs(before + " kim@BÜCHER.example ".encode(codec) + after, [INTERNATIONAL])
    assert not spellings.occurs(before + f" {INTERNATIONAL.alias} ".encode(codec) + after, [INTERNATIONAL])
