"""A page that a browser prints to PDF shows the address that stands on it, and so is held."""

from __future__ import annotations

from playwright.sync_api import Page

from conversation_tracker.mailflow import pdfs
from tests.conversation_tracker.mailflow.passing import REAL, incoming, masked, shown


def test_an_invoice_that_a_browser_has_printed_is_read(page: Page) -> None:
    page.set_content(f"<h1>Nota nº 7</h1><p>Cliente: <b>Anna</b> &lt;{REAL}&gt;</p><p>Total: R$ 353,90</p>")
    printed = page.pdf()
    assert REAL.encode() not in printed
    assert REAL in "".join(page.printed for paper in pdfs.papers(printed, pdfs.Budget()) for page in paper.pages)
    assert shown(masked(incoming(printed, kind="application/pdf", name="nota.pdf"))) == ["file"]
