"""The inbox follows what comes, and says what is wrong with what it cannot read."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.web.conftest import Visitor
from tests.web.shop import Shop, apply_inbox, new_order, new_school
from tests.web.test_access import violations
from tests.web.world import World


def test_the_inbox_shows_what_moved_no_school_without_a_reload(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    order = new_order(world, "PO-9500", {new_school(world, "LIVE-A"): 5})
    visitor.expected = {409}
    page = visitor.page
    visitor.open("/inbox?outcome=unmatched")
    expect(page.locator(".live")).to_have_text("Live")
    # The list has been read, so what comes after this is not in it.
    expect(page.locator(".event-list, .empty").first).to_be_visible()
    expect(page.get_by_text("1z9500")).to_have_count(0)
    shop.tell(world, "UNKNOWN-9", "1Z9500")
    apply_inbox(world)
    expect(page.locator(".event", has_text="1z9500")).to_be_visible()
    page.locator(".event", has_text="1z9500").get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Another order").fill("9500")
    page.keyboard.press("Enter")
    assert violations(page) == []
    dialog.get_by_role("button", name="Match: order PO-9500").click()
    expect(page.locator("#toasts")).to_contain_text("Matched to PO-9500")
    apply_inbox(world)
    shipments = world.api.get(f"/v1/shipments?order={order}").json()["items"]
    assert [one["tracking_number"] for one in shipments] == ["1Z9500"]
    expect(page.locator(".event", has_text="1z9500")).to_have_count(0)
    visitor.open(f"/orders/{order}")
    told = page.locator(".timeline li", has_text="1Z9500 to LIVE-A: in transit")
    expect(told).to_contain_text("by a vendor's event")


def test_an_event_that_names_no_school_shows_its_order_and_offers_no_match_in_vain(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    new_order(world, "PO-9700", {new_school(world, "ONE-OF"): 5, new_school(world, "OTHER-OF"): 5})
    shop.tell(world, "PO-9700", "GLS 33 071")
    apply_inbox(world)
    page = visitor.page
    visitor.open("/inbox?outcome=unmatched")
    page.locator(".event", has_text="gls33071").get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("goes to 2 schools and the event names none of them")
    expect(dialog.get_by_role("button", name="Match")).to_have_count(0)
    dialog.get_by_role("link", name="order PO-9700").click()
    expect(page.get_by_role("heading", name="PO-9700", exact=True)).to_be_visible()


def test_an_event_that_cannot_be_read_says_what_is_wrong_with_it(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    shop.tell(world, "PO-9600", "1Z9600", occurred_at="yesterday")
    page = visitor.page
    visitor.open("/inbox?vendor=acme")
    expect(page.locator(".event").first).to_contain_text("acme: not read yet")
    apply_inbox(world)
    expect(page.locator(".event").first).to_contain_text("acme: not understood")
    expect(page.locator(".event").first).to_contain_text("data.occurred_at")
    page.locator(".event").first.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_contain_text('"yesterday"')
