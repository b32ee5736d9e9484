"""Tell an address from the words that a program wrote on to it, and know one that was cut to a column's width. Pure."""

# ruff: noqa: SIM905  the long list of names reads better as words than as a list

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from orders import addresses

# What a shop calls its mailboxes, and what its mails say anyway.
_ROLES = frozenset(
    "account accounting accounts admin atendimento ayuda billing booking bookings care careers client cliente "
    "clientes cobranca comercial compras contact contacto contato customer customers deliveries delivery desk "
    "devolucoes dispatch email entrega entregas faturamento feedback finance financeiro fiscal garantia hello help "
    "id info invoices jobs logistica loja mail marketing media news newsletter nfe notifications office online "
    "order orders parcel parcels payments pedido pedidos post press privacy ref refunds returns rh sac sales "
    "security service services shipping shop site store suporte support team tickets tienda trocas user vendas "
    "ventas warehouse warranty web welcome".split()
)
_TELLING, _TELLING_PLAIN = 7, 9  # signs
_SEPARATED = re.compile(r"[a-z0-9][._-][a-z0-9]|[0-9]")
_NO_LOCAL = re.compile(r"[^\w.+-]+")
_HOST = re.compile(r"[a-z0-9.-]*", re.IGNORECASE)
# Where else a shop is found, which may be written on to its address.
_WEBSITE = re.compile(
    r"www\.|(?:facebook|instagram|linkedin|pinterest|tiktok|twitter|(?:api\.)?whatsapp|x|youtube)\.com"
    r"|(?:t|wa)\.me|bit\.ly|g\.page|linktr\.ee",
    re.IGNORECASE,
)
# Where a column, a field or a sentence may end.
_END = re.compile(r"\Z|…|[.:](?![a-z0-9])|[\s,;|!?()\[\]{}<>\"']", re.IGNORECASE)
_FEWEST = 2  # signs of a domain by which it is told
# What an address may be cut by and go on behind: a line end with the quote marks of the next line, tags.
_CUT = re.compile(r"=?\r{0,3}\n[ \t>|]{0,24}|(?:<[^<>]{1,2000}>){1,99}")


@lru_cache(maxsize=4096)
def is_telling(local: str) -> bool:
    """Whether hardly anybody else's local part ends in this one at the same domain, so that what stands before it is
    rather the word before: "Souzaanna.real@example.com".
    """
    return len(local) >= (_TELLING if _SEPARATED.search(local) else _TELLING_PLAIN)


def is_role(local: str) -> bool:
    """Whether it is the name of a department rather than of somebody."""
    return local.lower() in _ROLES


def locals_in(text: str) -> frozenset[str]:
    """The local parts of the addresses that stand in the text."""
    return frozenset(_local_before(piece) for piece in text.lower().split("@")[:-1])


def is_longer(text: str, start: int, end: int, *, others: frozenset[str]) -> bool:
    """Whether the address there is only the end of another one, whose local part is among these, itself written on to
    a word or not.
    """
    at = text.find("@", start, end)
    if at < 0:
        return False
    local = _local_before(text[max(0, at - addresses.MAX_LOCAL) : at].lower())
    return any(local[-length:] in others for length in range(at - start + 1, len(local) + 1))


def _local_before(at: str) -> str:
    return _NO_LOCAL.split(at[-addresses.MAX_LOCAL :])[-1]


def is_host(text: str, start: int, end: int) -> bool:
    """Whether the domain that begins at ``start``, read beyond ``end`` as far as it goes, can exist, which
    "example.comtelefone" cannot; nor is it one where a website was written on, "example.com.brwww.example.com.br".
    """
    domain, found = text[start:end].lower(), _HOST.match(text, end)
    rest = found[0].rstrip(".-").lower() if found else ""
    if _WEBSITE.match(rest) or "www." in rest or domain in rest:
        return False
    # Nobody has "com.brother" below a domain; what goes on in "com2" may be a name there.
    is_deep = "." in (addresses.suffixes().publicsuffix(domain, accept_unknown=False) or "")
    return addresses.has_known_suffix(domain + (rest.partition(".")[0] if is_deep else rest))


def cut_short(text: str, lowered: str, *, local: str, domain: str) -> Iterator[tuple[int, int]]:
    """Where the address stands without the end of its domain, and nothing that makes another domain of it.

    ``lowered`` has each character at its place in the text.
    """
    begin = f"{local}@"
    place = lowered.find(begin)
    while place >= 0:
        end = place + len(begin)
        length = _common(lowered, end, domain)
        if _FEWEST <= length < len(domain) and _is_all(lowered, place, end, end + length, domain[length:]):
            yield place, end + length
        place = lowered.find(begin, end)


def _common(lowered: str, start: int, domain: str) -> int:
    """How much of the domain stands there."""
    return next((n for n, char in enumerate(domain) if lowered[start + n : start + n + 1] != char), len(domain))


def _is_all(lowered: str, begin: int, start: int, end: int, rest: str) -> bool:
    if begin and lowered[begin - 1].isalnum() and not is_telling(lowered[begin : start - 1]):
        return False  # of somebody else's address
    if _END.match(lowered, end) is None or addresses.has_known_suffix(lowered[start:end].rstrip(".")):
        return False
    cut = _CUT.match(lowered, end)
    return cut is None or not lowered.startswith(rest[0], cut.end())  # else it goes on there
