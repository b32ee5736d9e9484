"""Which currencies there are, and how many digits the minor unit of each has (ISO 4217). Pure."""

from __future__ import annotations

from babel import numbers

# Those whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI"), 0),
    **dict.fromkeys(("VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def digits(currency: str) -> int:
    """2 for most: a value of 129990 in BRL is 1,299.90."""
    return _DIGITS.get(currency, 2)


def is_known(currency: str) -> bool:
    """Whether these three capitals are a currency's."""
    return currency in numbers.list_currencies()
