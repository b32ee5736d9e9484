"""How many digits the minor unit of a currency has (ISO 4217). Pure."""

from __future__ import annotations

# Those whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def digits(currency: str) -> int:
    """2 for most: a value of 129990 in BRL is 1,299.90."""
    return _DIGITS.get(currency, 2)
