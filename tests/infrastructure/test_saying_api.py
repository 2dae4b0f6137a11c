"""Re-tests, exemptions and the matrix."""

from __future__ import annotations

from datetime import timedelta

from api import clock
from tests.infrastructure.conftest import INTERNET, Body, Caller, measure, stands

RETESTS = f"/schools/A/checks/{INTERNET}/retests"
EXEMPTION = f"/schools/A/checks/{INTERNET}/exemption"
GATE = "infrastructure.internet"


async def test_a_scheduled_measurement_is_the_promise_that_the_next_result_keeps(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    day = (clock.now() + timedelta(days=20)).date().isoformat()
    later = (clock.now() + timedelta(days=30)).date().isoformat()
    assert (await admin.delete(RETESTS, 404))["code"] == "retest-not-found"
    await admin.post(RETESTS, {"scheduled_on": day, "owner_email": "tech@n.org"}, 201)
    assert (await stands(admin))["verdict"] == "scheduled"
    assert (await admin.tasks())[GATE]["expected_on"] == day
    # Measured before it was agreed on, a result is what the re-test is for.
    before = (clock.now() - timedelta(hours=1)).isoformat()
    await measure(admin, 900, measured_at=before)
    now = await stands(admin)
    assert (now["verdict"], now["outcome"], now["retest_on"]) == ("scheduled", "failed", day)
    await admin.post(RETESTS, {"scheduled_on": later}, 201)
    assert (await stands(admin))["retest"]["scheduled_on"] == later
    await measure(admin, 1000)
    now = await stands(admin)
    assert (now["verdict"], now["retest"]) == ("failed", None)
    assert (await admin.tasks())[GATE]["expected_on"] is None
    await admin.post(RETESTS, {"scheduled_on": day}, 201)
    await admin.delete(RETESTS)
    assert (await stands(admin))["verdict"] == "failed"
    past = await admin.post(RETESTS, {"scheduled_on": "2026-01-05"}, 422)
    assert past["errors"][0]["pointer"] == "/scheduled_on"


async def test_a_retest_called_off_leaves_no_promise_behind(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    day = (clock.now() + timedelta(days=20)).date().isoformat()
    await admin.post(RETESTS, {"scheduled_on": day}, 201)
    await admin.delete(RETESTS)
    task = (await admin.tasks())[GATE]
    assert (task["expected_on"], task["progress_done"]) == (None, 0)


async def test_an_exempt_school_is_done_until_the_exemption_ends(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    await admin.post(EXEMPTION, {"reason": "The building has no line until May"}, 201)
    task = (await admin.tasks())[GATE]
    assert task["status"] == "done"
    assert task["cause"] == "Not applicable: The building has no line until May"
    now = await stands(admin)
    assert (now["verdict"], now["exemption"]["reason"][:12]) == ("not_applicable", "The building")
    again = await admin.post(EXEMPTION, {"reason": "Again"}, 409)
    assert again["code"] == "exempt-already"
    # Another fact in between is no reason to forget it, nor to take it for somebody's word.
    await admin.patch("/schools/A", {"enrollment": 380})
    await admin.delete(EXEMPTION)
    task = (await admin.tasks())[GATE]
    assert (task["status"], task["progress_done"]) == ("pending", 0)
    assert (await admin.delete(EXEMPTION, 404))["code"] == "exemption-not-found"


async def test_the_matrix_shows_schools_by_checks_a_page_at_a_time(
    admin: Caller, lead: Caller, prepared: dict[str, Body]
) -> None:
    await measure(admin, 1800, "A")
    await measure(admin, 900, "B")
    path = "/checks/matrix?network=N&limit=2&sort=code"
    first = await admin.answer("GET", path)
    assert [row["school"] for row in first.json()["items"]] == ["A", "B"]
    following = first.headers["link"].split("/v1", 1)[1].split(">")[0]
    assert [row["school"] for row in (await admin.get(following))["items"]] == ["C"]
    cells = {one["check"]: one for one in first.json()["items"][0]["checks"]}
    assert len(cells) == len((await admin.get("/checks?limit=1000"))["items"])
    assert (cells[INTERNET]["verdict"], cells[INTERNET]["value"]) == ("passed", 1800)
    assert cells["lab_power_cooling"]["verdict"] == "not_applicable"
    assert cells["wifi_signal"]["task_id"] is None
    only = await admin.get("/checks/matrix?verdict=failed&verdict=passed")
    assert [
        (row["school"], [(one["check"], one["verdict"]) for one in row["checks"]])
        for row in only["items"]
    ] == [("A", [(INTERNET, "passed")]), ("B", [(INTERNET, "failed")])]
    seen = await lead.get(f"/checks/matrix?check={INTERNET}")
    assert [row["school"] for row in seen["items"]] == ["A"]
    everything = (await admin.get("/schools/B/checks"))["items"]
    assert [one["check"] for one in everything] == sorted(cells)
    assert next(one for one in everything if one["check"] == INTERNET)["why"] == (
        "1,720 Mbps needed (400 users x 4.3), measured 900 Mbps"
    )
