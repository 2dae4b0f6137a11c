"""Decisions about single tasks over HTTP: what each status allows, and what refuses it."""

from __future__ import annotations

from typing import Any

import pytest

from api.auth.rules import Role
from api.db.pool import Database
from tests.tasks.conftest import As, Body, Caller, rows

REASON = {"reason": "not needed"}
# Per status: the moves it allows, and where each leads.
ALLOWED = {
    "pending": {
        "start": "in_progress",
        "complete": "done",
        "skip": "skipped",
        "cancel": "cancelled",
    },
    "in_progress": {"complete": "done", "skip": "skipped", "cancel": "cancelled"},
    "done": {"reopen": "pending", "cancel": "cancelled"},
    "skipped": {"reopen": "pending", "cancel": "cancelled"},
    "cancelled": {"reopen": "pending"},
}
REACH = {"in_progress": "start", "done": "complete", "skipped": "skip", "cancelled": "cancel"}


def body_of(move: str) -> Body | None:
    return REASON if move in ("skip", "cancel") else None


@pytest.mark.parametrize("status", list(ALLOWED))
async def test_a_status_allows_its_moves_and_no_other(
    admin: Caller, school: Body, status: str
) -> None:
    for move in ("start", "complete", "reopen", "skip", "cancel"):
        path = f"/tasks/{(await admin.task(f'{status}.{move}'))['id']}"
        if status in REACH:
            await admin.post(f"{path}/{REACH[status]}", body_of(REACH[status]))
        if move in ALLOWED[status]:
            moved = await admin.post(f"{path}/{move}", body_of(move))
            assert moved["status"] == ALLOWED[status][move]
        else:
            problem = await admin.post(f"{path}/{move}", body_of(move), 409)
            assert (problem["code"], problem["status"]) == ("transition-refused", 409)
            assert (await admin.get(path))["status"] == status


async def test_moments_follow_the_status(admin: Caller, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    started = await admin.post(f"{path}/start")
    assert started["started_at"] is not None
    assert started["done_at"] is None
    done = await admin.post(f"{path}/complete")
    assert done["started_at"] == started["started_at"]
    assert done["done_at"] is not None
    again = await admin.post(f"{path}/reopen", {"reason": "it broke"})
    assert (again["started_at"], again["done_at"], again["reason"]) == (None, None, "it broke")


async def test_a_blocked_task_names_what_blocks_it(admin: Caller, school: Body) -> None:
    for key in ("z", "m"):
        await admin.task(key)
    c = await admin.task("c", depends_on=["z", "m"])
    for move in ("start", "complete"):
        problem = await admin.post(f"/tasks/{c['id']}/{move}", status=409)
        assert problem["code"] == "task-blocked"
        assert problem["blocked_by"] == ["m", "z"]
    tasks = await admin.tasks()
    await admin.post(f"/tasks/{tasks['m']['id']}/complete")
    await admin.post(f"/tasks/{tasks['z']['id']}/skip", REASON)
    await admin.post(f"/tasks/{c['id']}/start")


async def test_a_network_task_blocks_a_schools(admin: Caller, lead: Caller, school: Body) -> None:
    contract = await admin.network_task("contract")
    a = await admin.task("a", depends_on=["contract"])
    problem = await lead.post(f"/tasks/{a['id']}/start", status=409)
    assert problem["blocked_by"] == ["contract"]
    await admin.post(f"/tasks/{contract['id']}/complete")
    await lead.post(f"/tasks/{a['id']}/start")


async def test_an_override_needs_a_reason_and_keeps_it(
    admin: Caller, database: Database, school: Body
) -> None:
    await admin.task("a")
    b = await admin.task("b", depends_on=["a"])
    path = f"/tasks/{b['id']}/complete"
    await admin.post(path, {"override_reason": "  "}, 422)
    await admin.post(path, {"override_reason": None}, 409)
    done = await admin.post(path, {"override_reason": "the crew came early"})
    assert (done["status"], done["reason"]) == ("done", "the crew came early")
    found = await rows(
        database,
        "SELECT after ->> 'reason', actor FROM history WHERE row_id = %s AND operation = 'update'",
        b["id"],
    )
    assert [row[0] for row in found] == ["the crew came early"]
    assert found[0][1].startswith("token:")


@pytest.mark.parametrize("kind", ["order", "devices", "check", "accounts", "pd", "evidence"])
async def test_evidence_is_required_where_a_workstream_records_it(
    admin: Caller, school: Body, kind: str
) -> None:
    path = f"/tasks/{(await admin.task('a', kind=kind))['id']}"
    await admin.post(f"{path}/start")
    assert (await admin.post(f"{path}/complete", status=409))["code"] == "evidence-required"
    forced = await admin.post(f"{path}/complete", {"override_reason": "counted by hand"})
    assert forced["status"] == "done"


async def test_a_task_that_has_evidence_requires_it(admin: Caller, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    await admin.post(f"{path}/evidence", {"done": 2, "total": 3})
    assert (await admin.post(f"{path}/complete", status=409))["code"] == "evidence-required"


@pytest.mark.parametrize("move", ["skip", "cancel"])
async def test_leaving_out_needs_a_reason(admin: Caller, school: Body, move: str) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    for body in ({}, {"reason": ""}, {"reason": " "}):
        await admin.post(f"{path}/{move}", body, 422)
    assert (await admin.post(f"{path}/{move}", REASON))["reason"] == "not needed"


async def test_cancelling_a_gate_needs_an_admin(admin: Caller, calling: As, school: Body) -> None:
    gate, plain = await admin.task("g", gate=True), await admin.task("p")
    async with calling(Role.ops) as ops:
        problem = await ops.post(f"/tasks/{gate['id']}/cancel", REASON, 403)
        assert problem["code"] == "admin-required"
        await ops.post(f"/tasks/{plain['id']}/cancel", REASON)
    await admin.post(f"/tasks/{gate['id']}/cancel", {}, 422)
    await admin.post(f"/tasks/{gate['id']}/cancel", REASON)


@pytest.mark.parametrize("begin", ["start", "complete", "evidence"])
async def test_a_rollout_is_planned_until_a_task_starts(
    admin: Caller, school: Body, begin: str
) -> None:
    task, other = await admin.task("a"), await admin.task("b")
    await admin.post(f"/tasks/{other['id']}/skip", REASON)
    await admin.post(f"/tasks/{other['id']}/evidence", {"done": 1, "total": 1})
    await admin.post(f"/tasks/{task['id']}/evidence", {"done": 0, "total": 9})
    assert (await admin.get("/schools/A/rollout"))["state"] == "planned"
    body: dict[str, Any] = {"override_reason": "x"}
    await admin.post(f"/tasks/{task['id']}/{begin}", {"done": 1} if begin == "evidence" else body)
    assert (await admin.get("/schools/A/rollout"))["state"] == "active"


async def test_every_decision_is_a_new_version(admin: Caller, school: Body) -> None:
    path = f"/tasks/{(await admin.task('a'))['id']}"
    tags = {(await admin.answer("GET", path)).headers["etag"]}
    for move in ("start", "complete", "reopen", "skip", "reopen", "cancel"):
        tags.add(
            (await admin.answer("POST", f"{path}/{move}", body_of(move) or {})).headers["etag"]
        )
    assert len(tags) == 7


async def test_an_archived_school_is_left_as_it_is(admin: Caller, school: Body) -> None:
    task = await admin.task("a")
    path = f"/tasks/{task['id']}"
    etag = (await admin.answer("GET", path)).headers["etag"]
    await admin.patch("/schools/A", {"archived": True})
    for what, body in (
        ("start", None),
        ("evidence", {"done": 1}),
        ("waivers", {"reason": "x"}),
        ("cancel", REASON),
    ):
        assert (await admin.post(f"{path}/{what}", body, 409))["code"] == "school-archived"
    assert (await admin.answer("PATCH", path, {"title": "B"}, if_match=etag)).status_code == 409
    await admin.post("/schools/A/tasks", {"key": "b", "title": "B"}, 409)
    await admin.patch("/schools/A/rollout", {"first_bell": "2027-08-30"}, 409)
    assert await admin.get(path) == task
