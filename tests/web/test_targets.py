"""Targets: what waits and what was given up is seen, tried again, handed off; cards and exports."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, FilePayload, Locator, Page, expect

from api.auth.rules import Role
from api.auth.service import create_user
from api.db.uow import WriteSession
from tests.web.conftest import Visitor, visiting
from tests.web.test_access import SCHEMES, WIDTHS, violations
from tests.web.test_accounts import new_school, roster, sent
from tests.web.world import World, in_database, one_time_link, post

STUDENTS = 12


def in_tables(world: World, statement: str) -> None:
    """What a runner would have found out at a target that is not there."""
    assert world.settings.database_url is not None
    with psycopg.connect(world.settings.database_url) as connection:
        connection.execute(statement.encode())


def panel(page: Page, slug: str) -> Locator:
    return page.get_by_role("region", name=f"Target {slug}", exact=True)


def counted(place: Locator, name: str) -> Locator:
    return place.locator(".counts div", has_text=name).locator("dd")


@pytest.fixture(scope="module")
def school(world: World) -> str:
    """A school whose students have accounts."""
    code = new_school(world, "QUEBEC")
    body = roster(2_000, STUDENTS, code, email="")
    sent(world, body, network="SOUTH", source="quebec")
    return code


@pytest.fixture(scope="module")
def targets(world: World, school: str) -> dict[str, Any]:
    """One that is called, with accounts in every state, and two that are handed files."""
    by_file = {"kind": "csv", "required": False}
    kinds: dict[str, dict[str, Any]] = {
        "identity": {"base_url": "https://identity.example/scim/v2", "token": "secret-1"},
        "reading": by_file,
        "maths": by_file,
    }
    made = {
        slug: post(world, "/v1/targets", {"network": "SOUTH", "slug": slug, **given})
        for slug, given in kinds.items()
    }
    rows = f"target_accounts WHERE target_id = '{made['identity']['id']}' ORDER BY account_id"
    in_tables(
        world,
        "UPDATE target_accounts SET observed = 'active', observed_digest = desired_digest,"
        " next_try_at = NULL, remote_id = account_id::text"
        f" WHERE (target_id, account_id) IN (SELECT target_id, account_id FROM {rows} LIMIT 5)",
    )
    in_tables(
        world,
        "UPDATE target_accounts SET dead_at = now(), next_try_at = NULL, attempts = 3,"
        " last_error = 'name-taken'"
        " WHERE (target_id, account_id) IN"
        f" (SELECT target_id, account_id FROM {rows} OFFSET 5 LIMIT 2)",
    )
    return made


@pytest.fixture(scope="module")
def noor(browser: Browser, world: World) -> Any:
    """The cookies of Noor, who may see names."""
    email = "noor@targets.example"

    async def add(session: WriteSession) -> None:
        await create_user(session, email=email, name="Noor", role=Role.ops, sees_names=True)

    in_database(world.settings, add)
    with visiting(browser, world) as visitor:
        visitor.open(f"/sign-in#token={one_time_link(world, email)}")
        visitor.page.get_by_role("navigation", name="Pages").wait_for()
        return visitor.page.context.storage_state()


@pytest.fixture
def named(browser: Browser, world: World, noor: Any) -> Iterator[Visitor]:
    """Noor's window."""
    with visiting(browser, world, storage_state=noor) as opened:
        yield opened


def test_a_target_tells_what_waits_and_what_was_given_up(
    visitor: Visitor, world: World, targets: dict[str, Any]
) -> None:
    page = visitor.page
    visitor.open("/targets")
    identity = panel(page, "identity")
    expect(identity.locator(".badge")).to_have_text("2 given up")
    status = world.api.get(f"/v1/targets/{targets['identity']['id']}/status").json()
    expect(counted(identity, "There")).to_have_text("5")
    expect(counted(identity, "Given up")).to_have_text("2")
    expect(counted(identity, "Waiting")).to_have_text(str(status["waiting"]))
    expect(identity).to_contain_text(f"({status['waiting']} to create): {status['remaining']}")
    identity.get_by_role("link", name="Another account there has the username").click()
    table = page.get_by_role("table", name="Accounts at the target")
    expect(table.get_by_role("row")).to_have_count(3)
    expect(table).to_contain_text("tried 3 times")
    expect(table).to_contain_text("QUEBEC")
    table.get_by_role("button", name=re.compile("^Retry")).first.click()
    expect(page.locator("#toasts")).to_contain_text("1 account will be tried again.")
    expect(table.get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="Retry given up: identity").click()
    expect(page.locator(".empty")).to_have_text("Nothing matches these filters.")
    assert violations(page) == []


def test_a_target_is_added_paused_given_another_token_and_removed(
    visitor: Visitor, world: World
) -> None:
    page = visitor.page
    visitor.open("/targets")
    page.get_by_role("button", name="Add a target").click()
    dialog = page.get_by_role("dialog", name="Add a target")
    dialog.get_by_label("Network").select_option("NORTH")
    dialog.get_by_label("Short name").fill("library")
    dialog.get_by_label("Address of its SCIM service").fill("http://library.example/scim")
    assert violations(page) == []
    visitor.expected.add(422)
    dialog.get_by_role("button", name="Add target").click()
    expect(dialog.locator(".wrong")).to_contain_text("https")
    dialog.get_by_label("Address of its SCIM service").fill("https://library.example/scim")
    dialog.get_by_label("Token").fill("a token")
    dialog.get_by_label("Paused").check()
    dialog.get_by_label("Send initial passwords").check()
    dialog.get_by_label("Kind").select_option("csv")
    expect(dialog.get_by_label("Send initial passwords")).not_to_be_visible()
    dialog.get_by_label("Kind").select_option("scim")
    dialog.get_by_role("button", name="Add target").click()
    library = panel(page, "library")
    expect(library.locator(".badge")).to_have_text("Paused")
    expect(library).to_contain_text("Sends initial passwords")
    library.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Edit library")
    expect(dialog.get_by_label("Token")).to_have_value("")
    dialog.get_by_label("Accounts a minute, at most").fill("90")
    dialog.get_by_label("Paused").uncheck()
    expect(dialog.get_by_label("Send initial passwords")).to_be_checked()
    dialog.get_by_label("Send initial passwords").uncheck()
    dialog.get_by_role("button", name="Save").click()
    expect(library).to_contain_text("At most 90 a minute")
    expect(library.locator(".badge")).to_have_text("Up to date")
    expect(library).not_to_contain_text("Sends initial passwords")
    [made] = world.api.get("/v1/targets?network=NORTH").json()["items"]
    assert (made["has_token"], made["rate_per_minute"], made["paused"]) == (True, 90, False)
    assert made["sends_passwords"] is False
    library.get_by_role("button", name="Remove").click()
    dialog = page.get_by_role("dialog", name="Remove library")
    assert violations(page) == []
    dialog.get_by_role("button", name="Remove target").click()
    expect(library).to_have_count(0)
    assert world.api.get("/v1/targets?network=NORTH").json()["items"] == []


def test_a_file_is_handed_off_and_confirmed(named: Visitor, targets: dict[str, Any]) -> None:
    page = named.page
    named.open("/targets")
    reading = panel(page, "reading")
    expect(reading).to_contain_text("for the next file")
    reading.get_by_role("button", name="Make a file").click()
    expect(reading.locator(".badge")).to_have_text("Handed off")
    expect(reading).to_contain_text("accounts are in a file that is not confirmed yet.")
    with page.expect_download() as download:
        reading.get_by_role("button", name="Download").click()
    lines = download.value.path().read_text().splitlines()
    assert len(lines) > STUDENTS
    assert any(",QUEBEC" in line for line in lines)
    reading.get_by_role("button", name="Confirm").click()
    page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    expect(reading.locator(".badge")).to_have_text("Up to date")
    expect(reading).to_contain_text("all settled")


def test_a_targets_own_results_are_sent(named: Visitor, targets: dict[str, Any]) -> None:
    page = named.page
    named.open("/targets")
    maths = panel(page, "maths")
    maths.get_by_role("button", name="Make a file").click()
    with page.expect_download() as download:
        maths.get_by_role("button", name="Download").click()
    first, *others = download.value.path().read_text().splitlines()[1:]
    results = ["account_id,result", f"{first.partition(',')[0]},refused"]
    results += [f"{line.partition(',')[0]},ok" for line in others]
    maths.get_by_role("button", name="Send results").click()
    dialog = page.get_by_role("dialog", name="Results of maths")
    file: FilePayload = {
        "name": "results.csv",
        "mimeType": "text/csv",
        "buffer": "\n".join(results).encode(),
    }
    dialog.get_by_label("The target's file").set_input_files(file)
    dialog.get_by_role("button", name="Send").click()
    expect(page.locator("#toasts")).to_contain_text(f"{len(others)} confirmed, 1 refused")
    expect(maths.locator(".badge")).to_have_text("1 given up")


def test_cards_are_made_and_handed_out_once(named: Visitor, world: World, school: str) -> None:
    page = named.page
    named.open("/targets")
    row = page.get_by_role("table", name="Login cards").get_by_role("row").filter(has_text=school)
    row.get_by_role("button", name="Make passwords").click()
    dialog = page.get_by_role("dialog", name=f"Passwords for {school}")
    dialog.get_by_role("button", name="Make passwords").click()
    expect(page.locator("#toasts")).to_contain_text(f"{STUDENTS} passwords made")
    expect(row).to_contain_text("0 told to a system")
    row.get_by_role("button", name="Print cards").click()
    dialog = page.get_by_role("dialog", name=f"Login cards of {school}")
    named.expected.add(409)
    dialog.get_by_role("button", name="Hand out").click()
    expect(dialog.locator(".problem")).to_contain_text("No system")
    dialog.get_by_label("Also passwords that no system has been told").check()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Hand out").click()
    assert download.value.suggested_filename == f"login-cards-{school}.html"
    assert download.value.path().read_text().count("<li>") == STUDENTS
    expect(row.get_by_role("button", name="Print cards")).to_have_count(0)


def test_an_export_is_saved_and_written_down(named: Visitor, world: World, school: str) -> None:
    page = named.page
    named.open("/targets")
    form = page.get_by_role("region", name="Exports")
    form.get_by_label("Network").select_option("SOUTH")
    form.get_by_label("School").fill(school)
    form.get_by_label("Format", exact=True).select_option("google")
    named.expected.add(409)
    form.get_by_role("button", name="Export").click()
    expect(form.locator(".problem")).to_contain_text("cannot be in this file")
    form.get_by_label("Domain").fill("students.example.org")
    form.get_by_label("Handed to").fill("Google Workspace")
    with page.expect_download() as download:
        form.get_by_role("button", name="Export").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert len(lines) == STUDENTS + 1
    form.get_by_label("Domain").fill("")
    form.get_by_label("Format", exact=True).select_option("oneroster")
    with page.expect_download() as download:
        form.get_by_role("button", name="Export").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
        assert "users.csv" in archive.namelist()
    told = world.api.get("/v1/disclosures?network=SOUTH").json()["items"]
    exports = [one for one in told if one["purpose"] == "export"]
    assert [(one["recipient"], one["students"]) for one in exports] == [
        ("Google Workspace", STUDENTS),
        ("Google Workspace", STUDENTS),
    ]


def test_who_may_not_see_names_is_offered_no_cards(visitor: Visitor, school: str) -> None:
    visitor.open("/targets")
    expect(visitor.page.get_by_role("main")).to_contain_text("they are for who may see those")
    expect(visitor.page.get_by_role("region", name="Exports")).to_have_count(0)


@pytest.mark.parametrize("name", ["list", "target"])
def test_axe_finds_nothing_and_nothing_sticks_out(
    named: Visitor, targets: dict[str, Any], name: str
) -> None:
    page = named.page
    named.open("/targets" if name == "list" else f"/targets/{targets['identity']['id']}")
    page.locator(".target .counts").first.wait_for()
    page.locator(".sheet tbody tr").first.wait_for()
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width, height in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            assert violations(page) == [], f"{scheme}, {width} px"
    for width in (390, 768, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
