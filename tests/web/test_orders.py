"""Orders, the inbox and vendors: a box is received, pieces are moved, a secret is seen once."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.web.conftest import Visitor, visiting
from tests.web.shop import (
    SKU,
    Shop,
    apply_inbox,
    gate_of,
    new_order,
    new_school,
    open_order,
)
from tests.web.test_access import SCHEMES, WIDTHS, violations
from tests.web.world import PASSWORD, VIEWER, World, post


def test_a_box_received_in_bulk_moves_the_schools_readiness(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    papa, quebec = new_school(world, "PAPA"), new_school(world, "QUEBEC")
    order = new_order(world, "PO-7001", {papa: 40, quebec: 40})
    assert gate_of(world, papa)[0] == 0
    page = open_order(visitor, order, "PO-7001")
    page.get_by_role("button", name="Receive").click()
    dialog = page.get_by_role("dialog", name="Receive PO-7001")
    dialog.get_by_role("button", name="Fill in all outstanding").click()
    expect(dialog).to_contain_text("80 pieces counted.")
    dialog.get_by_label(f"{SKU} for QUEBEC").fill("15")
    expect(dialog).to_contain_text("55 pieces counted.")
    dialog.get_by_role("button", name="Receive", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("PO-7001: received at 2 schools.")
    expect(dialog).to_have_count(0)
    allocations = page.get_by_role("table", name="Allocations")
    expect(allocations.get_by_role("row", name=re.compile("QUEBEC"))).to_contain_text("15")
    done, total = gate_of(world, papa)
    assert done == total
    assert gate_of(world, quebec) == (15, total)
    verdict = world.api.get(f"/v1/schools/{papa}/readiness").json()["verdict"]
    assert verdict == "ready"
    visitor.open(f"/schools/{papa}")
    expect(page.locator(".verdict-sentence")).to_contain_text("ready")


def test_one_school_too_many_pieces_is_refused_beside_its_count_and_let_in_with_a_reason(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    romeo, sierra = new_school(world, "ROMEO"), new_school(world, "SIERRA")
    order = new_order(world, "PO-7002", {romeo: 10, sierra: 10})
    page = open_order(visitor, order, "PO-7002")
    page.get_by_role("button", name="Receive").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label(f"{SKU} for ROMEO").fill("10")
    dialog.get_by_label(f"{SKU} for SIERRA").fill("12")
    dialog.get_by_role("button", name="Receive", exact=True).click()
    expect(dialog).to_contain_text("1 school not received")
    # What was received is not sent a second time.
    expect(dialog.get_by_label(f"{SKU} for ROMEO")).to_have_value("")
    expect(dialog.get_by_label(f"{SKU} for SIERRA")).to_have_value("12")
    dialog.get_by_label("Receive them all the same, because").fill("Two more came as spares")
    dialog.get_by_role("button", name="Receive", exact=True).click()
    expect(dialog).to_have_count(0)
    lines = world.api.get(f"/v1/orders/{order}").json()["lines"]
    there = {one["school"]: one["there"] for one in lines[0]["allocations"]}
    assert there == {"ROMEO": 10, "SIERRA": 12}


def test_moves_are_previewed_before_they_are_made(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    tango, uniform = new_school(world, "TANGO"), new_school(world, "UNIFORM")
    order = new_order(world, "PO-7003", {tango: 20, uniform: 20})

    def shares() -> dict[str, int]:
        line = world.api.get(f"/v1/orders/{order}").json()["lines"][0]
        return {one["school"]: one["quantity"] for one in line["allocations"]}

    page = open_order(visitor, order, "PO-7003")
    page.get_by_role("button", name="Re-allocate").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("From").fill("TANGO")
    dialog.get_by_label("To").fill("UNIFORM")
    dialog.get_by_label("Pieces").fill("5")
    dialog.get_by_role("button", name="Preview").click()
    preview = dialog.get_by_role("table", name="What would change")
    expect(preview.get_by_role("row", name=re.compile("TANGO"))).to_contain_text("20 → 15")
    expect(preview.get_by_role("row", name=re.compile("UNIFORM"))).to_contain_text("+5")
    assert shares() == {"TANGO": 20, "UNIFORM": 20}
    # Another number is another question.
    dialog.get_by_label("Pieces").fill("6")
    expect(preview).to_have_count(0)
    dialog.get_by_role("button", name="Preview").click()
    dialog.get_by_role("button", name="Confirm").click()
    expect(dialog).to_have_count(0)
    assert shares() == {"TANGO": 14, "UNIFORM": 26}


def test_an_order_is_held_with_a_reason_and_released(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    order = new_order(world, "PO-7004", {new_school(world, "VICTOR"): 5})
    page = open_order(visitor, order, "PO-7004")
    page.get_by_role("button", name="Hold").click()
    page.get_by_label("Why does it have to wait?").fill("The budget is not agreed")
    page.get_by_role("dialog").get_by_role("button", name="Hold").click()
    expect(page.locator(".badge")).to_have_text("On hold")
    expect(page.get_by_role("main")).to_contain_text("The budget is not agreed")
    page.get_by_role("button", name="Release").click()
    expect(page.locator(".badge")).to_have_text("Placed")


def test_an_order_and_the_list_show_without_a_reload_what_others_decide(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    lima = new_school(world, "LIMA")
    orders = {number: new_order(world, number, {lima: 5}) for number in ("LV-1", "LV-2")}
    page = open_order(visitor, orders["LV-1"], "LV-1")
    expect(page.locator(".live")).to_have_text("Live")
    post(world, f"/v1/orders/{orders['LV-1']}/hold", {"reason": "The budget is not agreed"})
    expect(page.locator(".badge")).to_have_text("On hold")
    visitor.open("/orders?q=LV-")
    second = page.get_by_role("row", name=re.compile("LV-2"))
    expect(second).to_contain_text("Placed")
    expect(page.locator(".live")).to_have_text("Live")
    post(world, f"/v1/orders/{orders['LV-2']}/hold", {"reason": "Nor is this one's"})
    expect(second).to_contain_text("On hold")


def test_the_list_is_narrowed_by_number_and_state(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    whiskey = new_school(world, "WHISKEY")
    new_order(world, "WH-1", {whiskey: 1})
    draft = {"sku": SKU, "quantity": 3, "allocations": [{"school": whiskey, "quantity": 3}]}
    post(world, "/v1/orders", {"vendor": "acme", "number": "WH-2", "lines": [draft]})
    page = visitor.page
    visitor.open("/orders?q=WH-")
    expect(page.get_by_role("table", name="Orders").get_by_role("rowheader")).to_have_count(2)
    page.get_by_label("State").select_option("draft")
    expect(page.get_by_role("table", name="Orders").get_by_role("rowheader")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=WH-&state=draft"))
    page.get_by_role("link", name="WH-2").click()
    expect(page.get_by_role("heading", name="WH-2", exact=True)).to_be_visible()


def test_an_unmatched_event_is_matched_to_what_is_suggested(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    order = new_order(world, "PO-7005", {new_school(world, "XRAY"): 5})
    shop.tell(world, "P0-7005", "1Z999AA10123456784")
    apply_inbox(world)
    page = visitor.page
    visitor.open("/inbox?outcome=unmatched")
    page.get_by_role("button", name="acme: shipment.updated").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1Z999AA10123456784")
    dialog.get_by_role("button", name="Match: order PO-7005").click()
    expect(page.locator("#toasts")).to_contain_text("Matched to PO-7005")
    apply_inbox(world)
    shipments = world.api.get(f"/v1/shipments?order={order}").json()["items"]
    assert [one["tracking_number"] for one in shipments] == ["1Z999AA10123456784"]
    visitor.open("/inbox?outcome=applied")
    page.get_by_role("button", name="acme: shipment.updated").click()
    dialog.get_by_role("link", name="Go to its order").click()
    expect(page.get_by_role("heading", name="PO-7005", exact=True)).to_be_visible()
    expect(dialog).to_have_count(0)
    visitor.open("/inbox?outcome=applied")
    page.get_by_role("button", name="acme: shipment.updated").click()
    dialog.get_by_role("button", name="Replay").click()
    expect(page.locator("#toasts")).to_contain_text("It is applied again.")


def test_a_secret_is_shown_once(visitor: Visitor, world: World) -> None:
    page = visitor.page
    visitor.open("/vendors")
    page.get_by_role("button", name="Add a vendor").click()
    dialog = page.get_by_role("dialog", name="Add a vendor")
    dialog.get_by_label("Name", exact=True).fill("Borealis")
    dialog.get_by_label("Short name").fill("borealis")
    dialog.get_by_role("button", name="Add vendor").click()
    shown = page.get_by_role("dialog", name="The secret of Borealis")
    secret = shown.locator(".secret code").inner_text()
    assert secret.startswith("whsec_")
    assert violations(page) == []
    shown.get_by_role("button", name="I have it").click()
    vendor = page.locator("[data-vendor=borealis]")
    expect(vendor).to_contain_text("/v1/webhooks/borealis")
    assert secret not in page.content()
    vendor.get_by_role("button", name="Rotate secret").click()
    page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
    expect(shown.locator(".secret code")).not_to_have_text(secret)
    page.keyboard.press("Escape")
    expect(vendor).to_contain_text("Live secrets2")
    page.reload()
    expect(vendor).to_be_visible()
    assert "whsec_" not in page.content()
    vendor.get_by_role("button", name="Test event").click()
    expect(page.locator("#toasts")).to_contain_text("Borealis: the test event is stored.")


def test_who_may_only_read_is_offered_nothing_to_press(
    browser: Browser, world: World, shop: Shop
) -> None:
    order = new_order(world, "PO-7006", {new_school(world, "YANKEE"): 5})
    with visiting(browser, world) as visitor:
        page = visitor.page
        visitor.open(f"/sign-in?next=/orders/{order}")
        page.get_by_label("Email").fill(VIEWER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="PO-7006", exact=True).wait_for()
        expect(page.locator(".acts button")).to_have_count(0)
        visitor.open("/vendors")
        page.locator("[data-vendor=acme]").wait_for()
        expect(page.get_by_role("main").get_by_role("button", name="Rotate secret")).to_have_count(
            0
        )
        expect(page.get_by_role("button", name="Add a vendor")).to_have_count(0)


@pytest.fixture(scope="module")
def busy(world: World, shop: Shop) -> str:
    """An order with something to see on every page; its id."""
    schools = [new_school(world, f"ZULU-{number}") for number in range(1, 5)]
    order = new_order(world, "PO-8000", dict.fromkeys(schools, 22))
    lines = [{"sku": SKU, "accepted": 12, "rejected": 2, "reason": "Broken screens"}]
    post(world, f"/v1/orders/{order}/receipts", {"school": schools[0], "lines": lines})
    shop.tell(world, "PO-8O00", "1Z999AA10123456999")
    post(world, "/v1/vendors/acme/test-event")
    apply_inbox(world)
    return order


PAGES = {
    "orders": ("/orders", ".sheet tbody tr"),
    "order": ("/orders/{order}", ".timeline li"),
    "draft": ("/orders/new", ".draft-line"),
    "import": ("/orders/import", "[type=file]"),
    "inbox": ("/inbox", ".event"),
    "vendors": ("/vendors", ".vendor"),
}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_nothing_sticks_out(visitor: Visitor, busy: str, name: str) -> None:
    path, shown = PAGES[name]
    page = visitor.page
    visitor.open(path.format(order=busy))
    page.locator(shown).first.wait_for()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert violations(page) == [], f"{scheme}, {width} px"
    for width in (390, 768, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_in_the_dialogs(visitor: Visitor, busy: str, width: int) -> None:
    page = visitor.page
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    open_order(visitor, busy, "PO-8000")
    for name in ("Receive", "Add a shipment", "Send back", "State a promise", "Re-allocate"):
        page.locator(".acts").get_by_role("button", name=name, exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.wait_for()
        for more in dialog.locator("summary").all()[:2]:
            more.click()
        assert violations(page) == [], name
        assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth"), name
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("button", name=name, exact=True)).to_be_focused()
    visitor.open("/inbox?outcome=unmatched&q=1Z999AA10123456999")
    page.get_by_role("button", name="acme: shipment.updated").click()
    page.get_by_role("button", name="Match: order PO-8000").wait_for()
    assert violations(page) == []
