"""The school page: the sentence, acting on what is in the way, the plan drawn three ways."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.conftest import Visitor, visiting
from tests.web.world import World, add_task, post, task_id


def new_school(world: World, code: str) -> str:
    """A school with one step before one gate, and evidence; of this test's own."""
    bell = world.first_bell.isoformat()
    school = {"code": code, "name": f"School {code}", "network": "SOUTH", "first_bell": bell}
    post(world, "/v1/schools", school)
    add_task(world, code, "change.prepare", "Prepare the pilot", duration_days=3)
    add_task(world, code, "change.pilot", "Teach a pilot", gate=True, depends_on=["change.prepare"])
    counted = add_task(world, code, "devices.count", "Count devices", kind="evidence", gate=True)
    post(world, f"/v1/tasks/{counted}/evidence", {"done": 1, "total": 4, "unit": "devices"})
    return code


def said(day: date) -> str:
    return f"{day.day} {day:%b}"


def status_of(world: World, school: str, key: str) -> str:
    return str(world.api.get(f"/v1/tasks/{task_id(world, school, key)}").json()["status"])


def blocker(page: Page, title: str) -> Locator:
    return page.locator(".blocker").filter(has=page.get_by_role("heading", name=title))


def open_school(visitor: Visitor, code: str) -> Page:
    visitor.open(f"/schools/{code}")
    visitor.page.locator(".verdict-sentence").wait_for()
    return visitor.page


def test_the_verdict_is_one_sentence_with_its_reason(visitor: Visitor, world: World) -> None:
    page = open_school(visitor, "ALPHA")
    sentence = page.locator(".verdict-sentence").inner_text()
    promised = world.first_bell + timedelta(days=2)
    ready = date.fromisoformat(
        world.api.get("/v1/schools/ALPHA/readiness").json()["forecast"]["ready_on"]
    )
    late = (ready - world.first_bell).days
    assert sentence == (
        f"Alpha Academy will be ready on {said(ready)}, {late} days after its first bell on"
        f" {said(world.first_bell)}, because Receive PO-118 is promised for {said(promised)},"
        " then Enroll in device management."
    )


def test_a_ready_school_says_so(visitor: Visitor) -> None:
    page = open_school(visitor, "BRAVO")
    expect(page.locator(".verdict-sentence")).to_contain_text("is ready for its first bell on")
    expect(page.locator(".verdict-sentence")).to_contain_text("its one gate is satisfied")
    expect(page.get_by_text("Nothing. Every gate")).to_be_visible()


def test_a_school_without_a_plan_gets_one_from_here(visitor: Visitor, world: World) -> None:
    page = open_school(visitor, "CROWD-001")
    expect(page.locator(".verdict-sentence")).to_contain_text("has no plan yet")


def test_start_then_complete_moves_the_verdict(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-1")
    page = open_school(visitor, code)
    prepare = blocker(page, "Prepare the pilot")
    prepare.get_by_role("button", name="Start").click()
    expect(prepare.locator(".why")).to_contain_text("In progress since")
    expect(page.locator("#toasts")).to_contain_text("Prepare the pilot: started.")
    prepare.get_by_role("button", name="Complete").click()
    expect(blocker(page, "Teach a pilot")).to_be_visible()
    expect(prepare).to_have_count(0)
    assert status_of(world, code, "change.prepare") == "done"


def test_a_blocked_task_is_completed_only_with_a_reason(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-2")
    visitor.expected = {409}
    page = open_school(visitor, code)
    page.get_by_role("tab", name="Tasks").click()
    page.get_by_role("table").get_by_role("button", name="Teach a pilot").click()
    task = page.get_by_role("dialog", name="Teach a pilot")
    task.get_by_role("button", name="Complete").click()
    ask = page.get_by_role("dialog", name="Complete it all the same?")
    expect(ask).to_contain_text("change.pilot waits for change.prepare")
    ask.get_by_role("button", name="Complete anyway").click()
    assert status_of(world, code, "change.pilot") == "pending"
    ask.get_by_label("Reason").fill("The principal has seen it work")
    ask.get_by_role("button", name="Complete anyway").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert status_of(world, code, "change.pilot") == "done"


def test_what_evidence_finishes_asks_for_a_reason_too(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-3")
    visitor.expected = {409}
    page = open_school(visitor, code)
    blocker(page, "Count devices").get_by_role("button", name="Complete").click()
    ask = page.get_by_role("dialog", name="Complete it all the same?")
    expect(ask).to_contain_text("finished by what is recorded for it")
    page.keyboard.press("Escape")
    expect(ask).to_have_count(0)
    assert status_of(world, code, "devices.count") == "in_progress"
    button = blocker(page, "Count devices").get_by_role("button", name="Complete")
    expect(button).to_be_focused()


def test_evidence_is_recorded_and_finishes_the_task(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-4")
    page = open_school(visitor, code)
    count = blocker(page, "Count devices")
    expect(count.locator(".why")).to_contain_text("3 of 4 devices outstanding")
    count.get_by_role("button", name="Record evidence").click()
    ask = page.get_by_role("dialog")
    expect(ask.get_by_label("Of (devices)")).to_have_value("4")
    ask.get_by_label("Done (devices)").fill("4")
    ask.get_by_role("button", name="Record", exact=True).click()
    expect(count).to_have_count(0)
    assert status_of(world, code, "devices.count") == "done"


def test_a_waiver_satisfies_its_gate_and_can_be_revoked(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-5")
    page = open_school(visitor, code)
    blocker(page, "Count devices").get_by_role("button", name="Request waiver").click()
    ask = page.get_by_role("dialog")
    ask.get_by_label("Reason").fill("Spares from the warehouse will do")
    ask.get_by_role("button", name="Request waiver").click()
    waivers = page.get_by_role("region", name="Waivers")
    expect(waivers).to_contain_text("Spares from the warehouse will do")
    expect(blocker(page, "Count devices")).to_have_count(0)
    expect(page.get_by_text("Without waivers")).to_be_visible()
    waivers.get_by_role("button", name="Revoke").click()
    expect(blocker(page, "Count devices")).to_be_visible()


def test_an_owner_is_assigned(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-6")
    visitor.expected = {422}
    page = open_school(visitor, code)
    prepare = blocker(page, "Prepare the pilot")
    expect(prepare).to_contain_text("No owner")
    prepare.get_by_role("button", name="Assign owner").click()
    page.get_by_role("dialog").get_by_label("Email").fill("lea@schools.example")
    page.get_by_role("dialog").get_by_role("button", name="Assign").click()
    expect(prepare).to_contain_text("lea@schools.example")
    expect(prepare.get_by_role("button", name="Change owner")).to_be_focused()


def test_first_bell_moves_and_a_lost_race_is_told(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-7")
    visitor.expected = {412}
    page = open_school(visitor, code)
    page.get_by_role("button", name=re.compile("Change first bell")).click()
    ask = page.get_by_role("dialog")
    expect(ask.get_by_label("First bell")).to_have_value(world.first_bell.isoformat())
    rollout = world.api.get(f"/v1/schools/{code}/rollout")
    other = world.api.patch(
        f"/v1/schools/{code}/rollout",
        json={"wave": "Z"},
        headers={"if-match": rollout.headers["etag"]},
    )
    assert other.is_success
    later = world.first_bell + timedelta(days=7)
    ask.get_by_label("First bell").fill(later.isoformat())
    ask.get_by_role("button", name="Save").click()
    expect(ask.get_by_role("alert")).to_contain_text("another version now")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("Change first bell")).click()
    page.get_by_role("dialog").get_by_label("First bell").fill(later.isoformat())
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator(".figures")).to_contain_text(f"Mon {later.day} {later:%b}")
    assert world.api.get(f"/v1/schools/{code}/rollout").json()["wave"] == "Z"


def test_what_another_client_changes_appears_by_itself(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-8")
    page = open_school(visitor, code)
    expect(page.locator(".live")).to_have_text("Live")
    post(world, f"/v1/tasks/{task_id(world, code, 'change.prepare')}/complete")
    expect(blocker(page, "Teach a pilot")).to_be_visible()


def test_a_refusal_is_shown_where_it_happened(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-9")
    visitor.expected = {409}
    page = open_school(visitor, code)
    page.route("**/v1/events", lambda route: route.abort())
    page.get_by_role("tab", name="Tasks").click()
    page.get_by_role("table").get_by_role("button", name="Prepare the pilot").click()
    post(world, f"/v1/tasks/{task_id(world, code, 'change.prepare')}/start")
    dialog = page.get_by_role("dialog", name="Prepare the pilot")
    dialog.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("alert")).to_contain_text("is in progress; start is not possible")
    expect(dialog.get_by_role("alert")).to_contain_text("Request ")


def test_the_timeline_marks_first_bell_today_and_the_critical_path(visitor: Visitor) -> None:
    page = open_school(visitor, "ALPHA")
    chart = page.locator(".gantt-chart")
    expect(chart.get_by_text("Today")).to_be_visible()
    expect(chart.get_by_text(re.compile("First bell"))).to_be_attached()
    names = page.locator(".gantt-names .critical")
    expect(names).to_have_text([re.compile("Receive PO-118"), re.compile("Enroll in device")])
    assert page.locator(".g-over").count() >= 1
    page.get_by_label(re.compile("Show satisfied")).check()
    expect(page.locator(".gantt-names")).to_contain_text("Place the order")


def test_the_graph_shows_what_waits_for_what(visitor: Visitor, world: World) -> None:
    page = open_school(visitor, "ALPHA")
    page.get_by_role("tab", name="Timeline").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Graph")).to_be_focused()
    page.get_by_label(re.compile("Show satisfied")).check()
    nodes = page.locator(".graph-chart .node")
    expect(nodes).to_have_count(3)
    expect(page.locator(".graph-chart .edge")).to_have_count(2)
    assert page.url.endswith("?view=graph")
    page.get_by_role("button", name=re.compile("^Enroll in device management, open")).focus()
    expect(page.locator(".graph-chart")).to_have_class(re.compile("tracing"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Enroll in device management")
    dialog.get_by_role("button", name="Receive PO-118").click()
    expect(page.get_by_role("dialog", name="Receive PO-118")).to_be_visible()


def test_a_link_to_a_task_opens_it(visitor: Visitor, world: World) -> None:
    wanted = task_id(world, "ALPHA", "devices.receive")
    visitor.open(f"/schools/ALPHA?task={wanted}")
    expect(visitor.page.get_by_role("dialog", name="Receive PO-118")).to_be_visible()


def test_an_unknown_school_is_said_to_be_unknown(visitor: Visitor) -> None:
    visitor.expected = {404}
    visitor.open("/schools/NOWHERE")
    expect(visitor.page.get_by_role("heading")).to_have_text("There is no school NOWHERE")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Chicago"])
def test_no_time_zone_moves_a_day(
    browser: Browser, world: World, signed_in: object, zone: str
) -> None:
    with visiting(browser, world, storage_state=signed_in, timezone_id=zone) as visitor:
        page = open_school(visitor, "ALPHA")
        bell = world.first_bell
        expect(page.locator(".figures")).to_contain_text(f"Mon {bell.day} {bell:%b}")


def test_names_are_text_and_never_markup(visitor: Visitor, world: World) -> None:
    code = new_school(world, "ACT-10")
    add_task(world, code, "x.markup", "<img src=x onerror=alert(1)> & <b>bold</b>", gate=True)
    page = open_school(visitor, code)
    expect(blocker(page, "<img src=x onerror=alert(1)>")).to_be_visible()
    assert page.locator("main img").count() == 0
