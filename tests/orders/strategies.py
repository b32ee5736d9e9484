"""Addresses and texts for properties."""

from __future__ import annotations

from hypothesis import strategies as st

from orders.known import Known

ATOM = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-"
WORD = "abcdefghijklmnopqrstuvwxyz0123456789"
TRACKING = "ct.shop.example"
HARD = "ff2e6348a53a4d449af92be2a1011328@ct.shop.example"
SOFT = "john@example.com-207700027841b.ct.shop.example"
JOHN = Known("john@example.com", HARD)
SOFT_JOHN = Known("john@example.com", SOFT)

label = st.builds(
    lambda start, middle, end: start + middle + end,
    st.sampled_from(WORD),
    st.text(WORD + "-", max_size=12),
    st.sampled_from(WORD),
).filter(lambda text: text[2:4] != "--")
top_level = st.text("abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=10)
domain = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(label, min_size=1, max_size=3), top_level)
plain_local = st.lists(st.text(ATOM, min_size=1, max_size=10), min_size=1, max_size=4).map(".".join)
plain_address = st.builds(lambda local, at: f"{local}@{at}", plain_local, domain)

# As people have them: what is left of the @ begins and ends with a letter or digit.
common_local = st.from_regex(r"[a-z0-9](?:[a-z0-9._-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda t: ".." not in t)
common_address = st.builds(lambda local, at: f"{local}@{at}", common_local, domain)
tag = st.text(WORD + "-_.", min_size=1, max_size=20)


@st.composite
def recased(draw: st.DrawFn, text: str) -> str:
    """The same ASCII text with other capitals."""
    flips = draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    return "".join(char.swapcase() if flip else char for char, flip in zip(text, flips, strict=True))
