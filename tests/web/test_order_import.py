"""Orders from a file: shown before anything is written, and placed where somebody asks for it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.web.conftest import Visitor
from tests.web.shop import SKU, Shop, new_school
from tests.web.test_access import violations
from tests.web.world import World


def test_a_file_is_previewed_row_by_row_before_it_is_imported(
    visitor: Visitor, world: World, shop: Shop, tmp_path: Path
) -> None:
    school = new_school(world, "FILE-A")
    file = tmp_path / "orders.csv"
    rows = ["vendor,number,sku,school,quantity,line_quantity"]
    rows += [f"acme,PO-9400,{SKU},{school},4,10", f"acme,PO-9400,{SKU},NOWHERE,1,10"]
    file.write_text("\n".join(rows))
    visitor.expected = {422}
    page = visitor.page
    visitor.open("/orders/import")
    page.get_by_label("File").set_input_files(file)
    page.get_by_label("Rows with problems").select_option("abort")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("main")).to_contain_text("2 rows: 1 created")
    problem = page.get_by_role("table", name="Rows with problems").get_by_role("row", name="Row 3")
    expect(problem).to_contain_text("NOWHERE")
    assert violations(page) == []
    assert world.api.get("/v1/orders?q=PO-9400").json()["items"] == []
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was written")
    page.get_by_label("Rows with problems").select_option("skip")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    [order] = world.api.get("/v1/orders?q=PO-9400").json()["items"]
    assert [(one["quantity"], one["allocated"]) for one in order["lines"]] == [(10, 4)]


def test_the_drafts_of_a_file_are_placed_when_asked(
    visitor: Visitor, world: World, shop: Shop, tmp_path: Path
) -> None:
    school = new_school(world, "FILE-B")
    file = tmp_path / "orders.csv"

    def write(**orders: str) -> None:
        rows = [f"acme,{number},{SKU},{to},4" for number, to in orders.items()]
        file.write_text("\n".join(["vendor,number,sku,school,quantity", *rows]))

    def state_of(number: str) -> list[str]:
        found = world.api.get(f"/v1/orders?q={number}").json()["items"]
        return [one["state"] for one in found]

    page = visitor.page
    visitor.open("/orders/import")
    write(FILE_1=school, FILE_2=school)
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Preview").click()
    result = page.get_by_role("heading", name="What would happen")
    expect(result).to_be_visible()
    expect(page.get_by_role("main")).not_to_contain_text("Would be placed")
    # Another wish is another preview.
    page.get_by_label("Place the drafts that it names").check()
    expect(result).to_have_count(0)
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("main")).to_contain_text("Would be placed: FILE_1 and FILE_2.")
    assert violations(page) == []
    assert state_of("FILE_") == []
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("main")).to_contain_text("Placed: FILE_1 and FILE_2.")
    assert state_of("FILE_") == ["placed", "placed"]
    plan = {one["key"] for one in world.api.get(f"/v1/schools/{school}/tasks").json()["items"]}
    assert {"order:acme:FILE_1", "order:acme:FILE_2"} <= plan
    # With a row in it that nobody can carry out, the other stays a draft, and that is said.
    write(FILE_3=school, FILE_4="NOWHERE")
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".notice")).to_contain_text("FILE_3 stays a draft")
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_role("heading", name="Imported")).to_be_visible()
    expect(page.locator(".notice")).to_contain_text("FILE_3 stays a draft")
    assert state_of("FILE_3") == ["draft"]
