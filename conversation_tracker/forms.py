"""Read a posted form with a large mail: in a few times its size, in memory alone, and without losing a file of it."""

from __future__ import annotations

import re
from binascii import a2b_qp
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import TooManyFieldsSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, MemoryFileUploadHandler, SkipFile
from django.http import HttpRequest, QueryDict, multipartparser
from django.http.multipartparser import InterBoundaryIter, LazyStream, MultiPartParser, MultiPartParserError
from django.utils import http
from django.utils.datastructures import MultiValueDict
from django.utils.http import parse_header_parameters

from conversation_tracker import fields

# What stands before a part of a form. Django's 1,024 bytes are too few for the longest name of a file, percent-encoded;
# and it reads each line in a time that grows with the square of its semicolons, of anybody's form on any page.
LONGEST_HEADER, MOST_LINES, MOST_SEMICOLONS = 8_192, 8, 100
LONGEST_HEADERS = 2_000_000  # of all parts of a form: some five hundred files with the longest names
PIECE = 200_000  # octets that are decoded at once, so that large ones are copied within the processor's cache
DOORS = "/anymail/"  # which read a form by ``keep``
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
NAMELESS = "attachment"  # what a file is called that came without a name, or with one that is none
_PRINTABLE = bytes.maketrans(b"%+", b"= ")
_LONE_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HEADER_END = b"\r\n\r\n"
_NO_NAME = re.compile(rb'(^content-disposition:[^\r\n]{0,1024}; ?filename=)""', re.IGNORECASE | re.MULTILINE)


class InMemory(MemoryFileUploadHandler):
    """Keeps every file in memory, where nothing unsealed is left when a process is killed. Bodies are bounded."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Django's would leave a large form to a handler that writes on the disk."""
        self.activated = True


class _Skipping(FileUploadHandler):
    """Leaves every file out."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never called."""

    def file_complete(self, file_size: int) -> None:
        """Never called."""


class _Parser(MultiPartParser):
    """As Django's, which drops a file whose name it does not like, or stumbles over it."""

    def sanitize_file_name(self, file_name: str) -> str:
        try:
            return super().sanitize_file_name(file_name) or NAMELESS
        except ValueError:  # a character's number has more digits than Python reads
            return NAMELESS


def keep(request: HttpRequest, *, longest: int | None = None) -> bool:
    """Read the request's form, if it has one, and put it where Django keeps a form that has been read.

    To look at a signature, the mail need not be decoded: with ``longest``, files are left out, and so is each field of
    which the name or the value has more octets, as they are written.
    """
    if request.content_type == URLENCODED:
        _put(request, read(request.body, longest=longest))
        return True
    if request.content_type == MULTIPART:
        _put(request, *_parse(request, InMemory(request) if longest is None else _Skipping(request), longest=longest))
        return True
    return False


def read_lightly(request: HttpRequest) -> None:
    """Have the request read its URL-encoded form, if somebody asks for it, as ``read`` does. Django's own reader makes
    a list of all the pieces between percent signs, which takes two hundred times what the form has.

    At a door nobody asks but what would show a page, of an address where none is: that gets an empty form.
    """
    by_django = request._load_post_and_files

    def load() -> None:
        if request.path_info.startswith(DOORS):
            _put(request, QueryDict(), MultiValueDict())
            return
        is_readable = hasattr(request, "_body") or not request._read_started  # type: ignore[attr-defined]
        if request.method == "POST" and request.content_type == URLENCODED and is_readable:
            form = read(request.body)
            form._mutable = False
            _put(request, form)
        else:
            by_django()

    request._load_post_and_files = load  # type: ignore[method-assign]


def _parse(
    request: HttpRequest, handler: FileUploadHandler, *, encoding: str = "utf-8", longest: int | None = None
) -> tuple[QueryDict, MultiValueDict[str, UploadedFile[bytes]]]:
    """Fields and files of a multipart form. Raises what Django's parser raises."""
    kind = request.META.get("CONTENT_TYPE", "")
    body = _with_names(request.body, kind) if longest is None else _short(request.body, kind, longest)
    meta = {**request.META, "CONTENT_LENGTH": str(len(body))}
    return _Parser(meta, BytesIO(body), [handler], encoding=encoding).parse()


def _with_names(body: bytes, content_type: str) -> bytes:
    """The body with a name for each file whose name is empty, which Django takes for a field of text."""
    boundary = parse_header_parameters(content_type)[1].get("boundary", "")
    if b'filename=""' not in body or not boundary.isascii():
        return body
    delimiter = b"--%s\r\n" % boundary.encode()
    pieces, last = [], 0
    place = body.find(delimiter)
    for _ in range(_most_parts()):
        if place < 0:
            break
        start = place + len(delimiter)
        place = body.find(delimiter, start)
        end = body.find(_HEADER_END, start, min(start + LONGEST_HEADER, place if place >= 0 else len(body)))
        if end >= 0:
            pieces += [body[last:start], _NO_NAME.sub(rb'\1"%s"' % NAMELESS.encode(), body[start:end])]
            last = end
    return b"".join([*pieces, body[last:]])


def _short(body: bytes, content_type: str, longest: int) -> bytes:
    """The body without the parts whose values are longer, and without more parts than Django reads."""
    boundary = parse_header_parameters(content_type)[1].get("boundary", "")
    if not boundary or not boundary.isascii():
        return b""
    separator = b"--%s" % boundary.encode()
    pieces = []
    place = body.find(separator)
    for _ in range(_most_parts() + 1):
        if place < 0:
            break
        start, place = place, body.find(separator, place + len(separator))
        end = place if place >= 0 else len(body)
        header_end = body.find(_HEADER_END, start, min(start + LONGEST_HEADER, end))
        if header_end >= 0 and end - header_end <= longest + 6:  # and the line ends
            pieces.append(body[start:end])
    return b"".join([*pieces, separator, b"--\r\n"])


def _most_parts() -> int:
    """Of a form: Django reads no more."""
    return settings.DATA_UPLOAD_MAX_NUMBER_FIELDS + settings.DATA_UPLOAD_MAX_NUMBER_FILES


def unbound(body: bytes, content_type: str) -> bytes:
    """A form without the boundary of its parts; any other body as it is."""
    boundary = parse_header_parameters(content_type)[1].get("boundary", "").encode("latin-1", "replace")
    return body.replace(b"--" + boundary, b"--") if boundary else body


class _Parts(multipartparser.Parser):
    """The parts of a form as Django reads them, any form on any page, unless their headers would take long."""

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any], LazyStream]]:
        """Raises MultiPartParserError."""
        left = LONGEST_HEADERS
        most = _most_parts() + 2  # what is before the first and behind the last
        for stream in InterBoundaryIter(self._stream, self._separator):  # type: ignore[attr-defined]  # not in the stubs
            most -= 1  # Django does not count those without a name
            beginning = stream.read(LONGEST_HEADER)
            stream.unget(beginning)
            header, end, _ = beginning.partition(_HEADER_END)
            left -= len(header) if end else 0
            is_absurd = header.count(b";") > MOST_SEMICOLONS or header.count(b"\r\n") > MOST_LINES
            if min(most, left) < 0 or (end and is_absurd):
                raise MultiPartParserError("a part of the form has a header like no program's")
            yield _parse_part(stream, LONGEST_HEADER)
            fields.forget_charsets()


_parse_part = multipartparser.parse_boundary_stream  # type: ignore[attr-defined]  # not in the stubs
multipartparser.Parser = _Parts  # type: ignore[misc]
http.collapse_rfc2231_value = fields.collapsed  # type: ignore[attr-defined]


def _put(request: HttpRequest, form: QueryDict, files: MultiValueDict[str, UploadedFile[bytes]] | None = None) -> None:
    request._post = form  # type: ignore[attr-defined]  # what request.POST and .FILES look for
    if files is not None or not hasattr(request, "_files"):
        request._files = MultiValueDict() if files is None else files  # type: ignore[attr-defined]


def take_bytes(request: HttpRequest, name: str) -> bytes | None:
    """A field byte for byte, whatever encoding it is in; None where the form has no such field. It stays, empty.

    The form is read as Latin-1, which maps every byte to itself; read as UTF-8, as Django does, bytes would be lost.
    """
    if request.content_type == URLENCODED:
        octets = read(request.body, encoding="latin-1")
    elif name in request.POST:
        _put(request, QueryDict())  # before it is read again
        octets = _parse(request, _Skipping(request), encoding="latin-1")[0].copy()  # one that may be changed
    else:
        return None
    taken = octets.pop(name)[-1].encode("latin-1", "replace") if name in octets else None
    form = QueryDict(mutable=True)
    for key, values in octets.lists():
        form.setlist(_as_utf8(key), [_as_utf8(value) for value in values])
    if taken is not None:
        form[name] = ""
    _put(request, form)
    return taken


def _as_utf8(value: object) -> str:
    return str(value).encode("latin-1", "replace").decode("utf-8", "replace")


def read(body: bytes, *, encoding: str = "utf-8", longest: int | None = None) -> QueryDict:
    """The fields of a form (URL Standard §5.1). Raises TooManyFieldsSent."""
    form = QueryDict(mutable=True, encoding=encoding)
    for name, start, end in spans(body):
        if longest is None or max(len(name), end - start) <= longest:
            form.appendlist(name.decode(encoding, "replace"), unquote(body, start, end).decode(encoding, "replace"))
    return form


def octets(body: bytes, name: str) -> bytes:
    """A field of an URL-encoded form byte for byte, the last one of this name. Raises KeyError or TooManyFieldsSent."""
    places = {found: (start, end) for found, start, end in spans(body)}
    return unquote(body, *places[name.encode()])


def field(name: str, value: bytes) -> bytes:
    """An URL-encoded form of one field, written without a list of all its signs."""
    for sign in (b"%", b"&", b"+"):
        value = value.replace(sign, b"%%%02X" % ord(sign))
    return name.encode() + b"=" + value


def spans(body: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The name of each field, and where its value begins and ends. Raises TooManyFieldsSent."""
    if body.count(b"&") >= settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
        raise TooManyFieldsSent
    start = 0
    while start < len(body):
        end = body.find(b"&", start)
        end = len(body) if end < 0 else end
        if end > start:
            equals = body.find(b"=", start, end)
            equals = end if equals < 0 else equals
            yield unquote(body, start, equals), min(equals + 1, end), end
        start = end + 1


def unquote(written: bytes, start: int = 0, stop: int | None = None) -> bytes:
    """What a form's writer encoded: made quoted-printable first, which is decoded without a list of all its pieces."""
    decoded = BytesIO()
    for piece in pieces(written, start, len(written) if stop is None else stop):
        decoded.write(piece)
    return decoded.getvalue()


def pieces(written: bytes, start: int, stop: int) -> Iterator[bytes]:
    """The same, a piece at a time."""
    while start < stop:
        end = min(start + PIECE, stop)
        if end < stop and b"%" in written[end - 2 : end]:  # cut no escape
            end -= 1 + written[end - 2 : end][::-1].find(b"%")
        escaped = _LONE_PERCENT.sub(b"%25", written[start:end]).replace(b"=", b"%3D")
        yield a2b_qp(escaped.translate(_PRINTABLE))
        start = end
