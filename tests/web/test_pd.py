"""PD: a session is planned, filled, moved, held and cancelled; calendars follow it."""

from __future__ import annotations

import csv
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from icalendar import Calendar, Component
from playwright.sync_api import Browser, Page, expect

from tests.web.conftest import Visitor, visiting
from tests.web.test_access import SCHEMES, WIDTHS, violations
from tests.web.training import Training, add_person, course, plan, prepare, register
from tests.web.world import PASSWORD, VIEWER, World, post


@pytest.fixture(scope="module")
def training(world: World) -> Training:
    return prepare(world)


def open_session(visitor: Visitor, session: str) -> Page:
    visitor.open(f"/pd/sessions/{session}")
    visitor.page.get_by_role("region", name="Registered").wait_for()
    return visitor.page


def curl(*arguments: str) -> str:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done.stdout


def events(feed: Path) -> dict[str, Component]:
    found = Calendar.from_ical(feed.read_bytes()).events
    return {str(event["uid"]): event for event in found}


def test_a_session_is_planned_and_filled_until_somebody_waits(
    visitor: Visitor, world: World, training: Training
) -> None:
    page = visitor.page
    visitor.open("/pd")
    page.get_by_role("button", name="New session").click()
    dialog = page.get_by_role("dialog", name="New session")
    dialog.get_by_label("Course").select_option("devices")
    dialog.get_by_label("School").fill("CHARLIE")
    dialog.get_by_label("Room").fill("Room 7")
    starts = training.monday + timedelta(days=15)
    dialog.get_by_label("Starts").fill(f"{starts}T09:00")
    # As long as the course, until somebody says otherwise.
    expect(dialog.get_by_label("Ends")).to_have_value(f"{starts}T11:00")
    dialog.get_by_label("Seats").fill("2")
    dialog.get_by_label("Trainer").select_option("outside")
    dialog.get_by_label("Name").fill("Noor Haddad")
    dialog.get_by_role("button", name="Plan the session").click()
    page.get_by_role("heading", name="Device routines").wait_for()
    expect(page.locator(".figures")).to_contain_text("09:00\N{EN DASH}11:00")
    expect(page.locator(".figures")).to_contain_text("Noor Haddad")
    page.get_by_role("button", name="Register").click()
    for name in ("Maya", "Wei", "Luis"):
        page.get_by_role("checkbox", name=re.compile(name)).check()
    page.get_by_role("dialog").get_by_role("button", name="Register").click()
    expect(page.locator(".outcomes .badge", has_text="Registered")).to_have_count(2)
    expect(page.locator(".outcomes")).to_contain_text("Waits, number 1")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("region", name="Registered")).to_contain_text("2 of 2")
    expect(page.get_by_role("table", name="Waitlist").locator("tbody tr")).to_have_count(1)


def test_a_seat_given_up_is_offered_to_who_waits_longest(
    visitor: Visitor, training: Training
) -> None:
    page = open_session(visitor, training.sessions["full"])
    waitlist = page.get_by_role("table", name="Waitlist")
    expect(waitlist.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Withdraw: Maya Lindqvist").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    offered = waitlist.get_by_role("row", name=re.compile("Tomás Ibarra"))
    expect(offered).to_contain_text("Seat offered")
    expect(page.get_by_role("region", name="Registered")).to_contain_text("2 of 3, 1 offered")
    expect(page.get_by_role("region", name="Told")).to_contain_text(
        "Tomás Ibarra: a seat is offered"
    )
    page.get_by_role("button", name="Accept: Tomás Ibarra").click()
    registered = page.get_by_role("table", name="Registered")
    expect(registered).to_contain_text("Tomás Ibarra")
    expect(registered).not_to_contain_text("Maya Lindqvist")
    expect(waitlist.locator("tbody tr")).to_have_count(1)


def test_calendars_follow_a_session_that_moves(
    visitor: Visitor, world: World, training: Training, tmp_path: Path
) -> None:
    staff = training.staff
    day = training.monday + timedelta(days=22)
    moving = plan(world, "core", day, "09:00", "12:00")
    register(world, moving, [staff["Hannah"]])
    taken = plan(world, "devices", day, "14:00", "16:00", trainer={"name": "Ines Duarte"})
    register(world, taken, [staff["Hannah"]])
    page = visitor.page
    visitor.open("/pd/calendars")
    page.get_by_role("button", name="New calendar link").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What it shows").select_option("person")
    dialog.get_by_label("Who").select_option(label="Abbott, Hannah, CHARLIE")
    dialog.get_by_role("button", name="Make the link").click()
    url = page.locator(".secret code").inner_text()
    page.get_by_role("button", name="Done").click()
    etag, feed = str(tmp_path / "etag"), tmp_path / "feed.ics"
    status = ("--write-out", "%{http_code}", "--output", str(feed))
    assert curl("--etag-save", etag, *status, url) == "200"
    before = events(feed)[f"pd-session-{moving}@firstbell"]
    assert curl("--etag-compare", etag, "--etag-save", etag, *status, url) == "304"

    open_session(visitor, moving)
    page.get_by_role("button", name="Reschedule").click()
    dialog = page.get_by_role("dialog")
    visitor.expected.add(409)
    dialog.get_by_label("Starts").fill(f"{day}T13:00")
    dialog.get_by_label("Ends").fill(f"{day}T16:00")
    dialog.get_by_role("button", name="Reschedule").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Double-booked")
    dialog.get_by_label("Starts").fill(f"{day}T10:00")
    dialog.get_by_label("Ends").fill(f"{day}T13:00")
    dialog.get_by_role("button", name="Reschedule").click()
    expect(page.locator(".figures")).to_contain_text("10:00\N{EN DASH}13:00")
    expect(page.get_by_role("region", name="Told")).to_contain_text("Hannah Abbott: rescheduled")

    assert curl("--etag-compare", etag, "--etag-save", etag, *status, url) == "200"
    after = events(feed)[f"pd-session-{moving}@firstbell"]
    assert after.decoded("dtstart") - before.decoded("dtstart") == timedelta(hours=1)
    assert after.decoded("sequence") > before.decoded("sequence")
    visitor.open("/pd/calendars")
    page.get_by_role("button", name="Revoke: My PD").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator("#toasts")).to_contain_text("The link is revoked.")
    assert world.api.get(url).status_code == 404


def test_attendance_is_taken_on_a_tablet_and_becomes_credit(
    browser: Browser, world: World, signed_in: object, training: Training, tmp_path: Path
) -> None:
    held = training.sessions["held"]
    tablet = {"viewport": {"width": 768, "height": 1024}, "has_touch": True}
    with visiting(browser, world, storage_state=signed_in, **tablet) as visitor:
        page = visitor.page
        open_session(visitor, held)
        page.get_by_role("link", name="Take attendance").tap()
        page.get_by_role("button", name="Not here: Omar Haddad").tap()
        page.get_by_role("button", name="Here: Wei Zhang", exact=True).tap()
        page.get_by_label("Hours of Wei Zhang").fill("1.5")
        page.get_by_role("button", name="Add a walk-in").tap()
        page.get_by_label("Who").select_option(label="Fontaine, Luis")
        page.get_by_role("button", name="Is here").tap()
        # What was said before the walk-in came is still there.
        expect(page.locator(".attendance-count")).to_have_text("2 here, 1 not, 4 open")
        page.get_by_role("button", name="All others are here").tap()
        for box in page.locator(".choice").all():
            size = box.bounding_box()
            assert size is not None
            assert size["height"] >= 44, "too small for a finger"
        page.get_by_role("button", name="Save attendance").tap()
        expect(page.locator("#toasts")).to_contain_text("the session is completed")
        expect(page.locator(".badge")).to_have_text("Completed")
        visitor.open("/pd/coverage?school=CHARLIE")
        covered = page.get_by_role("row", name=re.compile("Device routines"))
        # Half an hour is missing to one of them.
        expect(covered.locator("td[data-head=Done]")).to_have_text("5")
        visitor.open("/pd")
        with page.expect_download() as download:
            page.get_by_role("link", name="Credits as CSV").tap()
        saved = tmp_path / "credits.csv"
        download.value.save_as(saved)
    with saved.open(encoding="utf-8-sig", newline="") as file:
        hours = {row["family_name"]: row["hours"] for row in csv.DictReader(file)}
    assert (hours["Zhang"], hours["Fontaine"], hours["Lindqvist"]) == ("1.5", "2.0", "2.0")
    assert "Haddad" not in hours


def test_a_rule_that_blocks_is_set_and_then_named_where_it_blocks(
    visitor: Visitor, world: World, training: Training
) -> None:
    post(world, "/v1/schools", {"code": "FOXTROT", "name": "Foxtrot", "network": "SOUTH"})
    ida = add_person(world, "Ida", "Sorensen", school="FOXTROT")
    page = visitor.page
    visitor.open("/pd")
    page.get_by_role("button", name="Rules").click()
    dialog = page.get_by_role("dialog", name="Rules of PD")
    dialog.get_by_label("Network").select_option("SOUTH")
    dialog.get_by_label("Somebody is missed in class").select_option("block")
    dialog.get_by_label("Seat them at once, without asking").check()
    expect(dialog.get_by_label("Classes begin")).to_have_value("08:00")
    dialog.get_by_label("Classes end").fill("07:30")
    visitor.expected.add(422)
    dialog.get_by_role("button", name="Save the rules").click()
    expect(dialog).to_contain_text("Classes end after they begin")
    dialog.get_by_label("Classes end").fill("14:15")
    dialog.get_by_role("button", name="Save the rules").click()
    expect(dialog).to_have_count(0)
    said = world.api.get("/v1/networks/SOUTH/pd-rules").json()
    assert said["seat_at_once"]
    assert said["classes"] == {"begin": "08:00", "end": "14:15"}
    assert {one["rule"]: one["severity"] for one in said["rules"]}["substitute"] == "block"
    course(world, "south", "Southern routines", 2, network="SOUTH")
    day = training.monday + timedelta(days=1)
    session = plan(world, "south", day, "09:00", "11:00", school="FOXTROT")
    open_session(visitor, session)
    page.get_by_role("button", name="Register").click()
    page.get_by_role("checkbox", name=re.compile("Ida")).check()
    page.get_by_role("dialog").get_by_role("button", name="Register").click()
    expect(page.locator(".outcomes")).to_contain_text("blocks this")
    assert ida not in world.api.get(f"/v1/pd/sessions/{session}/registrations").text


def test_who_comes_confirms_after_a_move(
    visitor: Visitor, world: World, training: Training
) -> None:
    day = training.monday + timedelta(days=24)
    trainer = {"staff": training.staff["Luis"]}
    moving = plan(world, "core", day, "16:00", "18:00", trainer=trainer)
    register(world, moving, [training.staff["Hannah"]])
    page = open_session(visitor, moving)
    page.get_by_role("button", name="Reschedule").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Ends").fill(f"{day}T19:00")
    dialog.get_by_label("Starts").fill(f"{day}T17:00")
    dialog.get_by_role("button", name="Reschedule").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("region", name="Told")).to_contain_text("Luis Fontaine: rescheduled")
    seated = page.get_by_role("region", name="Registered")
    expect(seated).to_contain_text("1 to confirm")
    expect(seated).to_contain_text("asked whether they still come")
    seated.get_by_role("button", name="Confirm: Hannah Abbott").click()
    expect(page.locator("#toasts")).to_contain_text("Hannah Abbott still comes.")
    expect(seated).not_to_contain_text("to confirm")
    expect(seated.get_by_role("button", name="Withdraw: Hannah Abbott")).to_be_visible()


def test_a_cancelled_session_says_why_and_can_be_changed_no_more(
    visitor: Visitor, world: World, training: Training
) -> None:
    session = plan(world, "core", training.monday + timedelta(days=17), "09:00", "12:00")
    register(world, session, [training.staff["Grace"]])
    page = open_session(visitor, session)
    page.get_by_role("button", name="Cancel session").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1 person will be told")
    dialog.get_by_label("Why").fill("Heating failed")
    dialog.get_by_role("button", name="Cancel session").click()
    expect(page.locator(".school-title .badge")).to_have_text("Cancelled")
    expect(page.get_by_role("main")).to_contain_text("Heating failed")
    expect(page.get_by_role("button", name="Reschedule")).to_have_count(0)


def test_who_only_looks_is_offered_nothing_and_shown_no_names(
    browser: Browser, world: World, training: Training
) -> None:
    with visiting(browser, world) as visitor:
        page = visitor.page
        visitor.open("/sign-in")
        page.get_by_label("Email").fill(VIEWER)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("navigation", name="Pages").wait_for()
        open_session(visitor, training.sessions["full"])
        expect(page.get_by_role("table", name="Registered")).to_contain_text("t-omar")
        expect(page.get_by_role("main")).not_to_contain_text("Haddad")
        for name in ("Register", "Reschedule", "Trainer", "Cancel session"):
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)


@pytest.fixture(scope="module")
def busy(world: World, training: Training) -> Training:
    """Coverage to show, and a link."""
    task = {"key": "pd.core", "title": "Core course", "workstream": "pd", "kind": "pd"}
    world.api.post("/v1/schools/CHARLIE/tasks", json=task)
    post(world, "/v1/calendars", {"kind": "network", "network": "NORTH"})
    return training


PAGES = {
    "weeks": ("/pd", ".pd-card"),
    "session": ("/pd/sessions/{full}", ".sheet tbody tr"),
    "attendance": ("/pd/sessions/{held}/attendance", ".roll li"),
    "coverage": ("/pd/coverage", ".sheet tbody tr"),
    "calendars": ("/pd/calendars", ".sheet tbody tr"),
}


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_and_nothing_sticks_out(
    visitor: Visitor, busy: Training, name: str
) -> None:
    path, shown = PAGES[name]
    page = visitor.page
    visitor.open(path.format(**busy.sessions))
    page.locator(shown).first.wait_for()
    for scheme, width in zip(SCHEMES, WIDTHS, strict=True):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        assert violations(page) == [], f"{scheme}, {width} px"
    for width in (390, 768, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_axe_finds_nothing_in_the_dialogs(visitor: Visitor, busy: Training) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 390, "height": 844})
    for path, name in (
        ("/pd", "New session"),
        ("/pd", "Rules"),
        (f"/pd/sessions/{busy.sessions['free']}", "Register"),
        (f"/pd/sessions/{busy.sessions['free']}", "Reschedule"),
    ):
        visitor.open(path)
        page.get_by_role("button", name=name, exact=True).click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("button", name="Cancel").wait_for()
        assert violations(page) == [], name
        assert dialog.evaluate("one => one.scrollWidth <= one.clientWidth"), name
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
