"""What is typed into the forms of orders: written as it was meant, refused beside its field."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.web.conftest import Visitor
from tests.web.shop import (
    SKU,
    Shop,
    new_order,
    new_school,
    open_order,
)
from tests.web.test_access import violations
from tests.web.world import World, post


def order_of(world: World, order: str) -> Any:
    return world.api.get(f"/v1/orders/{order}").json()


def act(page: Page, name: str) -> Locator:
    """Press one of the order's own buttons; its dialog."""
    page.locator(".order-page > .acts").get_by_role("button", name=name, exact=True).click()
    return page.get_by_role("dialog")


def refused_at(field: Locator) -> Locator:
    """The sentence that is tied to a field."""
    expect(field).to_have_attribute("aria-invalid", "true")
    ids = (field.get_attribute("aria-describedby") or "").split()
    return field.page.locator(f"#{ids[-1]}")


def test_an_order_is_drawn_up_by_keyboard_mended_where_it_was_refused_and_placed(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    alpha, beta = new_school(world, "DRAFT-A"), new_school(world, "DRAFT-B")
    new_order(world, "PO-9000", {alpha: 1})
    visitor.expected = {404, 409, 422}
    page = visitor.page
    visitor.open("/orders")
    page.get_by_role("link", name="Draw up an order").click()
    expect(page.get_by_role("heading", name="Draw up an order")).to_be_focused()
    page.get_by_label("Number").fill("PO-9000")
    line = page.get_by_role("group", name="Line 1", exact=True)
    line.get_by_label("SKU").fill(SKU)
    line.get_by_label("Pieces").first.fill("30")
    line.get_by_label("Price of one").fill("249.90")
    add = line.get_by_role("button", name="Add a school")
    for code, pieces in ((alpha, "10"), ("DRAFT-Z", "12")):
        add.focus()
        page.keyboard.press("Enter")
        page.keyboard.type(code)
        page.keyboard.press("Tab")
        page.keyboard.type(pieces)
    expect(line).to_contain_text("22 of 30 allocated.")
    draw_up = page.get_by_role("button", name="Draw up")
    draw_up.focus()
    page.keyboard.press("Enter")
    # What is wrong is said beside the school that is not there, and nothing is lost.
    unknown = line.get_by_role("group", name="School 2").get_by_label("School", exact=True)
    expect(refused_at(unknown)).to_contain_text("DRAFT-Z")
    expect(unknown).to_be_focused()
    assert violations(page) == []
    unknown.fill(beta)
    expect(unknown).not_to_have_attribute("aria-invalid", "true")
    draw_up.click()
    number = page.get_by_label("Number")
    expect(refused_at(number)).to_contain_text("acme has an order PO-9000 already")
    expect(line.get_by_label("Price of one")).to_have_value("249.90")
    number.fill("PO-9001")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="PO-9001", exact=True).wait_for()
    order = page.url.rpartition("/")[2]
    made = order_of(world, order)
    assert (made["state"], made["total_cents"]) == ("draft", 30 * 24990)
    assert [(one["school"], one["quantity"]) for one in made["lines"][0]["allocations"]] == [
        (alpha, 10),
        (beta, 12),
    ]
    _mend_and_place(page, world, order)


def _mend_and_place(page: Page, world: World, order: str) -> None:
    """A draft is edited, approved, placed, and closed short with a reason."""
    page.get_by_role("button", name="Edit").click()
    second = page.get_by_role("group", name="School 2")
    expect(second.get_by_label("School", exact=True)).to_have_value("DRAFT-B")
    page.get_by_role("button", name="Remove school 2").click()
    expect(
        page.get_by_role("group", name="School 1").get_by_label("School", exact=True)
    ).to_be_focused()
    page.get_by_label("Tolerance, %").fill("5")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="PO-9001", exact=True).wait_for()
    mended = order_of(world, order)
    assert mended["over_tolerance_percent"] == 5
    assert [one["school"] for one in mended["lines"][0]["allocations"]] == ["DRAFT-A"]
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".order-head .badge")).to_have_text("Approved")
    page.get_by_role("button", name="Place", exact=True).click()
    expect(page.locator(".order-head .badge")).to_have_text("Placed")
    dialog = act(page, "Close")
    dialog.get_by_label("Why will they not come?").fill("Discontinued")
    dialog.get_by_role("button", name="Close short").click()
    expect(page.locator(".order-head .badge")).to_have_text("Closed")
    expect(page.get_by_role("main")).to_contain_text("Discontinued")


def test_a_shipment_is_added_counted_with_serials_and_rejects_and_taken_back(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    school = new_school(world, "SHIP-A")
    order = new_order(world, "PO-9100", {school: 5})
    visitor.expected = {409, 422}
    page = open_order(visitor, order, "PO-9100")
    dialog = act(page, "Add a shipment")
    dialog.get_by_label("Carrier").fill("ups")
    dialog.get_by_label("Tracking number").fill("1Z9100")
    expect(dialog.get_by_label("Goes to")).to_have_value(school)
    dialog.get_by_text("Serial numbers").first.click()
    dialog.get_by_label("Serial numbers").fill("S-1\nS-2 S-3")
    # Who scans need not count as well.
    expect(dialog.get_by_label(f"{SKU} for the shipment")).to_have_value("3")
    dialog.get_by_label(f"{SKU} for the shipment").fill("5")
    dialog.get_by_role("button", name="Add the shipment").click()
    expect(page.locator("#toasts")).to_contain_text("1Z9100 is on its way to SHIP-A.")
    page.get_by_role("button", name="Receive: 1Z9100").click()
    dialog = page.get_by_role("dialog", name="Receive 1Z9100")
    expect(dialog.get_by_label(f"{SKU} for SHIP-A")).to_have_value("5")
    dialog.get_by_label(f"{SKU} for SHIP-A").fill("4")
    dialog.locator("summary").click()
    dialog.get_by_label("Rejected", exact=True).fill("1")
    dialog.get_by_label("Serial numbers").fill("S-1 S-9")
    # Closed again, so that the refusal has to open it.
    dialog.locator("summary").click()
    dialog.get_by_role("button", name="Receive", exact=True).click()
    why = dialog.get_by_label("Why rejected")
    expect(refused_at(why)).to_have_text("Say in reason why pieces were rejected.")
    expect(why).to_be_focused()
    expect(dialog.get_by_label("Serial numbers")).to_have_value("S-1 S-9")
    assert violations(page) == []
    page.keyboard.type("Cracked screen")
    dialog.get_by_role("button", name="Receive", exact=True).click()
    expect(dialog).to_have_count(0)
    _reconcile(page, world, order)
    _take_back(page, world, order)


def _reconcile(page: Page, world: World, order: str) -> None:
    """Where the serial numbers announced and scanned differ, and that it stays unfolded."""
    serials = page.get_by_role("table", name="Serial numbers").get_by_role("row", name=SKU)
    expect(serials.get_by_role("cell")).to_have_text(
        [
            "5",
            "3",
            "2",
            "0",
            re.compile("2 announced and there.*1 scanned, but not announced", re.S),
        ]
    )
    serials.get_by_text("1 scanned, but not announced").click()
    expect(serials.get_by_text("S-9")).to_be_visible()
    # What changes meanwhile does not fold it again.
    told = page.locator(".timeline li").count()
    promised = {"lines": [{"sku": SKU, "promised_on": world.first_bell.isoformat()}]}
    post(world, f"/v1/orders/{order}/promises", promised)
    expect(page.locator(".timeline li")).to_have_count(told + 1)
    expect(serials.get_by_text("S-9")).to_be_visible()


def _take_back(page: Page, world: World, order: str) -> None:
    receipts = page.get_by_role("table", name="Receipts")
    expect(receipts).to_contain_text("1 of CB-3110: Cracked screen")
    assert order_of(world, order)["lines"][0]["accepted"] == 4
    receipts.get_by_role("button", name="Take back: the receipt at SHIP-A").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("Of another order")
    dialog.get_by_role("button", name="Take back").click()
    expect(receipts.get_by_text("Taken back")).to_be_visible()
    expect(receipts).to_contain_text("Of another order")
    assert order_of(world, order)["lines"][0]["accepted"] == 0
    # The box waits to be counted anew.
    expect(page.get_by_role("button", name="Receive: 1Z9100")).to_be_visible()


def test_pieces_go_to_a_site_onward_to_schools_and_back_to_the_seller(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    first, second = new_school(world, "SITE-A"), new_school(world, "SITE-B")
    site = post(world, "/v1/networks/SOUTH/sites", {"name": "Depot", "code": "DEPOT"})["code"]
    order = new_order(world, "PO-9200", {first: 10, second: 10})
    visitor.expected = {409, 422}
    page = open_order(visitor, order, "PO-9200")
    _receive_at(page, site)
    dialog = act(page, "Send on")
    expect(dialog).to_contain_text(f"At DEPOT: 12 of {SKU}.")
    dialog.get_by_label(f"{SKU} for SITE-A").fill("10")
    dialog.get_by_label(f"{SKU} for SITE-B").fill("3")
    dialog.get_by_role("button", name="Send on").click()
    expect(dialog.get_by_role("alert")).to_contain_text("12 are at DEPOT, fewer than are to leave")
    expect(dialog.get_by_label(f"{SKU} for SITE-A")).to_have_value("10")
    assert violations(page) == []
    dialog.get_by_label(f"{SKU} for SITE-B").fill("2")
    dialog.get_by_role("button", name="Send on").click()
    expect(page.locator("#toasts")).to_contain_text("2 moves from DEPOT.")
    there = {
        one["school"] or one["site"]: one["there"]
        for one in order_of(world, order)["lines"][0]["allocations"]
    }
    assert there == {"SITE-A": 10, "SITE-B": 2, "DEPOT": 0}
    allocations = page.get_by_role("table", name="Allocations")
    expect(allocations.get_by_role("row", name="SITE-A").get_by_role("cell").nth(2)).to_have_text(
        "10"
    )
    dialog = act(page, "Send back")
    dialog.get_by_label("From").select_option(label="SITE-B")
    dialog.get_by_label(f"{SKU} for SITE-B").fill("2")
    dialog.get_by_label("Why do they go back?").fill("Dead on arrival")
    dialog.get_by_role("button", name="Send back").click()
    expect(page.locator("#toasts")).to_contain_text("2 pieces sent back from SITE-B.")
    expect(allocations.get_by_role("row", name="SITE-B").get_by_role("cell").nth(2)).to_have_text(
        "0"
    )
    # To be replaced: as many are expected again.
    assert order_of(world, order)["lines"][0]["outstanding"] == 10
    dialog = act(page, "Send back")
    dialog.get_by_label(f"{SKU} for SITE-A").fill("1")
    dialog.get_by_label("Why do they go back?").fill("One too many")
    dialog.get_by_label("They are to be replaced").uncheck()
    dialog.get_by_role("button", name="Send back").click()
    expect(dialog).to_have_count(0)
    line = order_of(world, order)["lines"][0]
    assert (line["outstanding"], line["returned"], line["short"]) == (10, 3, 1)


def _receive_at(page: Page, site: str) -> None:
    """A place for which nothing was planned, with a piece turned away."""
    dialog = act(page, "Receive")
    dialog.get_by_label("Another school or site").fill(site)
    page.keyboard.press("Enter")
    expect(dialog.get_by_label(f"{SKU} for {site}")).to_be_focused()
    page.keyboard.type("12")
    row = dialog.get_by_role("row", name=site)
    row.locator("summary").click()
    row.get_by_label("Rejected", exact=True).fill("1")
    dialog.get_by_role("button", name="Receive", exact=True).click()
    expect(refused_at(row.get_by_label("Why rejected"))).to_contain_text("Say in reason")
    page.keyboard.type("Wet box")
    dialog.get_by_role("button", name="Receive", exact=True).click()
    expect(dialog).to_have_count(0)
    receipts = page.get_by_role("table", name="Receipts")
    expect(receipts).to_contain_text(f"1 of {SKU}: Wet box")


def test_a_promise_says_who_reckons_and_moves_the_line(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    order = new_order(world, "PO-9300", {new_school(world, "PROMISE-A"): 5})
    visitor.expected = {422}
    page = open_order(visitor, order, "PO-9300")
    dialog = act(page, "State a promise")
    dialog.get_by_role("button", name="Record").click()
    expect(dialog).to_contain_text("Change the date of at least one line.")
    later = world.first_bell - timedelta(days=3)
    dialog.get_by_label(f"{SKU} promised for").fill(later.isoformat())
    dialog.get_by_label("Who says so").select_option("estimate")
    said_at = dialog.get_by_label("Said at")
    said_at.fill("2099-01-01T10:00")
    dialog.get_by_role("button", name="Record").click()
    expect(refused_at(said_at)).to_contain_text("it is to come")
    said_at.fill("")
    dialog.get_by_role("button", name="Record").click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".timeline")).to_contain_text(f"{SKU} estimated for {later.day}")
    assert order_of(world, order)["lines"][0]["promised_on"] == later.isoformat()
    # The keyboard is where it was before the dialog opened.
    expect(page.get_by_role("button", name="State a promise")).to_be_focused()


def test_a_vendor_is_edited_and_says_what_its_deliveries_taught(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    seller = {"slug": "zenith", "name": "Zenith"}
    post(world, "/v1/vendors", seller)
    visitor.expected = {409, 422}
    page = visitor.page
    visitor.open("/vendors")
    page.get_by_role("button", name="Add a vendor").click()
    dialog = page.get_by_role("dialog", name="Add a vendor")
    expect(dialog.get_by_role("group", name="Sellers it reports for")).to_be_hidden()
    dialog.get_by_label("Name", exact=True).fill("Watcher")
    dialog.get_by_label("Short name").fill("acme")
    dialog.get_by_label("Kind").select_option("tracker")
    dialog.get_by_label("Zenith").check()
    dialog.get_by_role("button", name="Add vendor").click()
    expect(refused_at(dialog.get_by_label("Short name"))).to_contain_text("acme")
    expect(dialog.get_by_label("Zenith")).to_be_checked()
    assert violations(page) == []
    dialog.get_by_label("Short name").fill("watcher")
    dialog.get_by_role("button", name="Add vendor").click()
    page.get_by_role("button", name="I have it").click()
    watcher = page.locator("[data-vendor=watcher]")
    expect(watcher).to_contain_text("Tracks zenith")
    watcher.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit Watcher")
    dialog.get_by_label("Zenith").uncheck()
    dialog.get_by_label("Acme Devices").check()
    dialog.get_by_label("Name").fill("Night watch")
    dialog.get_by_role("button", name="Save").click()
    expect(watcher.get_by_role("heading")).to_have_text("Night watch")
    expect(watcher).to_contain_text("Tracks acme")
    expect(watcher.get_by_role("button", name="Edit")).to_be_focused()
    page.locator("[data-vendor=zenith]").get_by_role("button", name="Lead times").click()
    dialog = page.get_by_role("dialog", name="Lead times of Zenith")
    expect(dialog).to_contain_text("Nothing was learned yet")
    dialog.get_by_role("button", name="Learn now").click()
    expect(page.locator("#toasts")).to_contain_text("Zenith: 0 skus with other lead times now.")
