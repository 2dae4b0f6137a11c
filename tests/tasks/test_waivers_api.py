"""Waivers over HTTP: asked for, decided, revoked, run out, superseded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from api import clock
from api.auth.rules import Role
from tests.tasks.conftest import As, Body, Caller, Person

ASKED = {"reason": "borrowed from the library"}


@pytest.fixture
async def gate(admin: Caller, school: Body) -> Body:
    """The only gate of school A."""
    return await admin.task("a", gate=True)


async def ready(caller: Caller) -> Any:
    return (await caller.get("/schools/A/readiness"))["ready"]


async def ask(caller: Caller, task: Body, status: int = 201, **given: Any) -> Body:
    body = await caller.post(f"/tasks/{task['id']}/waivers", ASKED | given, status)
    return dict(body)


async def test_who_may_approve_approves_by_asking(admin: Caller, gate: Body) -> None:
    assert not await ready(admin)
    waiver = await ask(admin, gate)
    assert waiver["state"] == "approved"
    assert waiver["decided_by"] == waiver["requested_by"]
    readiness = await admin.get("/schools/A/readiness")
    assert (readiness["ready"], readiness["gates"]["waived"]) == (True, 1)
    assert readiness["without_waivers"]["percent"] == 0
    assert [w["reason"] for w in readiness["waivers"]] == [ASKED["reason"]]


async def test_a_lead_asks_and_another_decides(admin: Caller, lead: Caller, gate: Body) -> None:
    waiver = await ask(lead, gate)
    assert waiver["state"] == "requested"
    assert not await ready(admin)
    await lead.post(f"/waivers/{waiver['id']}/approve", status=403)
    approved = await admin.post(f"/waivers/{waiver['id']}/approve")
    assert approved["state"] == "approved"
    assert approved["decided_by"] != approved["requested_by"]
    assert await ready(admin)
    problem = await admin.post(f"/waivers/{waiver['id']}/approve", status=409)
    assert problem["code"] == "waiver-refused"
    listed = (await lead.get(f"/tasks/{gate['id']}/waivers"))["items"]
    assert listed == [approved]


async def test_four_eyes_are_not_those_of_one_person_with_two_tokens(
    admin: Caller, person: Person, gate: Body
) -> None:
    await admin.patch("/networks/N", {"four_eyes": True})
    script = await person.token()
    for asker, decider in ((person.browser, script), (script, person.browser)):
        waiver = await ask(asker, gate)
        problem = await decider.post(f"/waivers/{waiver['id']}/approve", status=409)
        assert problem["code"] == "waiver-refused"
        await decider.post(f"/waivers/{waiver['id']}/revoke")
    waiver = await ask(script, gate)
    assert (await admin.post(f"/waivers/{waiver['id']}/approve"))["state"] == "approved"


async def test_who_asked_takes_it_back_by_whatever_token(
    admin: Caller, person: Person, gate: Body
) -> None:
    await admin.patch("/networks/N", {"four_eyes": True})
    waiver = await ask(person.browser, gate)
    stranger, own = [
        await person.token(by=by, role="school_lead", network="N", schools=["A"])
        for by in (admin, None)
    ]
    await stranger.post(f"/waivers/{waiver['id']}/revoke", status=403)
    await own.post(f"/waivers/{waiver['id']}/revoke")


async def test_four_eyes_need_another_person(admin: Caller, calling: As, gate: Body) -> None:
    await admin.patch("/networks/N", {"four_eyes": True})
    waiver = await ask(admin, gate)
    assert waiver["state"] == "requested"
    problem = await admin.post(f"/waivers/{waiver['id']}/approve", status=409)
    assert problem["code"] == "waiver-refused"
    assert not await ready(admin)
    async with calling(Role.ops) as ops:
        await ops.post(f"/waivers/{waiver['id']}/approve")
    assert await ready(admin)


async def test_revoked_is_not_ready_at_once(admin: Caller, gate: Body) -> None:
    waiver = await ask(admin, gate)
    assert await ready(admin)
    assert (await admin.post(f"/waivers/{waiver['id']}/revoke"))["state"] == "revoked"
    assert not await ready(admin)
    await admin.post(f"/waivers/{waiver['id']}/revoke", status=409)
    await admin.post(f"/waivers/{waiver['id']}/approve", status=409)


async def test_who_asked_may_take_it_back(admin: Caller, lead: Caller, gate: Body) -> None:
    waiver = await ask(admin, gate)
    await lead.post(f"/waivers/{waiver['id']}/revoke", status=403)
    await admin.post(f"/waivers/{waiver['id']}/revoke")
    own = await ask(lead, gate)
    assert (await lead.post(f"/waivers/{own['id']}/revoke"))["state"] == "revoked"


async def test_one_is_open_at_a_time(admin: Caller, lead: Caller, gate: Body) -> None:
    first = await ask(lead, gate)
    problem = await ask(admin, gate, 409)
    assert (problem["code"], problem["waiver_id"]) == ("waiver-refused", first["id"])
    await admin.post(f"/waivers/{first['id']}/revoke")
    await ask(admin, gate)


async def test_it_holds_through_its_last_day_and_then_another_may_follow(
    admin: Caller, school: Body
) -> None:
    gate = await admin.task("a", gate=True)
    after = await admin.task("b", depends_on=["a"])
    last = (clock.now() + timedelta(days=2)).date()
    first = await ask(admin, gate, expires_on=str(last))
    evening = datetime(last.year, last.month, last.day, 23, tzinfo=UTC)
    with clock.moved_to(evening):
        await admin.post(f"/tasks/{after['id']}/start")
        await admin.post(f"/tasks/{after['id']}/complete")
        await admin.post(f"/tasks/{after['id']}/reopen")
    with clock.moved_to(evening + timedelta(days=1)):
        problem = await admin.post(f"/tasks/{after['id']}/start", status=409)
        assert problem["blocked_by"] == ["a"]
        await ask(admin, gate)
        await admin.post(f"/tasks/{after['id']}/start")
        states = [w["state"] for w in (await admin.get(f"/tasks/{gate['id']}/waivers"))["items"]]
        assert states == ["revoked", "approved"]
        await admin.post(f"/waivers/{first['id']}/approve", status=409)


async def test_an_expiry_lies_ahead(admin: Caller, lead: Caller, gate: Body) -> None:
    past = clock.today("America/Chicago") - timedelta(days=1)
    problem = await ask(admin, gate, 422, expires_on=str(past))
    assert [one["pointer"] for one in problem["errors"]] == ["/expires_on"]
    waiver = await ask(lead, gate, expires_on=str(past + timedelta(days=2)))
    with clock.moved_to(clock.now() + timedelta(days=4)):
        await admin.post(f"/waivers/{waiver['id']}/approve", status=409)


async def test_of_a_gate_that_it_does_not_outlast_first_bell_is_not_satisfied(
    admin: Caller, gate: Body
) -> None:
    await ask(admin, gate, expires_on="2027-08-22")
    readiness = await admin.get("/schools/A/readiness")
    assert readiness["ready"] is False


@pytest.mark.parametrize("state", ["approved", "requested"])
@pytest.mark.parametrize(
    ("worse", "state_after"),
    [
        ({"done": 4, "total": 10, "expected_on": "2027-08-02"}, "superseded"),
        ({"done": 5, "total": 11, "expected_on": "2027-08-02"}, "superseded"),
        ({"done": 5, "total": 10, "expected_on": "2027-08-03"}, "superseded"),
        ({"done": 6, "total": 10, "expected_on": "2027-08-01"}, None),
        ({"done": 5, "total": 10, "expected_on": "2027-08-02", "cause": "x"}, None),
    ],
)
async def test_worse_evidence_supersedes(
    admin: Caller, lead: Caller, gate: Body, worse: Body, state_after: str | None, state: str
) -> None:
    known = {"done": 5, "total": 10, "expected_on": "2027-08-02"}
    await admin.post(f"/tasks/{gate['id']}/evidence", known)
    await ask(admin if state == "approved" else lead, gate)
    await admin.post(f"/tasks/{gate['id']}/evidence", worse)
    (waiver,) = (await admin.get(f"/tasks/{gate['id']}/waivers"))["items"]
    assert waiver["state"] == (state_after or state)
    assert await ready(admin) is (waiver["state"] == "approved")


async def test_the_first_evidence_is_not_worse(admin: Caller, gate: Body) -> None:
    await ask(admin, gate)
    given = {"done": 0, "total": 300, "expected_on": "2027-08-10"}
    await admin.post(f"/tasks/{gate['id']}/evidence", given)
    assert await ready(admin)


async def test_a_network_task_is_waived_for_all_schools(
    admin: Caller, lead: Caller, school: Body
) -> None:
    ours = await admin.network_task("ours")
    a = await admin.task("a", depends_on=["ours"])
    await admin.post(f"/tasks/{a['id']}/start", status=409)
    waiver = await ask(admin, ours)
    assert waiver["school_id"] is None
    await lead.post(f"/waivers/{waiver['id']}/revoke", status=403)
    await lead.post(f"/tasks/{a['id']}/start")


async def test_what_is_not_there_cannot_be_waived(
    admin: Caller, calling: As, lead: Caller, gate: Body
) -> None:
    for path in (f"/waivers/{uuid4()}/approve", f"/waivers/{uuid4()}/revoke"):
        assert (await admin.post(path, status=404))["code"] == "waiver-not-found"
    waiver = await ask(lead, gate)
    await admin.school("B", first_bell="2027-08-23")
    other = await admin.get("/schools/B")
    limits = {"network_id": UUID(other["network_id"]), "school_ids": [UUID(other["id"])]}
    async with calling(Role.school_lead, **limits) as stranger:
        await stranger.get(f"/tasks/{gate['id']}/waivers", 404)
        await ask(stranger, gate, 404)
        await stranger.post(f"/waivers/{waiver['id']}/revoke", status=404)
    gone = await admin.task("gone")
    await admin.post(f"/tasks/{gone['id']}/cancel", {"reason": "x"})
    assert (await ask(admin, gone, 409))["code"] == "waiver-refused"
