"""Lines for an order that stands, on its page: in place of another, and added."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.web.conftest import Visitor
from tests.web.shop import (
    SKU,
    Shop,
    apply_inbox,
    new_order,
    new_school,
    open_order,
)
from tests.web.test_access import WIDTHS, violations
from tests.web.test_order_forms import act, order_of, refused_at
from tests.web.world import World


def test_a_line_is_substituted_and_another_added_to_a_placed_order(
    visitor: Visitor, world: World, shop: Shop
) -> None:
    alpha, beta = new_school(world, "AMEND-A"), new_school(world, "AMEND-B")
    order = new_order(world, "PO-9050", {alpha: 30, beta: 10}, unit_price_cents=25_000)
    shop.tell(world, "PO-9050", "1Z9050", school=alpha, lines=[{"sku": "CB-2", "quantity": 15}])
    apply_inbox(world)
    waiting = "/v1/webhook-events?outcome=unmatched"
    assert "no line with the sku CB-2" in world.api.get(waiting).json()["items"][0]["reason"]
    visitor.expected = {409}
    page = open_order(visitor, order, "PO-9050")
    dialog = act(page, "Substitute")
    expect(dialog.get_by_label("In place of")).to_have_value(SKU)
    expect(dialog).to_contain_text("None named: those that wait for the line get it")
    # As many as are outstanding, at the same price, until somebody says otherwise.
    pieces = dialog.get_by_label("Pieces")
    expect(pieces).to_have_value("40")
    expect(dialog.get_by_label("Price of one")).to_have_value("250.00")
    pieces.fill("41")
    dialog.get_by_label("SKU").fill("CB-2")
    dialog.get_by_label("Why is it substituted?").fill("CB-3110 is discontinued")
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert violations(page) == [], f"{width} px"
    dialog.get_by_role("button", name="Substitute").click()
    expect(refused_at(pieces)).to_contain_text("40 of it are neither there nor in a shipment")
    pieces.fill("20")
    dialog.get_by_role("button", name="Substitute").click()
    expect(page.locator("#toasts")).to_contain_text("20 of CB-2 in place of CB-3110.")
    expect(dialog).to_have_count(0)
    old = page.get_by_role("table", name="Lines").get_by_role("row", name=re.compile(SKU))
    expect(old).to_contain_text("20 substituted")
    expect(page.get_by_role("main")).to_contain_text("CB-3110 is discontinued")
    _add_a_line(page, beta)
    shares = {
        line["sku"]: {one["school"]: one["quantity"] for one in line["allocations"]}
        for line in order_of(world, order)["lines"]
    }
    assert shares == {
        SKU: {alpha: 15, beta: 5},
        "CB-2": {alpha: 15, beta: 5},
        "DOCK": {beta: 4},
    }
    # What the vendor told of the substitute before is applied by itself.
    apply_inbox(world)
    assert world.api.get(waiting).json()["items"] == []
    line = next(one for one in order_of(world, order)["lines"] if one["sku"] == "CB-2")
    assert line["under_way"] == 15


def _add_a_line(page: Page, school: str) -> None:
    dialog = act(page, "Add a line")
    dialog.get_by_label("SKU").fill("DOCK")
    dialog.get_by_label("Pieces").first.fill("4")
    dialog.get_by_label("Counts as").select_option("accessory")
    dialog.get_by_role("button", name="Add a school").click()
    row = dialog.get_by_role("group", name="School 1")
    row.get_by_label("School", exact=True).fill(school)
    row.get_by_label("Pieces").fill("4")
    dialog.get_by_role("button", name="Add the line").click()
    expect(page.get_by_role("table", name="Lines")).to_contain_text("DOCK")
    # Another line to stand in for is another count, kind and price to start from.
    dialog = act(page, "Substitute")
    dialog.get_by_label("In place of").select_option("DOCK")
    expect(dialog.get_by_label("Pieces")).to_have_value("4")
    expect(dialog.get_by_label("Counts as")).to_have_value("accessory")
    expect(dialog.get_by_label("Price of one")).to_have_value("")
    dialog.get_by_role("button", name="Cancel").click()
