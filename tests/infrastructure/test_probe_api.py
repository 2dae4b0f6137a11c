"""The probe over HTTP: handed out, believed by its signature, its reports taken in once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api import clock
from api.db.pool import Database
from api.infrastructure.probe import budget
from api.infrastructure.probe.rules import signature
from tests.infrastructure.conftest import As, Body, Caller, rows, stands
from tests.infrastructure.reports import report, sealed, seen, signed_by
from tests.tasks.conftest import BASE

Stranger = httpx.AsyncClient


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[Stranger]:
    """A laptop: nobody known."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url=BASE, timeout=60
    ) as client:
        yield client


async def make_code(admin: Caller, school: str = "A") -> str:
    made: Body = await admin.post(f"/schools/{school}/probe-code", status=201)
    code: str = made["code"]
    return code


async def post(stranger: Stranger, body: Body, code: str, school: str = "A") -> httpx.Response:
    raw, headers = sealed(body, code)
    path = f"/v1/schools/{school}/probe-reports"
    return await stranger.post(path, content=raw, headers=headers)


def now(**later: float) -> str:
    return (clock.now() + timedelta(**later)).isoformat()


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    problem: dict[str, Any] = answer.json()
    return answer.status_code, problem["code"], problem["errors"][0]["pointer"]


async def test_anybody_gets_the_probe_and_learns_nothing_by_it(
    stranger: Stranger, schools: dict[str, Body]
) -> None:
    there, not_there = [
        await stranger.get(f"/v1/probe.py?school={code}&suites=clever") for code in ("A", "B-NONE")
    ]
    assert there.status_code == 200
    assert there.headers["content-type"] == "text/x-python; charset=utf-8"
    assert f'"server": "{BASE}"' in there.text
    assert "accounts.google.com" not in there.text
    assert there.text.replace('"school": "A"', "") == not_there.text.replace(
        '"school": "B-NONE"', ""
    )
    unknown = await stranger.get("/v1/probe.py?suites=clover")
    assert unknown.json()["errors"][0]["code"] == "suite-unknown"
    assert "clever" in unknown.json()["detail"]
    odd = await stranger.get("/v1/probe.py", params={"school": '"""\nimport os'})
    assert odd.status_code == 422


async def test_a_report_becomes_results_and_says_where_the_school_stands(
    admin: Caller, stranger: Stranger, schools: dict[str, Body], database: Database
) -> None:
    code = await make_code(admin)
    filtered = seen("clever", tls=signed_by("Lightspeed Systems"), status=None)
    measured_at = now(hours=-2)
    body = report(seen("google-tools"), filtered, measured_at=measured_at)
    answer = await post(stranger, body, code)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert told["outcome"] == "recorded"
    assert {one["check"]: one["value"] for one in told["results"]} == {
        "dns_answers": 100,
        "dns_latency": 10,
        "service_latency": 20,
        "services_reachable": 100,
        "tls_interception": 1,
    }
    intercepted = await stands(admin, check="tls_interception")
    assert intercepted["verdict"] == "failed"
    assert intercepted["measured_at"] == measured_at.replace("+00:00", "Z")
    assert (await stands(admin, check="dns_answers"))["verdict"] == "passed"
    (result,) = (await admin.get("/schools/A/checks/tls_interception/results"))["items"]
    assert result["method"] == "probe"
    assert result["probe_report_id"] == body["id"]
    assert result["evidence"]["intercepted"] == {"clever": "Lightspeed Systems"}
    assert await rows(database, "SELECT DISTINCT actor FROM check_results") == [("probe:A",)]


async def test_the_same_report_counts_once_and_its_id_is_no_one_elses(
    admin: Caller, stranger: Stranger, schools: dict[str, Body], database: Database
) -> None:
    code, other = await make_code(admin), await make_code(admin, "B")
    body = report(measured_at=now())
    first = (await post(stranger, body, code)).json()
    again = await post(stranger, body, code)
    assert again.status_code == 200
    assert again.json() == {**first, "outcome": "duplicate"}
    changed = await post(stranger, {**body, "system": "Linux"}, code)
    assert (changed.status_code, changed.json()["code"]) == (409, "report-changed")
    elsewhere = await post(stranger, {**body, "school": "B"}, other, "B")
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "report-changed")
    listed = (await admin.get("/schools/A/probe-reports"))["items"]
    assert [one["id"] for one in listed] == [body["id"]]
    whole = await admin.get(f"/schools/A/probe-reports/{body['id']}")
    assert whole["body"]["services"] == body["services"]
    await admin.get(f"/schools/B/probe-reports/{body['id']}", 404)
    kept = await rows(database, "SELECT count(*) FROM check_results")
    assert kept == [(len(first["results"]),)]


async def test_of_reports_that_come_at_the_same_moment_one_counts(
    admin: Caller, stranger: Stranger, schools: dict[str, Body], database: Database
) -> None:
    code = await make_code(admin)
    body = report(measured_at=now())
    answers = await asyncio.gather(*(post(stranger, body, code) for _ in range(6)))
    assert sorted(one.status_code for one in answers) == [200] * 5 + [201]
    counted = await rows(database, "SELECT count(*) FROM check_results")
    assert counted == [(len(answers[0].json()["results"]),)]


async def test_only_the_schools_own_code_is_believed_and_nobody_learns_why(
    admin: Caller, stranger: Stranger, schools: dict[str, Body]
) -> None:
    code, other = await make_code(admin), await make_code(admin, "B")
    body = report(measured_at=now())
    answers = [
        await post(stranger, body, other),
        await post(stranger, body, code, "NOWHERE"),
        # C has no code yet.
        await post(stranger, {**body, "school": "C"}, code, "C"),
        await stranger.post("/v1/schools/A/probe-reports", json=body),
    ]
    assert {(one.status_code, one.json()["detail"]) for one in answers} == {
        (401, answers[0].json()["detail"])
    }
    raw, headers = sealed(body, code)
    headers["firstbell-signature"] = signature(code, raw + b" ")
    touched = await stranger.post("/v1/schools/A/probe-reports", content=raw, headers=headers)
    assert touched.status_code == 401


async def test_a_signed_report_may_still_be_wrong(
    admin: Caller, stranger: Stranger, schools: dict[str, Body]
) -> None:
    code = await make_code(admin)
    wrong: list[tuple[Body, str, str]] = [
        ({"school": "B"}, "report-of-another-school", "/school"),
        ({"measured_at": now(minutes=6)}, "measured-in-future", "/measured_at"),
        ({"measured_at": "2000-01-01T00:00:00Z"}, "measured-too-long-ago", "/measured_at"),
        ({"services": [{**seen("clever"), "id": "ours"}]}, "services-unknown", "/services"),
        ({"services": []}, "invalid", "/services"),
        ({"format": 2}, "invalid", "/format"),
        ({"hostname": "laptop-7"}, "invalid", "/hostname"),
    ]
    for change, name, pointer in wrong:
        answer = await post(stranger, {**report(measured_at=now()), **change}, code)
        assert refused(answer) == (422, name, pointer), change


async def test_a_clock_a_little_ahead_means_now(
    admin: Caller, stranger: Stranger, schools: dict[str, Body]
) -> None:
    body = report(measured_at=now(minutes=4))
    told = (await post(stranger, body, await make_code(admin))).json()
    assert told["measured_at"] <= told["received_at"]


async def test_two_codes_are_good_while_one_replaces_the_other(
    admin: Caller, lead: Caller, stranger: Stranger, schools: dict[str, Body], database: Database
) -> None:
    oldest, before = await make_code(admin), await make_code(admin)
    made = await lead.post("/schools/A/probe-code", status=201)
    assert made["previous_until"] is not None
    statuses = [
        (await post(stranger, report(measured_at=now()), code)).status_code
        for code in (oldest, before, made["code"], made["code"].lower().replace("-", " "))
    ]
    assert statuses == [401, 201, 201, 201]
    sealed_codes = await rows(database, "SELECT sealed FROM probe_codes")
    assert len(sealed_codes) == 2
    assert all(made["code"].encode() not in bytes(one[0]) for one in sealed_codes)


async def test_a_code_is_made_by_who_may_measure_there_and_shown_once(
    admin: Caller, lead: Caller, calling: As, schools: dict[str, Body]
) -> None:
    await lead.post("/schools/B/probe-code", status=404)
    path = "/schools/B/probe-code"
    first, again = [await admin.answer("POST", path, idempotency_key='"c0de"') for _ in range(2)]
    assert first.json()["code"]
    assert again.json() == {**first.json(), "code": None}


async def test_bytes_come_and_go_for_who_signs_until_the_hour_is_spent(
    admin: Caller,
    stranger: Stranger,
    schools: dict[str, Body],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = await make_code(admin)

    async def ask(method: str, count: int, body: bytes | None = None, at: int = 0) -> Any:
        moment = at or int(clock.now().timestamp())
        target = f"/v1/probe/throughput?school=A&bytes={count}&at={moment}"
        signed = signature(code, f"{method} {target}".encode())
        headers = {"firstbell-signature": signed}
        return await stranger.request(method, target, content=body, headers=headers)

    down = await ask("GET", 300_000)
    assert (down.status_code, len(down.content)) == (200, 300_000)
    assert down.headers["content-length"] == "300000"
    assert (await ask("POST", 5, b"12345")).status_code == 204
    assert (await ask("POST", 5, b"1234")).status_code == 400
    assert (await ask("GET", 5, at=1_000_000)).status_code == 401
    assert (await ask("GET", 8_388_609)).status_code == 422
    unsigned = await stranger.get("/v1/probe/throughput?school=A&bytes=5&at=0")
    assert unsigned.status_code == 401
    monkeypatch.setattr(budget, "HOURLY_STEPS", 5)
    assert (await ask("GET", 1)).status_code == 200
    spent = await ask("GET", 1)
    assert (spent.status_code, spent.json()["code"]) == (429, "throughput-spent")
    assert 0 < int(spent.headers["retry-after"]) <= 3601
