"""Templates and senders in a real browser."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, ViewportSize, expect
from pytest_django import Settings

from conversation_tracker.message_center import defaults, senders, versions
from conversation_tracker.models import TemplateKey
from orders.models import Store, User
from tests.browser.test_pages import PHONE, RULES
from tests.conversation_tracker.authenticity import zones

PAGES = ["templates/", "templates/vtexcommerce-order-shipped/", "senders/", "domains/ct.acme.example/"]
PAGES.append("templates/vtexcommerce-order-shipped/versions/2/?in=en")


@pytest.fixture
def name_server(settings: Settings):
    with zones.served({("ct.acme.example", "MX"): ("mx.acme.example",)}) as address:
        settings.DNS_SERVERS = [address]
        yield


@pytest.fixture
def written(shop: Store, admin: User, name_server: None) -> None:
    """A store with words and senders of its own."""
    key, now = TemplateKey.SHIPPED, timezone.now()
    first = defaults.source(key, "en")
    second = defaults.Source("On its way: {{ order.number }}", first.preheader, first.html + "<p>Bye</p>\n", first.text)
    third = defaults.Source(second.subject, "", second.html, second.text)
    for source in (second, third):
        versions.save(shop, key, "en", source, note="Shorter", user=admin, now=now)
    senders.add(shop, name="Acme Orders", address="orders@acme.example", is_default=True, user=admin, now=now)
    senders.add(shop, name="Acme Billing", address="billing@acme.example", is_default=False, user=admin, now=now)


def opened(page: Page, site: str, path: str) -> Page:
    page.goto(f"{site}/settings/acme/{path}")
    page.wait_for_load_state("networkidle")
    return page


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "context_options",
    [{}, {"color_scheme": "dark"}, {"viewport": PHONE}],
    ids=["light", "dark", "phone"],
)
def test_pages_of_templates_have_no_fault_that_axe_finds(path, signed_in: Page, site: str, written: None):
    page = opened(signed_in, site, path)
    found = Axe().run(page, options={"runOnly": RULES}).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    wide = "[...document.querySelectorAll('.rows__key')].filter(one => one.scrollWidth > one.clientWidth)"
    assert page.evaluate(f"{wide}.map(one => one.textContent)") == []


@pytest.mark.parametrize("key", TemplateKey)
def test_each_mail_fits_every_width(key, signed_in: Page, site: str):
    page = opened(signed_in, site, f"templates/{key}/preview/?in=pt-BR")
    assert page.locator("h1").count() == 1
    too_wide = []
    for width in (360, 600, 900):
        page.set_viewport_size(ViewportSize(width=width, height=700))
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            too_wide.append(width)
    assert too_wide == []


def test_a_template_is_edited_previewed_tested_and_saved(signed_in: Page, site: str, written: None):
    page = opened(signed_in, site, "templates/vtexcommerce-payment-approved/")
    frame = page.frame_locator("iframe")
    expect(frame.get_by_role("heading", level=1)).to_have_text("Your payment has arrived")
    page.get_by_label("Subject", exact=True).fill("Paid: {{ order.number }}")
    page.get_by_role("button", name="Preview subject and text").click()
    expect(frame.get_by_text("Paid: 1305371685465-01")).to_be_visible()
    page.get_by_label("HTML").fill("<p>Thanks, {{ customer.first_name }}</p>")
    page.get_by_role("button", name="Preview", exact=True).click()
    expect(frame.get_by_text("Thanks, Maria")).to_be_visible()
    for label, width in (("Phone", 360), ("Wide", 900), ("Mail program", 600)):
        page.get_by_label(label, exact=True).check()
        box = page.locator("iframe").bounding_box()
        assert box is not None
        assert round(box["width"]) == width
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("Waiting to be sent")).to_be_visible()
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_role("status").first).to_contain_text("Saved as version 1.")


def test_a_fault_leads_to_its_place_by_keyboard(signed_in: Page, site: str, written: None):
    page = opened(signed_in, site, "templates/vtexcommerce-payment-approved/")
    page.get_by_label("HTML").fill("<p>\n\n{{ nothing }}</p>")
    page.get_by_role("button", name="Save").first.click()
    link = page.get_by_role("link", name="HTML, line 3, column 4")
    link.focus()
    page.keyboard.press("Enter")
    at = page.evaluate("[document.activeElement.id, document.activeElement.selectionStart]")
    assert at == ["id_html", 8]


def test_domains_are_checked_after_the_page_has_come(signed_in: Page, site: str, written: None):
    page = opened(signed_in, site, "senders/")
    expect(page.get_by_text("Mail to this domain arrives at these servers.")).to_be_visible()
    expect(page.get_by_text("v=DMARC1; p=none; rua=mailto:dmarc@acme.example").first).to_be_visible()


@pytest.mark.parametrize("context_options", [{"java_script_enabled": False}])
def test_without_scripts_a_link_leads_to_the_domain(signed_in: Page, site: str, written: None):
    page = opened(signed_in, site, "senders/")
    page.get_by_role("link", name="Check the domain").first.click()
    expect(page.get_by_role("heading", name="ct.acme.example")).to_be_visible()
