"""Read Authentication-Results (RFC 8601): what the receiving server found out about a mail's sender.

Anybody can write such a field into his mail, so only one counts: the topmost, when its authserv-id is the provider's
own and no second field claims that id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from conversation_tracker.mailflow.shapes import Verdict
from conversation_tracker.providers import base
from orders import addresses

LONGEST = 16_000  # characters of a field that are read

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NAME = re.compile(rf'(?:[^\s;()"=]|{_QUOTED.pattern})+', re.DOTALL)
_VALUE = re.compile(rf'(?:[^\s;()"]|{_QUOTED.pattern})+', re.DOTALL)
_BY = re.compile(r"\bby\s+(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Result:
    """One method's result with its properties, ``{"header.from": "a.example"}``; all in lower case."""

    method: str
    result: str
    properties: dict[str, str] = field(default_factory=dict)


def verdict(fields: Sequence[tuple[str, str]], *, authserv_id: str, received_by: str = "") -> Verdict:
    """What the server named ``authserv_id`` says of the mail with these header fields, topmost first.

    ``received_by`` is what the name of the host in the topmost Received must end with, where that is known: a mail that
    never went through the provider's server has no verdict of it.
    """
    if not authserv_id or not _came_through(fields, received_by):
        return Verdict.NONE
    own = [
        (place, found)
        for place, value in enumerate(value for name, value in fields if name.lower() == "authentication-results")
        if (found := parse(value)) is not None and found[0] == authserv_id.lower()
    ]
    if len(own) != 1 or own[0][0] != 0:
        return Verdict.NONE
    return judge(own[0][1][1], author=base.author(fields))


def judge(results: Sequence[Result], *, author: str) -> Verdict:
    """Whether any result passes in alignment with the domain of From (RFC 7489 §3.1).

    A method that is reported twice with different results was written by two hands, and says nothing.
    """
    dmarc = {one.result for one in results if one.method == "dmarc"}
    if len(dmarc) > 1:
        return Verdict.NONE
    if dmarc == {"fail"}:
        return Verdict.FAIL
    if dmarc == {"pass"}:
        about = [one.properties.get("header.from", "") for one in results if one.method == "dmarc"]
        return base.verdict(bool(author) and all(addresses.normal_domain(one) in {author, ""} for one in about))
    judged = [one for one in results if one.method in {"spf", "dkim"} and one.result != "none"]
    if not judged or not author:
        return Verdict.NONE
    return base.verdict(any(one.result == "pass" and base.aligned(_domain(one), author) for one in judged))


def _domain(one: Result) -> str:
    """The domain that the result is about: the signer's, or that of the envelope's sender."""
    names = ("header.d", "header.i") if one.method == "dkim" else ("smtp.mailfrom", "smtp.mail")
    found = next((one.properties[name] for name in names if one.properties.get(name)), "")
    return found.rpartition("@")[2]


def _came_through(fields: Sequence[tuple[str, str]], received_by: str) -> bool:
    if not received_by:
        return True
    topmost = next((value for name, value in fields if name.lower() == "received"), "")
    host = _BY.search(topmost[:2000])
    return host is not None and host[1].lower().endswith(received_by)


def parse(value: str) -> tuple[str, list[Result]] | None:
    """The authserv-id and the results of a field's value (RFC 8601 §2.2); None where it is not well-formed."""
    if len(value) > LONGEST:
        return None
    tokens = _tokens(value)
    if not tokens or tokens[0] in {";", "="}:
        return None
    results = [
        Result(item[0].partition("/")[0], item[2], _properties(item[3:]))
        for item in _items(tokens)
        if len(item) >= 3 and item[1] == "="  # noqa: PLR2004  method = result
    ]
    return tokens[0].lower(), results


def _properties(tokens: Sequence[str]) -> dict[str, str]:
    """``ptype.property = value``, the first of each name."""
    found: dict[str, str] = {}
    place = 0
    while place + 2 < len(tokens):
        if tokens[place + 1] == "=":
            found.setdefault(tokens[place], tokens[place + 2])
            place += 3
        else:
            place += 1
    return found


def _items(tokens: Sequence[str]) -> list[list[str]]:
    """What stands between the semicolons, less the authserv-id before the first."""
    items: list[list[str]] = []
    for token in tokens:
        if token == ";":  # noqa: S105  a word of a header, no password
            items.append([])
        elif items:
            items[-1].append(token.lower())
    return items


def _tokens(value: str) -> list[str]:
    """Words, ``=`` and ``;`` without comments. Empty where a comment or a quoted string does not end.

    What is quoted becomes a lone quotation mark, since a sender chooses what stands in his quoted local part; and the
    value after a sign goes on to the next space, since his local part may hold further signs.
    """
    tokens: list[str] = []
    place = 0
    while place < len(value):
        char = value[place]
        if char.isspace() or char == ")":
            place += 1
        elif char == "(":
            place = _after_comment(value, place)
            if not place:
                return []
        elif char in ";=":
            tokens.append(char)
            place += 1
        else:
            piece = _VALUE if tokens[-1:] == ["="] else _NAME
            found = piece.match(value, place)
            if found is None:
                return []
            tokens.append(_QUOTED.sub('"', found[0]))
            place = found.end()
    return tokens


def _after_comment(value: str, place: int) -> int:
    """The place after the comment that begins here, nested ones included (RFC 5322 §3.2.2); 0 where it has no end."""
    depth = 0
    while place < len(value):
        char = value[place]
        if char == "\\":
            place += 1
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return place + 1
        place += 1
    return 0
