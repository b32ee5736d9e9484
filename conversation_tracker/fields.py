"""Bound the header fields of a request that cost more than they are worth, before Django reads them."""

from __future__ import annotations

import codecs
import encodings
import re
from collections.abc import Iterable
from email.utils import collapse_rfc2231_value
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# Bytes. Python 3.11 and 3.12 up to 3.12.5 read a cookie in quotes in a time that grows with the square of its length
# (CVE-2024-7592), and every version a Content-Type with the square of its semicolons.
LONGEST_COOKIES, LONGEST_TYPE = 8_192, 1_000
# A charset; and a parameter that is in one (RFC 2231), of which Django raises an error where it knows it not.
_CHARSET = re.compile(r";\s*(?:charset|[^;=]*\*)[^;]*", re.IGNORECASE)
_SLOW = {"punycode", "idna"}  # to decode them takes a time that grows with the square of the length
_MOST_REMEMBERED = 1_000


def forget_charsets() -> None:
    """Have Python forget the names that are no charset, once they are many: a form may have one in each parameter."""
    if len(encodings._cache) > _MOST_REMEMBERED:
        for name in [name for name, codec in list(encodings._cache.items()) if codec is None]:
            encodings._cache.pop(name, None)


def collapsed(value: tuple[str | None, str | None, str]) -> str:
    """As email.utils.collapse_rfc2231_value, of a charset that Python knows; what is in a slow one stays encoded."""
    charset, _, text = value
    return text if charset and codecs.lookup(charset).name in _SLOW else collapse_rfc2231_value(value)


def bounded(application: WSGIApplication) -> WSGIApplication:
    """The application, but 431 (RFC 6585 §5) for fields that are too long, and no charset of the body.

    Django would read a form in any that Python has, also in Punycode, which it decodes in a time that grows with the
    square of its length. Forms and documents are UTF-8 (URL Standard §5.1, RFC 7578 §5.1.2, RFC 8259 §8.1); what is
    not is read byte for byte, whatever it says of itself.
    """

    def call(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kind = str(environ.get("CONTENT_TYPE", ""))
        if len(kind) > LONGEST_TYPE or len(environ.get("HTTP_COOKIE", "")) > LONGEST_COOKIES:
            said = b"The cookies or the type of the body are too long."
            fields = [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))]
            start_response("431 Request Header Fields Too Large", fields)
            return [said]
        if "charset" in kind.lower() or "*" in kind:
            environ["CONTENT_TYPE"] = _CHARSET.sub("", kind)
        return application(environ, start_response)

    return call
