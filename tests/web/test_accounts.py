"""Accounts: a roster is dropped, looked at, applied; a held one is approved, one is undone."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from api import wiring
from api.accounts.jobs import secret_of
from api.accounts.run import run_import
from api.accounts.undo import undo_import
from api.auth.rules import Role
from api.auth.service import create_user
from api.db.pool import Database
from api.db.uow import WriteSession
from tests.accounts.conftest import csv_of, student
from tests.web.conftest import Visitor, visiting
from tests.web.test_access import SCHEMES, WIDTHS, violations
from tests.web.world import (
    PASSWORD,
    VIEWER,
    World,
    in_database,
    in_thread,
    one_time_link,
    post,
)


def do_jobs(world: World) -> None:
    """What a worker does with what waits."""
    runs = world.api.get("/v1/account-imports?limit=1000").json()["items"]

    async def work() -> None:
        url = world.settings.database_url
        assert url is not None
        secret = secret_of(world.settings)
        async with Database(url, world.settings, wiring.build_bus()) as database:
            for run in runs:
                if run["state"] == "queued":
                    await run_import(database, secret, UUID(run["id"]))
                elif (run["undo"] or {}).get("state") == "running":
                    await undo_import(database, secret, UUID(run["id"]))

    in_thread(work)


def roster(first: int, count: int, school: str, **given: str) -> bytes:
    return csv_of(student(number, school, **given) for number in range(first, first + count))


def new_school(world: World, code: str) -> str:
    """A school of this test's own."""
    post(world, "/v1/schools", {"code": code, "name": f"School {code}", "network": "SOUTH"})
    return code


def sent(world: World, body: bytes, **query: str) -> str:
    """The id of a run that has ended."""
    answer = world.api.post("/v1/account-imports", params=query, content=body)
    assert answer.status_code == 202, answer.text
    do_jobs(world)
    return str(answer.json()["id"])


def chosen(page: Page, body: bytes, name: str = "roster.csv") -> None:
    file: FilePayload = {"name": name, "mimeType": "text/csv", "buffer": body}
    page.get_by_label("Drop a file here").set_input_files(file)


def counted(place: Locator, name: str) -> Locator:
    return place.locator(".counts div", has_text=name).locator("dd")


def accounts_of(world: World, school: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = world.api.get(f"/v1/accounts?school={school}").json()["items"]
    return items


def test_a_roster_is_previewed_and_then_applied(visitor: Visitor, world: World) -> None:
    school = new_school(world, "KILO")
    page = visitor.page
    visitor.open("/accounts")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator(".drop")).to_contain_text("Choose a file first.")
    rows = roster(100, 12, school) + b"s99999,NOWHERE,Zed,Zulu,3\n"
    chosen(page, rows)
    page.get_by_label("Network").select_option("SOUTH")
    page.get_by_role("button", name="Preview").click()
    bench = page.get_by_role("region", name="This roster")
    expect(bench.get_by_role("progressbar", name="How far it is")).to_be_visible()
    do_jobs(world)
    expect(bench.locator(".badge").first).to_have_text("Previewed")
    expect(counted(bench, "Created")).to_have_text("12")
    expect(counted(bench, "Rejected")).to_have_text("1")
    issue = bench.get_by_role("table", name="Rejected rows").get_by_role("row").last
    expect(issue.locator("code")).to_have_text("school-unknown")
    expect(issue).to_contain_text("NOWHERE")
    # Dana may not see names, and the rows would be some.
    expect(bench.get_by_role("link", name="Download them to correct")).to_have_count(0)
    sample = bench.get_by_role("table", name=re.compile("Created: the first"))
    expect(sample.get_by_role("rowheader").first).to_have_text("s00100")
    assert accounts_of(world, school) == [], "looking at it changes nothing"
    assert violations(page) == []
    bench.get_by_role("button", name="Apply").click()
    expect(bench.locator(".badge").first).not_to_have_text("Previewed")
    do_jobs(world)
    expect(bench.locator(".badge").first).to_have_text("Applied")
    assert len(accounts_of(world, school)) == 12
    latest = page.get_by_role("table", name="Imports").get_by_role("row").nth(1)
    expect(latest).to_contain_text("Applied")
    expect(latest).to_contain_text("by you")


def test_a_roster_may_be_dropped(visitor: Visitor, world: World) -> None:
    page = visitor.page
    visitor.open("/accounts")
    page.locator(".drop").wait_for()
    data = page.evaluate_handle(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["sourced_id,school\\n"], "dropped.csv", { type: "text/csv" }));
          return data;
        }"""
    )
    page.dispatch_event(".drop", "dragover", {"dataTransfer": data})
    expect(page.locator(".drop[data-over]")).to_be_visible()
    page.dispatch_event(".drop", "drop", {"dataTransfer": data})
    expect(page.locator(".drop")).to_contain_text("dropped.csv")
    expect(page.locator(".drop[data-over]")).to_have_count(0)


def test_a_file_that_cannot_be_read_says_so(visitor: Visitor, world: World) -> None:
    page = visitor.page
    visitor.open("/accounts")
    chosen(page, b"name,age\nAda,9\n")
    page.get_by_role("button", name="Preview").click()
    bench = page.get_by_role("region", name="This roster")
    expect(bench.locator(".badge").first).to_be_visible()
    do_jobs(world)
    expect(bench.locator(".badge").first).to_have_text("Failed")
    expect(bench.locator(".problem")).to_contain_text("column")


def test_a_held_import_is_approved(visitor: Visitor, world: World) -> None:
    school = new_school(world, "LIMA")
    query = {"network": "SOUTH", "source": "lima", "snapshot": "full"}
    sent(world, roster(200, 20, school), **query)
    held = sent(world, roster(200, 9, school), **query)
    page = visitor.page
    visitor.open("/accounts?state=held")
    page.get_by_role("table", name="Imports").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(held))
    notice = page.locator(".notice")
    expect(notice).to_contain_text("Held until somebody approves it")
    expect(notice).to_contain_text("11 of 20 students would be missing, more than 10 %.")
    expect(notice).to_contain_text("At LIMA 11 of 20 would be missing.")
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.locator("#toasts")).to_contain_text("Approved")
    do_jobs(world)
    expect(page.locator(".run-head .badge")).to_have_text("Applied")
    statuses = [one["status"] for one in accounts_of(world, school)]
    assert statuses.count("missing") == 11
    expect(page.locator(".fine", has_text="approved by you")).to_be_visible()


def test_an_import_is_undone(visitor: Visitor, world: World) -> None:
    school = new_school(world, "MIKE")
    run = sent(world, roster(300, 8, school), network="SOUTH", source="mike")
    assert len(accounts_of(world, school)) == 8
    page = visitor.page
    visitor.open(f"/accounts/{run}")
    page.get_by_role("button", name="Undo").click()
    dialog = page.get_by_role("dialog", name="Undo this import")
    expect(dialog).to_contain_text("8 accounts it made will be removed")
    dialog.get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("It is being undone.")
    do_jobs(world)
    expect(page.locator(".run-head .badge")).to_have_text("Undone")
    expect(page.get_by_role("main")).to_contain_text("8 accounts put back.")
    assert accounts_of(world, school) == []


def test_a_waiting_import_is_cancelled(visitor: Visitor, world: World) -> None:
    school = new_school(world, "NOVEMBER")
    answer = world.api.post("/v1/account-imports?network=SOUTH", content=roster(400, 3, school))
    page = visitor.page
    visitor.open(f"/accounts/{answer.json()['id']}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".run-head .badge")).to_have_text("Cancelled")
    do_jobs(world)
    assert accounts_of(world, school) == []


def test_rejected_rows_are_downloaded_to_be_corrected(browser: Browser, world: World) -> None:
    email = "noor@schools.example"

    async def noor(session: WriteSession) -> None:
        await create_user(session, email=email, name="Noor", role=Role.ops, sees_names=True)

    in_database(world.settings, noor)
    school = new_school(world, "PETREL")
    run = sent(world, roster(600, 3, school, grade="15"), network="SOUTH", source="petrel")
    with visiting(browser, world) as visitor:
        page = visitor.page
        visitor.open(f"/sign-in#token={one_time_link(world, email)}")
        page.get_by_role("navigation", name="Pages").wait_for()
        visitor.open(f"/accounts/{run}")
        with page.expect_download() as download:
            page.get_by_role("link", name="Download them to correct").click()
        rows = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(rows) == 4
    assert "s00600" in rows[1]


def test_who_may_not_see_names_has_no_page_of_them(browser: Browser, world: World) -> None:
    with visiting(browser, world) as visitor:
        page = visitor.page
        visitor.open("/sign-in")
        page.get_by_label("Email").fill(VIEWER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("navigation", name="Pages").wait_for()
        expect(page.get_by_role("link", name="Accounts")).to_have_count(0)


@pytest.fixture(scope="module")
def held(world: World) -> str:
    """A held import with rejected rows and samples; its id."""
    school = new_school(world, "OSCAR")
    query = {"network": "SOUTH", "source": "oscar", "snapshot": "full"}
    sent(world, roster(500, 40, school), **query)
    few = roster(500, 10, school, family_name="Renamed") + roster(900, 3, school, grade="15")[52:]
    return sent(world, few, **query)


@pytest.mark.parametrize("name", ["list", "import"])
def test_axe_finds_nothing_and_nothing_sticks_out(visitor: Visitor, held: str, name: str) -> None:
    page = visitor.page
    visitor.open("/accounts" if name == "list" else f"/accounts/{held}")
    page.locator(".sheet tbody tr").first.wait_for()
    if name == "import":
        page.locator(".notice").wait_for()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert violations(page) == [], f"{scheme}, {width} px"
    for width in (390, 768, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
