"""The board: what it says, how it is narrowed, sorted, walked and kept up to date."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.conftest import Visitor, visiting
from tests.web.world import CROWD, World, post, task_id

ALL = CROWD + 5


@pytest.fixture
def board(visitor: Visitor) -> Page:
    visitor.open("/")
    visitor.page.get_by_role("link", name="Alpha Academy").wait_for()
    return visitor.page


def row(page: Page, school: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=school))


def names(page: Page) -> list[str]:
    return page.locator(".board tbody th a").all_inner_texts()


def result(page: Page) -> Locator:
    return page.locator(".result")


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)


def test_a_row_says_verdict_workstreams_percent_and_date(board: Page, world: World) -> None:
    alpha = row(board, "Alpha Academy")
    answer = world.api.get("/v1/schools/ALPHA/readiness").json()
    devices = next(one for one in answer["workstreams"] if one["workstream"] == "devices")
    gates = devices["gates"]
    expect(alpha.locator(".col-verdict")).to_have_text("Late")
    expect(alpha.locator(".col-percent")).to_have_text(f"{answer['percent']}%")
    expect(alpha.locator(".col-stream").first).to_contain_text(
        f"Late, {gates['satisfied']}/{gates['total']}"
    )
    expect(alpha.locator(".col-ready")).to_contain_text("days after first bell")
    expect(alpha.locator(".col-network")).to_contain_text("North Side Schools")
    assert answer["forecast"]["float_days"] < 0
    expect(row(board, "Bravo High School").locator(".col-ready")).to_contain_text("Now")
    expect(row(board, "Charlie Elementary").locator(".col-ready")).to_contain_text("to spare")


def test_the_days_after_first_bell_are_the_calendars(board: Page, world: World) -> None:
    forecast = world.api.get("/v1/schools/ALPHA/readiness").json()["forecast"]
    ready = world.first_bell.fromisoformat(forecast["ready_on"])
    days = (ready - world.first_bell).days
    expect(row(board, "Alpha Academy").locator(".col-ready")).to_contain_text(
        f"{days} days after first bell"
    )


def test_counts_are_those_of_the_service_and_filter(board: Page, world: World) -> None:
    totals = world.api.get("/v1/readiness?limit=1").json()["totals"]
    counts = board.get_by_role("group", name="Show only these verdicts")
    for verdict, word in (("late", "Late"), ("ready", "Ready"), ("unplanned", "No plan")):
        expect(counts.get_by_role("button", name=word)).to_contain_text(str(totals[verdict]))
    late = counts.get_by_role("button", name="Late")
    late.click()
    expect(result(board)).to_have_text(f"{totals['late']} of {ALL} schools")
    expect(late).to_have_attribute("aria-pressed", "true")
    expect(late).to_be_focused()
    assert "verdict=late" in board.url
    counts.get_by_role("button", name="Ready").click()
    expect(result(board)).to_have_text(f"{totals['late'] + totals['ready']} of {ALL} schools")
    late.click()
    counts.get_by_role("button", name="Ready").click()
    expect(result(board)).to_have_text(f"{ALL} schools")
    assert "verdict" not in board.url


def test_search_network_and_wave_narrow_and_the_address_keeps_them(
    board: Page, visitor: Visitor
) -> None:
    board.get_by_label("Network").select_option("North Side Schools")
    expect(result(board)).to_have_text(f"3 of {ALL} schools")
    search(board, "academy")
    expect(result(board)).to_have_text(f"1 of {ALL} schools")
    assert names(board) == ["Alpha Academy"]
    address = board.url
    board.get_by_label("Wave").select_option("B")
    expect(board.get_by_text("No school matches these filters.")).to_be_visible()
    board.get_by_role("button", name="Show all schools").click()
    expect(result(board)).to_have_text(f"{ALL} schools")
    board.goto(address)
    expect(result(board)).to_have_text(f"1 of {ALL} schools")
    expect(board.get_by_role("searchbox")).to_have_value("academy")


@pytest.mark.parametrize(
    "column",
    ["School", "Network", "Devices", "Change", "Training", "Verdict", "Gates", "Ready on"],
)
def test_every_column_sorts_both_ways(board: Page, column: str) -> None:
    header = board.get_by_role("columnheader", name=column)
    seen = []
    for _ in range(2):
        header.get_by_role("button").click()
        seen.append(header.get_attribute("aria-sort"))
        assert re.search(r"[?&]sort=", board.url) or seen[-1] == "ascending"
    assert set(seen) == {"ascending", "descending"}
    expect(header.get_by_role("button")).to_be_focused()


def test_sorting_puts_schools_in_order(board: Page) -> None:
    button = board.get_by_role("columnheader", name="School").get_by_role("button")
    button.click()
    assert names(board)[:3] == ["Alpha Academy", "Bravo High School", "Charlie Elementary"]
    button.click()
    assert names(board)[:2] == ["Echo Charter School", "Delta School"]


def test_what_has_no_value_comes_last_in_both_directions(board: Page) -> None:
    header = board.get_by_role("columnheader", name="Ready on").get_by_role("button")
    for _ in range(2):
        header.click()
        assert not names(board)[0].startswith("Crowd")


def test_only_the_rows_near_the_window_exist(board: Page) -> None:
    assert board.locator(".board tbody tr[data-index]").count() < ALL / 2
    expect(board.get_by_role("table")).to_have_attribute("aria-rowcount", str(ALL + 1))
    board.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = board.locator(f'tr[aria-rowindex="{ALL + 1}"]')
    expect(last).to_be_visible()
    assert board.locator(".board tbody tr[data-index]").count() < ALL / 2


def test_the_keyboard_walks_the_rows(board: Page) -> None:
    board.keyboard.press("/")
    expect(board.get_by_role("searchbox")).to_be_focused()
    board.keyboard.type("crowd school")
    expect(result(board)).to_have_text(f"{CROWD} of {ALL} schools")
    first = board.get_by_role("link", name="Crowd School 000")
    first.focus()
    board.keyboard.press("ArrowDown")
    expect(board.get_by_role("link", name="Crowd School 001")).to_be_focused()
    board.keyboard.press("End")
    expect(board.get_by_role("link", name=f"Crowd School {CROWD - 1}")).to_be_focused()
    expect(board.get_by_role("link", name=f"Crowd School {CROWD - 1}")).to_be_in_viewport()
    board.keyboard.press("Home")
    expect(first).to_be_focused()
    board.keyboard.press("PageDown")
    expect(first).not_to_be_focused()
    board.keyboard.press("Home")
    board.keyboard.press("Enter")
    expect(board.get_by_role("heading", name="Crowd School 000")).to_be_visible()


def test_a_school_opens_and_back_finds_the_same_place(board: Page) -> None:
    search(board, "crowd")
    link = board.get_by_role("link", name="Crowd School 060")
    board.get_by_role("link", name="Crowd School 000").focus()
    for _ in range(60):
        board.keyboard.press("ArrowDown")
    expect(link).to_be_focused()
    link.click()
    expect(board.get_by_role("heading", name="Crowd School 060")).to_be_visible()
    board.go_back()
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    expect(board.get_by_role("searchbox")).to_have_value("crowd")


def test_the_csv_holds_what_the_filters_leave(board: Page) -> None:
    board.get_by_label("Network").select_option("North Side Schools")
    board.get_by_role("group", name="Show only").get_by_role("button", name="Late").click()
    with board.expect_download() as started:
        board.get_by_role("link", name="CSV").click()
    text = started.value.path().read_text(encoding="utf-8-sig")
    assert [line["code"] for line in csv.DictReader(io.StringIO(text))] == ["ALPHA"]


def test_what_another_client_changes_appears_by_itself(board: Page, world: World) -> None:
    expect(board.locator(".live")).to_have_text("Live")
    delta = row(board, "Delta School")
    expect(delta.locator(".col-verdict")).to_have_text("On track")
    search(board, "delta")
    delta.get_by_role("link").focus()
    for key in ("change.prepare", "change.pilot", "pd.core"):
        post(world, f"/v1/tasks/{task_id(world, 'DELTA', key)}/complete")
    expect(delta.locator(".col-verdict")).to_have_text("Ready")
    # Who was reading it still is.
    expect(delta.get_by_role("link")).to_be_focused()


def test_without_the_event_stream_the_board_says_so_and_comes_back(
    visitor: Visitor, world: World
) -> None:
    page = visitor.page
    visitor.expected = {503}
    page.route("**/v1/events", lambda route: route.fulfill(status=503))
    visitor.open("/")
    expect(page.locator(".live")).to_have_text("Reconnecting")
    expect(row(page, "Alpha Academy")).to_be_visible()
    page.unroute("**/v1/events")
    expect(page.locator(".live")).to_have_text("Live")


def test_on_a_phone_rows_are_cards_and_nothing_sticks_out(
    browser: Browser, world: World, signed_in: object
) -> None:
    size = {"width": 390, "height": 844}
    with visiting(browser, world, storage_state=signed_in, viewport=size) as visitor:
        visitor.open("/")
        card = row(visitor.page, "Alpha Academy")
        expect(card).to_be_visible()
        expect(visitor.page.get_by_label("Sort by")).to_be_visible()
        box = card.bounding_box()
        assert box is not None
        assert box["height"] > 100
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        visitor.page.get_by_label("Sort by").select_option("School")
        assert names(visitor.page)[0] == "Alpha Academy"
