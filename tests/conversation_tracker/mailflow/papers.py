"""Make PDFs as programs write them, for the tests of what they show."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence

from conversation_tracker.mailflow import pdfs

MAP = (
    "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
    "1 begincodespacerange <0000><FFFF> endcodespacerange\n"
    "{count} beginbfchar\n{pairs}\nendbfchar endcmap end end"
)


# It names every number there is.
EVERY_NUMBER = MAP.format(count=1, pairs="<0000> <FFFF> <0000>").replace("bfchar", "bfrange")


def numbered(text: str) -> str:
    """What a font with that map shows so."""
    return "".join(f"{ord(sign):04x}" for sign in text)


def pages_of(content: bytes, budget: pdfs.Budget | None = None) -> list[pdfs.Page]:
    """The pages of all PDFs in it, read."""
    return [page for paper in pdfs.papers(content, budget or pdfs.Budget()) for page in paper.pages]


def pdf(*pages: str, font: str = "", extra: Sequence[str | bytes] = (), is_packed: bool = True) -> bytes:
    """A PDF of pages that are described so, packed or not, in a font with this ToUnicode map."""
    objects: list[bytes] = [b"<</Type/Catalog/Pages 2 0 R>>", b""]
    if font:
        objects.append(
            b"<</Type/Font/Subtype/Type0/BaseFont/A/Encoding/Identity-H/DescendantFonts[5 0 R]/ToUnicode 4 0 R>>"
        )
        objects.append(packed(font.encode()))
        objects.append(
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/A/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)>>>>"
        )
    else:
        objects.append(b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    objects += [one if isinstance(one, bytes) else one.encode() for one in extra]
    kids = []
    for page in pages:
        described = page.encode("latin-1")
        plain = b"<</Length %d>>stream\n%s\nendstream" % (len(described), described)
        objects.append(packed(described) if is_packed else plain)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
            % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    written, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        written
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
        + b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (size, len(written))
    )


def packed(content: bytes, *, kind: bytes = b"") -> bytes:
    """A stream, packed."""
    found = zlib.compress(content)
    return b"<<%s/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (kind, len(found), found)


def by_glyphs(text: str, *, called: Mapping[str, str] | None = None) -> bytes:
    """As browsers and most programs write a text: numbers of glyphs, and what each is in a map. ``called``: what one
    glyph shows, of several letters perhaps, and what the map calls it.
    """
    said = called or {}
    glyphs = re.findall("|".join([*map(re.escape, said), "(?s:.)"]), text)
    number = {glyph: place for place, glyph in enumerate(dict.fromkeys(glyphs), 3)}
    names = {glyph: said.get(glyph, glyph).encode("utf-16-be").hex() for glyph in number if glyph != "\n"}
    pairs = "\n".join(f"<{number[glyph]:04x}> <{name}>" for glyph, name in names.items())
    drawn = "".join("> Tj 0 -14 Td <" if glyph == "\n" else f"{number[glyph]:04x}" for glyph in glyphs)
    return pdf(f"BT /F1 12 Tf 50 800 Td <{drawn}> Tj ET", font=MAP.format(count=len(names), pairs=pairs))
