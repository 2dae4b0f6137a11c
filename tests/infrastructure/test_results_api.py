"""Results over HTTP: kept as they were measured, judged by what holds now, told to the tasks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from api import clock
from api.db.pool import Database
from tests.infrastructure.conftest import INTERNET, Body, Caller, measure, rows, stands

GATE = "infrastructure.internet"
# What iperf3 3.12 wrote over a gigabit line, and when nobody listened.
IPERF3: Body = {
    "start": {"version": "iperf 3.12"},
    "intervals": [],
    "end": {
        "sum_sent": {"seconds": 10.0, "bytes": 1250000000, "bits_per_second": 1e9},
        "sum_received": {"seconds": 10.01, "bytes": 2500000000, "bits_per_second": 1998001998.0},
    },
}


async def gate(caller: Caller, school: str = "A") -> Body:
    """The task that waits for the internet."""
    found: Body = (await caller.tasks(school))[GATE]
    return found


async def test_a_result_finishes_its_task_and_says_the_arithmetic(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    before = await gate(admin)
    assert before["status"] == "pending"
    assert before["cause"] == "1,720 Mbps needed (400 users x 4.3), not measured yet"
    await measure(admin, 900)
    failed = await gate(admin)
    assert (failed["progress_done"], failed["progress_total"]) == (0, 1)
    assert failed["cause"] == "1,720 Mbps needed (400 users x 4.3), measured 900 Mbps"
    await measure(admin, "1.8", unit="Gbps", evidence={"room": "12"})
    passed = await gate(admin)
    assert (passed["status"], passed["progress_done"], passed["unit"]) == ("done", 1, "checks")
    assert passed["valid_until"] is not None
    now = await stands(admin)
    assert (now["verdict"], now["value"], now["task_id"]) == ("passed", 1800, passed["id"])
    assert (await stands(admin, "B"))["verdict"] == "not_started"
    path = f"/schools/A/checks/{INTERNET}/results"
    listed = (await admin.get(path))["items"]
    assert [(one["value"], one["outcome"], one["needed"]) for one in listed] == [
        (1800, "passed", 1720),
        (900, "failed", 1720),
    ]
    assert listed[0]["evidence"] == {"room": "12"}
    first = await admin.answer("GET", f"{path}?limit=1")
    assert "cursor" in first.headers["link"]


async def test_more_students_turn_an_old_result(admin: Caller, prepared: dict[str, Body]) -> None:
    await measure(admin, 1800)
    await admin.patch("/schools/A", {"enrollment": 500})
    grown = await gate(admin)
    assert (grown["status"], grown["progress_done"]) == ("pending", 0)
    assert grown["cause"] == "2,257.5 Mbps needed (525 users x 4.3), measured 1,800 Mbps"
    await admin.patch("/schools/A", {"enrollment": 300})
    assert (await gate(admin))["status"] == "done"
    # Staff and guests are users too.
    await admin.put("/schools/A/premises", {"rooms": 20, "other_users": 100})
    assert (await admin.get("/schools/A/premises"))["rooms"] == 20
    assert (await stands(admin))["why"].startswith("1,827.5 Mbps needed (425 users x 4.3)")
    assert (await gate(admin))["progress_done"] == 0
    points = await stands(admin, "A", "wifi_access_points")
    assert points["why"] == "20 access points needed (20 rooms x 1), not measured yet"


async def test_stale_evidence_reopens_its_task_at_the_minute(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    measured = clock.now() - timedelta(days=1)
    await measure(admin, 1800, measured_at=measured.isoformat())
    expires = measured + timedelta(days=180)
    task_id = (await gate(admin))["id"]

    async def evidence_at(moment: Any) -> tuple[str, Body]:
        with clock.moved_to(moment):
            verdict = (await stands(admin))["verdict"]
            answer = await admin.get("/schools/A/readiness")
            return verdict, answer

    verdict, answer = await evidence_at(expires - timedelta(minutes=1))
    satisfied = answer["gates"]["satisfied"]
    assert verdict == "passed"
    verdict, later = await evidence_at(expires + timedelta(minutes=1))
    assert verdict == "stale"
    # It did not hold until first bell, so it never counted towards it.
    assert later["gates"]["satisfied"] == satisfied
    with clock.moved_to(expires + timedelta(minutes=1)):
        waiting = (await admin.get("/schools/A/graph"))["tasks"]
        node = next(one for one in waiting if one["id"] == task_id)
        assert not node["satisfied"], node
        await measure(admin, 1900)
        assert (await stands(admin))["verdict"] == "passed"


async def test_a_result_only_counts_for_first_bell_while_it_is_fresh_then(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    first_bell = clock.now().date() + timedelta(days=60)
    for code, days_ago in (("A", 1), ("B", 170)):
        await admin.patch(f"/schools/{code}/rollout", {"first_bell": first_bell.isoformat()})
        when = clock.now() - timedelta(days=days_ago)
        await measure(admin, 1800, code, measured_at=when.isoformat())
        assert (await stands(admin, code))["verdict"] == "passed"
    fresh, expiring = [
        (await admin.get(f"/schools/{code}/readiness"))["gates"]["satisfied"] for code in "AB"
    ]
    assert fresh == expiring + 1


async def test_what_was_waived_is_waived_no_more_once_it_is_worse(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    await measure(admin, 1800)
    task_id = (await gate(admin))["id"]
    await admin.post(f"/tasks/{task_id}/waivers", {"reason": "Line upgrade in August."}, 201)
    assert (await stands(admin))["waived"]
    await measure(admin, 900)
    assert not (await stands(admin))["waived"]
    await admin.post(f"/tasks/{task_id}/waivers", {"reason": "A second line is rented."}, 201)
    assert (await stands(admin))["waived"]
    matrix = await admin.get(f"/checks/matrix?network=N&check={INTERNET}")
    assert [row["checks"][0]["waived"] for row in matrix["items"]] == [True, False, False]


async def test_programs_are_read_as_they_write(admin: Caller, prepared: dict[str, Body]) -> None:
    path = f"/schools/A/checks/{INTERNET}/results"
    made = await admin.post(path, {"iperf3": IPERF3}, 201)
    assert (made["value"], made["unit"], made["method"]) == (1998.002, "Mbps", "iperf3")
    failed = IPERF3 | {"end": {}, "error": "unable to connect to server: Connection refused"}
    refused = await admin.post(path, {"iperf3": failed}, 422)
    assert refused["errors"][0]["pointer"] == "/iperf3/error"
    assert "Connection refused" in refused["detail"]


IMPOSSIBLE: tuple[tuple[Body, str, str | None], ...] = (
    ({"value": -1}, "/value", "value-impossible"),
    ({"value": "NaN"}, "/value", "not-a-number"),
    ({"value": "fast"}, "/value", "not-a-number"),
    ({"value": 1e300}, "/value", "out-of-range"),
    ({"value": 9, "unit": "ms"}, "/unit", "unit-differs"),
    ({"value": 9, "unit": "MB/s"}, "/unit", "unit-unknown"),
    ({"value": 9, "measured_at": "2098-01-01T00:00:00Z"}, "/measured_at", "measured-in-future"),
    ({"value": 9, "measured_at": "2026-01-01T00:00:00"}, "/measured_at", None),
    ({"value": 9, "iperf3": {}}, "", "one_measurement"),
    ({}, "", "one_measurement"),
    ({"value": 9, "surprise": 1}, "/surprise", None),
)


# Numbers that no JSON has, and a depth that exhausts whoever walks it.
ODD = (b'{"x": 1e400}', b'{"x": NaN}', b'{"x": ' + b"[" * 900 + b"]" * 900 + b"}")


async def test_what_cannot_have_been_measured_is_refused(
    admin: Caller, schools: dict[str, Body]
) -> None:
    for body, pointer, code in IMPOSSIBLE:
        refused = await admin.post(f"/schools/A/checks/{INTERNET}/results", body, 422)
        (error,) = refused["errors"]
        assert error["pointer"] == pointer, body
        assert code is None or error["code"].replace("-", "_") == code.replace("-", "_")
    # What is JSON to some and cannot be stored.
    for evidence in (rb'{"x": "\ud800"}', rb'{"x": "\u0000"}', b'{"x": %d}' % 10**30, b"[]", *ODD):
        for path, frame in (
            (f"/v1/schools/A/checks/{INTERNET}/results", rb'{"value": 9, "evidence": %s}'),
            (
                "/v1/check-results/bulk",
                rb'{"results": [{"school": "A", "check": "wifi_snr", "value": 9, "evidence": %s}]}',
            ),
        ):
            answer = await admin.client.post(
                path, content=frame % evidence, headers={"content-type": "application/json"}
            )
            assert answer.status_code == 422, (evidence, answer.text)
    assert (await admin.get(f"/schools/A/checks/{INTERNET}/results"))["items"] == []


async def test_results_stay_as_they_were_added(
    admin: Caller, database: Database, schools: dict[str, Body]
) -> None:
    await measure(admin, 900)
    for change in ("UPDATE check_results SET value = 1", "DELETE FROM check_results"):
        with pytest.raises(psycopg.DatabaseError, match="kept as they were added"):
            await rows(database, change)
    # A wrong one is followed by a right one of the same moment.
    at = (await stands(admin))["measured_at"]
    await measure(admin, 1900, measured_at=at)
    assert (await stands(admin))["verdict"] == "passed"


async def test_a_persons_word_holds_until_something_is_measured(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    task_id = (await gate(admin))["id"]
    await admin.post(f"/tasks/{task_id}/evidence", {"done": 1, "total": 1, "cause": "Seen it."})
    assert ((await gate(admin))["status"], (await gate(admin))["cause"]) == ("done", "Seen it.")
    await admin.patch("/schools/A", {"enrollment": 380})
    retests = f"/schools/A/checks/{INTERNET}/retests"
    await admin.post(retests, {"scheduled_on": "2099-06-01"}, 201)
    await admin.delete(retests)
    assert (await gate(admin))["status"] == "done"
    # A promise stays, too, until a day is agreed on here.
    await admin.post(f"/tasks/{task_id}/evidence", {"done": 0, "expected_on": "2099-05-05"})
    await admin.patch("/schools/A", {"enrollment": 385})
    assert (await gate(admin))["expected_on"] == "2099-05-05"
    await admin.post(retests, {"scheduled_on": "2099-06-01"}, 201)
    assert (await gate(admin))["expected_on"] == "2099-06-01"
    await measure(admin, 900)
    assert (await gate(admin))["progress_done"] == 0
    # From now on what is measured holds, whatever is said.
    await admin.post(f"/tasks/{task_id}/evidence", {"done": 1, "total": 1})
    assert (await gate(admin))["progress_done"] == 0


async def test_a_school_lead_measures_at_their_school_alone(
    lead: Caller, prepared: dict[str, Body]
) -> None:
    await measure(lead, 1800)
    refused = await lead.post(f"/schools/B/checks/{INTERNET}/results", {"value": 1}, 404)
    assert refused["code"] == "school-not-found"
    bulk = {"results": [{"school": code, "check": INTERNET, "value": 1900} for code in "AB"]}
    refused = await lead.post("/check-results/bulk", bulk, 422)
    assert refused["errors"][0]["pointer"] == "/results/1/school"
    kept = await lead.post("/check-results/bulk?on_error=skip", bulk)
    assert (kept["recorded"], kept["refused"]) == (1, 1)
