"""Let a mail go without the files that keep it back, as staff may decide, and say so to whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext, ngettext

from conversation_tracker import enclosures
from conversation_tracker.mailflow import leakgate, remask
from conversation_tracker.mailflow.shapes import Content, StoredFile
from conversation_tracker.models.outbound import LeftOut
from orders.known import Known


def positions(content: Content, known: Sequence[Known], *, which: LeftOut) -> tuple[int, ...]:
    """The positions of the files that are left out: all, or those that show an address though masked anew. Raises what
    ``enclosures.load`` raises.
    """
    return tuple(
        position
        for position, file in enumerate(content.files)
        if which == LeftOut.ALL or any(leakgate.leaks(part, known) for part in _parts(file, known))
    )


def _parts(file: StoredFile, known: Sequence[Known]) -> Iterator[bytes]:
    """The file as it would stand in the mail; one that holds several mails becomes several."""
    alone = Content(from_name="", from_address="", subject="", text="", html="", message_id="", date="", files=(file,))
    for one in remask.again(alone, known).files:
        yield enclosures.part(one, shown=()).as_bytes()


def without(content: Content, left_out: Sequence[int], *, locale: str) -> Content:
    """The copy without these files, and with a line that names them at its end."""
    if not left_out:
        return content
    with translation.override(locale):
        names = [content.files[position].name or gettext("file without a name") for position in left_out]
        line = ngettext(
            "A file of this mail was not passed on: %(names)s",
            "Files of this mail were not passed on: %(names)s",
            len(names),
        ) % {"names": ", ".join(names)}
    return replace(
        content,
        text=f"{content.text.rstrip()}\n\n[{line}]\n".lstrip(),
        html=f"{content.html}<p>[{escape(line)}]</p>" if content.html else "",
        files=tuple(file for position, file in enumerate(content.files) if position not in left_out),
    )
