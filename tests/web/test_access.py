"""Usable by everybody: axe on every page, by keyboard alone, at every width, on paper."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.web.conftest import Visitor, visiting
from tests.web.world import World

_AXE = Axe().axe_script
PAGES = {
    "board": ("/", "tr[data-index]"),
    "actions": ("/actions", ".actions li"),
    "timeline": ("/schools/ALPHA", ".gantt-chart"),
    "graph": ("/schools/ALPHA?view=graph", ".graph-chart"),
    "tasks": ("/schools/ALPHA?view=tasks", ".tasks"),
    "ready": ("/schools/BRAVO", ".verdict-sentence"),
    "unplanned": ("/schools/CROWD-000", ".verdict-sentence"),
    "missing": ("/nowhere", "h1"),
}
WIDTHS = {390: 844, 1280: 800}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def violations(page: Page) -> list[str]:
    """What axe finds by WCAG 2.2 AA and its best practices."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    found = page.evaluate(
        "axe.run({resultTypes: ['violations']}).then((results) => results.violations)"
    )
    return [
        f"{one['id']}: {node['target']} {node.get('failureSummary', '')}"
        for one in found
        for node in one["nodes"][:3]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(visitor: Visitor, name: str) -> None:
    path, shown = PAGES[name]
    page = visitor.page
    visitor.open(path)
    page.locator(shown).first.wait_for()
    expect(page.locator(".live")).to_have_text("Live")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert violations(page) == [], f"{scheme}, {width} px"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_where_one_signs_in(browser: Browser, world: World, scheme: str) -> None:
    with visiting(browser, world, color_scheme=scheme) as visitor:
        visitor.open("/sign-in")
        visitor.page.get_by_role("button", name="Sign in").wait_for()
        assert violations(visitor.page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_dialogs_menus_and_notices(
    browser: Browser, world: World, signed_in: object, scheme: str
) -> None:
    with visiting(browser, world, storage_state=signed_in, color_scheme=scheme) as visitor:
        page = visitor.page
        visitor.expected = {409}
        visitor.open("/schools/ALPHA")
        page.locator(".blocker").get_by_role("button", name="Complete").click()
        page.get_by_role("dialog", name="Complete it all the same?").wait_for()
        assert violations(page) == []
        page.keyboard.press("Escape")
        page.locator(".blocker h3 button").click()
        page.get_by_role("dialog", name="Receive PO-118").wait_for()
        assert violations(page) == []
        page.keyboard.press("Escape")
        page.locator("summary").click()
        page.get_by_role("button", name="Sign out").wait_for()
        assert violations(page) == []
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        expect(page.locator("summary")).to_be_focused()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out_sideways(visitor: Visitor, name: str) -> None:
    path, shown = PAGES[name]
    visitor.open(path)
    visitor.page.locator(shown).first.wait_for()
    for width in (390, 768, 1280, 1920):
        visitor.page.set_viewport_size({"width": width, "height": 900})
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_tab_stop_skips_to_the_content(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/schools/ALPHA")
    page.locator(".verdict-sentence").wait_for()
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("main").get_by_role("link", name="Board")).to_be_focused()


def test_going_to_a_page_takes_the_focus_to_its_heading(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/")
    page.get_by_role("link", name="Alpha Academy").wait_for()
    page.get_by_role("link", name="Actions").focus()
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="Next actions")
    expect(heading).to_be_focused()
    expect(page).to_have_title("Next actions · FirstBell")
    expect(page.get_by_role("link", name="Actions", exact=True)).to_have_attribute(
        "aria-current", "page"
    )


def test_a_dialog_keeps_the_keyboard_and_gives_it_back(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/schools/ALPHA")
    button = page.locator(".blocker").get_by_role("button", name="Request waiver")
    button.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for _ in range(8):
        page.keyboard.press("Tab")
        inside = "document.activeElement.closest('dialog') !== null"
        # Past the last field the keyboard may visit the browser's own controls, never the page.
        assert page.evaluate(f"document.activeElement === document.body || {inside}")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()


def test_the_focus_is_always_visible(visitor: Visitor) -> None:
    page = visitor.page
    visitor.open("/schools/ALPHA")
    page.locator(".verdict-sentence").wait_for()
    for _ in range(25):
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
              const style = getComputedStyle(document.activeElement);
              const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
              return ring || document.activeElement.matches(".node") ||
                document.activeElement === document.body;
            }"""
        )
        assert seen, page.evaluate("document.activeElement.outerHTML")


def test_on_paper_every_row_is_there_and_no_button(visitor: Visitor, world: World) -> None:
    page = visitor.page
    visitor.open("/")
    page.get_by_role("link", name="Alpha Academy").wait_for()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    rows = page.locator(".board tbody tr[data-index]")
    schools = len(world.api.get("/v1/readiness?limit=1000").json()["items"])
    expect(rows).to_have_count(schools)
    expect(page.locator(".top")).to_be_hidden()
    expect(page.locator(".controls").first).to_be_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert rows.count() < schools
