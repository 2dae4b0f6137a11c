"""Checks: the matrix is narrowed, a result recorded, a re-test planned, a check waived, a probe."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.infrastructure.test_measurements import REFUSED, TCP
from tests.web.conftest import Visitor, visiting
from tests.web.test_access import SCHEMES, WIDTHS, violations
from tests.web.world import VIEWER, World, one_time_link, post

SPEED = "internet_bandwidth"


def measure(world: World, school: str, check: str, value: float, days: int = 0) -> None:
    measured_at = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    body = {"value": value, "measured_at": measured_at, "evidence": {"seconds": 10}}
    post(world, f"/v1/schools/{school}/checks/{check}/results", body)


@pytest.fixture(scope="module")
def measured(world: World) -> World:
    """School GOLF with 400 users: fast enough once, too slow now; another check has expired."""
    given = {"name": "Golf School", "network": "NORTH", "enrollment": 375, "teacher_count": 25}
    post(world, "/v1/schools", {"code": "GOLF", **given})
    bell = world.first_bell.isoformat()
    plan = {"playbook": "one_to_one", "first_bell": bell}
    post(world, "/v1/schools/GOLF/rollouts", plan)
    measure(world, "GOLF", SPEED, 1800, days=100)
    measure(world, "GOLF", SPEED, 900, days=1)
    measure(world, "GOLF", "dns_answers", 100, days=91)
    measure(world, "GOLF", "wifi_snr", 31)
    return world


@pytest.fixture
def golf(visitor: Visitor, measured: World) -> Page:
    return visitor.page


def stands(world: World, check: str = SPEED) -> Any:
    return world.api.get(f"/v1/schools/GOLF/checks/{check}").json()


def row(page: Page, name: str = "Golf School") -> Locator:
    return page.locator(".matrix tbody tr").filter(has_text=name)


def press(page: Page, name: str) -> Locator:
    """Press a button and give the dialog it opens."""
    page.get_by_role("button", name=name, exact=True).click()
    return page.get_by_role("dialog")


def test_the_matrix_says_how_schools_stand_and_is_narrowed(visitor: Visitor, golf: Page) -> None:
    visitor.open("/checks?network=NORTH")
    speed = row(golf).get_by_role("link", name="Internet capacity at GOLF: Failed, 900 Mbps")
    expect(speed).to_have_attribute("href", f"/checks/GOLF/{SPEED}")
    expect(
        row(golf).get_by_role("link", name="Names are resolved at GOLF: Out of date")
    ).to_be_visible()
    expect(row(golf, "Alpha Academy")).to_be_visible()
    golf.get_by_label("Stands").select_option("failed")
    expect(row(golf, "Alpha Academy")).to_have_count(0)
    expect(golf.locator(".matrix-head")).to_have_text(["Internet capacity"])
    expect(golf).to_have_url(re.compile("network=NORTH&verdict=failed"))
    golf.get_by_label("Stands").select_option("")
    golf.get_by_label("Check", exact=True).select_option("wifi_snr")
    expect(row(golf).locator(".matrix-cell")).to_have_count(1)
    golf.get_by_label("Search").fill("no such school")
    expect(golf.locator(".empty")).to_have_text("Nothing matches these filters.")


def test_a_networks_own_word_for_a_check_heads_its_own_schools_only(
    visitor: Visitor, golf: Page, world: World
) -> None:
    definition = {"unit": "dB", "comparator": ">=", "threshold": {"kind": "constant", "value": 25}}
    told = {"title": "Southern noise", "method": "A walk.", "source": "South Side Schools"}
    own = {"slug": "wifi_snr", "network": "SOUTH", **definition, **told}
    made = post(world, "/v1/checks", own)
    visitor.open("/checks?check=wifi_snr")
    heading = golf.locator(".matrix-head")
    expect(heading).to_have_text(["Wi-Fi signal over noise"])
    golf.get_by_label("Network").select_option("SOUTH")
    expect(heading).to_have_text(["Southern noise"])
    golf.get_by_label("Network").select_option("NORTH")
    expect(heading).to_have_text(["Wi-Fi signal over noise"])
    # The shared one shows again to whoever comes next.
    path = f"/v1/checks/{made['id']}"
    etag = {"if-match": world.api.get(path).headers["etag"]}
    assert world.api.patch(path, json={"archived": True}, headers=etag).is_success


def test_a_school_with_a_verdict_is_found_behind_pages_without_one(
    visitor: Visitor, golf: Page
) -> None:
    # By name, hundred schools of the crowd come before it.
    visitor.open("/checks?verdict=stale")
    expect(row(golf)).to_be_visible()


def test_results_are_recorded_and_the_page_says_why(
    visitor: Visitor, golf: Page, world: World
) -> None:
    visitor.expected = {422}
    visitor.open(f"/checks/GOLF/{SPEED}")
    expect(golf.locator(".order-head .badge")).to_have_text("Failed")
    expect(golf.locator(".why")).to_have_text(
        "1,720 Mbps needed (400 users x 4.3), measured 900 Mbps."
    )
    expect(golf.locator(".over-time .value")).to_have_count(2)
    dialog = press(golf, "Record a result")
    dialog.get_by_label("Or the output").fill(json.dumps(REFUSED))
    dialog.get_by_role("button", name="Record").click()
    refusal = dialog.locator(".field", has=golf.get_by_label("Or the output")).locator(".wrong")
    expect(refusal).to_contain_text("iperf3 failed: unable to connect to server")
    # The same line, measured with several connections a moment ago.
    output = {**TCP, "start": {"test_start": {"protocol": "TCP", "num_streams": 8}}}
    output["end"] = {"sum_received": {"seconds": 10, "bits_per_second": 1.75e9}}
    dialog.get_by_label("Or the output").fill(json.dumps(output))
    dialog.get_by_label("Note").fill("From room 12")
    dialog.get_by_role("button", name="Record").click()
    expect(golf.locator(".order-head .badge")).to_have_text("Passed")
    latest = golf.get_by_role("table", name="Results").get_by_role("row").nth(1)
    expect(latest).to_contain_text("1,750 Mbps")
    expect(latest).to_contain_text("From room 12")
    dialog = press(golf, "Record a result")
    dialog.get_by_label("Value (Mbps)").fill("905.5")
    dialog.get_by_role("button", name="Record").click()
    expect(golf.locator(".order-head .badge")).to_have_text("Failed")
    assert stands(world)["value"] == 905.5


def test_evidence_that_a_check_asks_for_has_a_field_of_its_own(
    visitor: Visitor, golf: Page, world: World
) -> None:
    visitor.open("/checks/GOLF/content_filter")
    dialog = press(golf, "Record a result")
    dialog.get_by_label("Value (percent)").fill("100")
    for name, text in (("Policy date", "2026-09-01"), ("Hearing date", "2026-09-02")):
        dialog.get_by_label(name).fill(text)
    dialog.get_by_label("Product").fill("A filter")
    dialog.get_by_label("Tested on").fill("2026-09-03")
    dialog.get_by_role("button", name="Record").click()
    expect(golf.locator(".order-head .badge")).to_have_text("Passed")
    result = world.api.get("/v1/schools/GOLF/checks/content_filter/results").json()["items"][0]
    assert result["evidence"] == {
        "policy_date": "2026-09-01",
        "hearing_date": "2026-09-02",
        "product": "A filter",
        "tested_on": "2026-09-03",
    }


def test_a_retest_is_planned_and_called_off_and_a_check_set_aside(
    visitor: Visitor, golf: Page, world: World
) -> None:
    visitor.open("/checks/GOLF/dns_answers")
    day = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    dialog = press(golf, "Plan a re-test")
    dialog.get_by_label("On").fill(day)
    dialog.get_by_label("Who").fill("tech@n.org")
    dialog.get_by_role("button", name="Plan").click()
    expect(golf.locator(".order-head .badge")).to_have_text("Re-test planned")
    expect(golf.locator(".facts")).to_contain_text("tech@n.org")
    assert stands(world, "dns_answers")["retest_on"] == day
    golf.get_by_role("button", name="Call the re-test off").click()
    expect(golf.locator(".order-head .badge")).to_have_text("Out of date")
    dialog = press(golf, "Not applicable")
    dialog.get_by_label("Why").fill("One building only")
    dialog.get_by_role("button", name="Say so").click()
    expect(golf.locator(".why")).to_have_text("Not applicable: One building only.")
    golf.get_by_role("button", name="Let it concern the school again").click()
    expect(golf.locator(".order-head .badge")).to_have_text("Out of date")


def test_a_waiver_of_the_task_that_waits_is_asked_for(
    visitor: Visitor, golf: Page, world: World
) -> None:
    visitor.open("/checks/GOLF/wifi_burst")
    dialog = press(golf, "Request waiver")
    dialog.get_by_label("Reason").fill("The new access points come in May.")
    dialog.get_by_role("button", name="Request waiver").click()
    expect(golf.locator("#toasts")).to_contain_text("waiver")
    waivers = world.api.get("/v1/schools/GOLF/readiness").json()["waivers"]
    assert [one["reason"] for one in waivers] == ["The new access points come in May."]
    golf.reload()
    expect(golf.locator(".tag", has_text="Waived")).to_be_visible()
    expect(golf.get_by_role("button", name="Request waiver")).to_have_count(0)


def test_a_school_has_its_probe_with_a_code_shown_once_and_its_building(
    visitor: Visitor, golf: Page, world: World
) -> None:
    visitor.open("/checks/GOLF")
    expect(golf.locator(".probe")).to_contain_text("It has not been run here yet.")
    with golf.expect_download() as loading:
        golf.get_by_role("link", name="Download probe.py").click()
    assert '"school": "GOLF"' in loading.value.path().read_text()
    dialog = press(golf, "Make a code")
    code = dialog.locator(".secret code").inner_text()
    assert re.fullmatch(r"[0-9A-Z]{6}(-[0-9A-Z]{6}){4}", code)
    dialog.get_by_role("button", name="I have it").click()
    # It is closed at once, and out of the page a moment later.
    expect(golf.locator("dialog")).to_have_count(0)
    assert code not in golf.content()
    golf.get_by_role("button", name="Change: the building").click()
    golf.get_by_label("Rooms").fill("20")
    golf.get_by_role("button", name="Save").click()
    expect(golf.locator(".premises")).to_contain_text("20")
    assert stands(world, "wifi_access_points")["needed"] == 20


def test_a_measurement_elsewhere_shows_without_reloading(
    visitor: Visitor, golf: Page, world: World
) -> None:
    visitor.open("/checks/GOLF/secure_storage")
    expect(golf.locator(".order-head .badge")).to_have_text("Not measured")
    expect(golf.locator(".live")).to_have_text("Live")
    measure(world, "GOLF", "secure_storage", 60)
    expect(golf.locator(".order-head .badge")).to_have_text("Passed")


def test_who_may_only_look_is_offered_nothing_to_do(
    browser: Browser, world: World, measured: World
) -> None:
    with visiting(browser, world) as visitor:
        visitor.open(f"/sign-in#token={one_time_link(world, VIEWER)}")
        visitor.page.get_by_role("navigation", name="Pages").wait_for()
        visitor.open("/checks/GOLF")
        expect(visitor.page.locator(".premises")).to_be_visible()
        expect(visitor.page.locator("main button")).to_have_count(0)
        visitor.page.get_by_role("link", name="Internet capacity", exact=True).click()
        expect(visitor.page.locator(".order-head .badge")).to_be_visible()
        expect(visitor.page.locator(".acts button")).to_have_count(0)


PATHS = {
    "/checks?network=NORTH": ".matrix",
    "/checks/GOLF": ".probe",
    f"/checks/GOLF/{SPEED}": ".over-time",
}


def test_everybody_can_use_them_and_nothing_sticks_out(visitor: Visitor, golf: Page) -> None:
    for path, shown in PATHS.items():
        visitor.open(path)
        golf.locator(shown).wait_for()
        # Each width in one of the schemes: their colours are the same ones.
        for scheme, (width, height) in zip(SCHEMES, WIDTHS.items(), strict=True):
            golf.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            golf.set_viewport_size({"width": width, "height": height})
            assert violations(golf) == [], f"{path}, {scheme}, {width} px"
        for width in (390, 768, 1280):
            golf.set_viewport_size({"width": width, "height": 900})
            wide = golf.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path}, {width} px"


def test_an_unknown_school_and_an_unknown_check_say_so(visitor: Visitor, golf: Page) -> None:
    visitor.expected = {404}
    visitor.open("/checks/NOWHERE")
    expect(golf.get_by_role("heading", name="There is no such school")).to_be_visible()
    visitor.open("/checks/GOLF/nothing")
    expect(golf.get_by_role("heading", name="There is no such check")).to_be_visible()
