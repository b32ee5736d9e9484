"""How much an order can be: an amount, a number of items or a year beyond it is a mistake, not an order. Pure."""

from __future__ import annotations

LARGEST = 10**15  # minor units
MOST_ITEMS = 2**31 - 1  # what the database counts
FIRST_YEAR, LAST_YEAR = 1970, 2200
