"""What staff write and set in a real browser: an answer with a file, a comment, a hook; and the API's own page."""

from __future__ import annotations

import re

from playwright.sync_api import BrowserContext, Page, expect

from orders import vault
from orders.models import Hook, Kind, Store, TimelineEntry
from orders.outcomes import Reason
from orders.placing import Placed
from tests import factories

PDF = b"%PDF-1.4 bill"


def test_an_answer_is_written_with_a_file_and_stands_on_the_timeline(
    signed_in: Page, order_url: str, conversation: Placed
):
    page = signed_in
    page.goto(order_url)
    asked = page.get_by_role("article", name="When will it arrive?", exact=True)
    asked.get_by_role("link", name="Answer").click()
    expect(page.get_by_label("Subject")).to_have_value("Re: When will it arrive?")
    page.get_by_label("Message").fill("On Thursday.")
    page.get_by_label("Attachments").set_input_files({"name": "bill.pdf", "mimeType": "application/pdf", "buffer": PDF})
    page.get_by_role("button", name="Send the mail").click()
    expect(page.get_by_role("status").first).to_contain_text("Your mail is on its way.")
    expect(page.get_by_role("article").filter(has_text="On Thursday.").get_by_text("bill.pdf")).to_be_visible()
    entry = TimelineEntry.objects.get(reason=Reason.WRITTEN)
    assert (entry.text.strip(), vault.load(entry.attachments.get().stored_as)) == ("On Thursday.", PDF)


def test_a_comment_is_kept_for_staff_alone(signed_in: Page, order_url: str, conversation: Placed):
    page = signed_in
    page.goto(order_url)
    page.get_by_label("Comment for the staff of this store").fill("She called: leave it with the porter.")
    page.get_by_role("region", name="Comments").get_by_role("button", name="Send").click()
    expect(page.get_by_role("list").get_by_text("She called: leave it with the porter.")).to_be_visible()
    assert TimelineEntry.objects.get(kind=Kind.NOTE).text == "She called: leave it with the porter."


def test_a_hook_inside_is_refused_in_the_form_and_one_is_switched_off(signed_in: Page, site: str, shop: Store):
    page, key = signed_in, factories.make_key(shop, "erp")
    page.goto(f"{site}/settings/acme/hooks/")
    page.get_by_label("Target").fill("https://127.0.0.1/orders")
    form = page.get_by_role("form", name="Set up a hook")
    form.get_by_label("Invoiced", exact=True).check()
    page.get_by_role("button", name="Ping and save").click()
    expect(page.get_by_text("Refused: this is an address of a private network.")).to_be_visible()
    expect(page.get_by_label("Target")).to_have_value("https://127.0.0.1/orders")
    expect(form.get_by_label("Invoiced", exact=True)).to_be_checked()
    hook = factories.make_hook(key, "https://erp.example/")
    page.goto(f"{site}/settings/acme/hooks/")
    page.get_by_role("button", name="Switch off erp").click()
    expect(page.get_by_role("article", name="Hook of erp").get_by_text("Switched off")).to_be_visible()
    hook.refresh_from_db()
    assert (Hook.objects.count(), hook.switched_off_at is not None) == (1, True)


def test_the_page_of_the_api_shows_its_calls_and_asks_nobody_else(context: BrowserContext, page: Page, site: str):
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/api/docs")
    expect(page.locator(".opblock-summary-path").first).to_be_visible(timeout=30_000)  # it draws hundreds
    expect(page.locator(".opblock-summary-path").get_by_text(re.compile("pvt/orders/.*/cancel"))).to_be_visible()
    assert page.locator(".opblock").count() > 20
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith((site, "data:"))] == []
