"""Thousands of results in one call: all of them or none, or those that can be kept."""

from __future__ import annotations

import asyncio

from api.db.pool import Database
from tests.infrastructure.conftest import INTERNET, Body, Caller, measure, stands
from tests.tasks.test_evidence_api import statements


def row(school: str, value: object = 1800, check: str = INTERNET, **given: object) -> Body:
    return {"school": school, "check": check, "value": value, **given}


async def test_all_rows_or_none_with_the_pointer_of_each_fault(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    rows = [
        row("A"),
        row("nowhere"),
        row("B", check="no_such_check"),
        row("B", -3),
        row("C", 9, unit="ms"),
        row("C", 1, measured_at="2098-01-01T00:00:00Z"),
        {"school": "C", "check": INTERNET, "iperf3": {"end": {}, "error": "refused"}},
        row(prepared["C"]["id"].upper(), "1.9", unit="Gbps"),
    ]
    refused = await admin.post("/check-results/bulk", {"results": rows}, 422)
    assert [(one["pointer"], one["code"]) for one in refused["errors"]] == [
        ("/results/1/school", "school-not-found"),
        ("/results/2/check", "check-not-found"),
        ("/results/3/value", "value-impossible"),
        ("/results/4/unit", "unit-differs"),
        ("/results/5/measured_at", "measured-in-future"),
        ("/results/6/iperf3/error", "measurement-failed"),
    ]
    assert (await stands(admin))["verdict"] == "not_started"
    kept = await admin.post("/check-results/bulk?on_error=skip", {"results": rows})
    assert (kept["recorded"], kept["refused"]) == (2, 6)
    assert [one["result_id"] is not None for one in kept["items"]] == [
        *(True, False, False, False, False, False, False, True)
    ]
    assert kept["items"][3]["detail"] == (
        "-3 Mbps cannot have been measured. Mbps begin at 0: send what was measured, without the"
        " minus sign."
    )
    for school, verdict in (("A", "passed"), ("B", "not_started"), ("C", "passed")):
        assert (await stands(admin, school))["verdict"] == verdict
        task = (await admin.tasks(school))["infrastructure.internet"]
        assert (task["status"] == "done") is (verdict == "passed")


async def test_of_several_rows_for_a_school_the_newest_holds(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    rows = [
        row("A", 1900, measured_at="2026-03-02T08:00:00Z"),
        row("A", 900, measured_at="2026-03-03T08:00:00Z"),
        row("A", 2000, measured_at="2026-03-01T08:00:00Z"),
    ]
    await admin.post("/check-results/bulk", {"results": rows})
    assert (await stands(admin))["value"] == 900
    empty = await admin.post("/check-results/bulk", {"results": []}, 422)
    assert empty["errors"][0]["pointer"] == "/results"


async def test_an_archived_school_takes_no_results(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    await admin.patch("/schools/B", {"archived": True})
    refused = await admin.post("/check-results/bulk", {"results": [row("A"), row("B")]}, 422)
    assert [one["pointer"] for one in refused["errors"]] == ["/results/1/school"]
    assert refused["errors"][0]["code"] == "school-archived"
    await admin.post(f"/schools/B/checks/{INTERNET}/results", {"value": 1}, 409)


async def test_more_schools_take_no_more_statements(
    admin: Caller, database: Database, prepared: dict[str, Body]
) -> None:
    with statements(database) as one:
        await admin.post("/check-results/bulk", {"results": [row("A")]})
    rows = [row(school, value) for value in (900, 1000, 1800) for school in "ABC"]
    with statements(database) as many:
        await admin.post("/check-results/bulk", {"results": rows})
    assert len(many) == len(one)
    with statements(database) as page:
        await admin.get("/checks/matrix?limit=1")
    with statements(database) as pages:
        await admin.get("/checks/matrix?limit=3")
    assert len(pages) == len(page)


async def test_who_measures_and_who_changes_what_is_needed_meet(
    admin: Caller, database: Database, prepared: dict[str, Body]
) -> None:
    """At the same moment: whoever comes second judges what the first has written."""

    async def grow(students: int) -> None:
        answer = await admin.answer("PATCH", "/schools/A", {"enrollment": students}, if_match="*")
        assert answer.status_code == 200, answer.text

    async def tighten(each: float) -> None:
        body = {"threshold": {"kind": "per_user", "value": each}}
        answer = await admin.answer("PATCH", f"/checks/{INTERNET}", body, if_match="*")
        # Of two who change a check from the same version one is told.
        assert answer.status_code in (200, 412), answer.text

    for turn in range(4):
        await asyncio.gather(
            grow(300 + 60 * turn),
            tighten(4 + turn / 10),
            *(measure(admin, 1700 + 100 * turn + n) for n in range(3)),
            admin.post("/check-results/bulk", {"results": [row("A", 1500 + 90 * turn)]}),
        )
        now = await stands(admin)
        task = (await admin.tasks())["infrastructure.internet"]
        assert task["cause"] == now["why"]
        assert task["progress_done"] == (now["outcome"] == "passed")
