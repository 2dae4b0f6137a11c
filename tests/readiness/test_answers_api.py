"""One school's answer over HTTP: kept, conditional, remembered, and the same for all who ask."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api import clock
from api.auth.passwords import hash_password
from api.auth.rules import Role
from api.auth.service import create_user
from api.db.pool import Database
from api.db.uow import writing
from api.readiness.answers import rendered, store
from api.readiness.load import load
from tests.jobs.waiting import PATIENCE
from tests.readiness.conftest import As, Asker, Body, rows

JULY = datetime(2027, 7, 1, 12, tzinfo=UTC)


async def logged(database: Database) -> int:
    return int((await rows(database, "SELECT count(*) FROM readiness_log"))[0][0])


async def _sample(admin: Asker) -> tuple[Body, Body]:
    """The order's task, and the answer about the school that waits for it."""
    with clock.moved_to(JULY):
        await admin.network(observe_holidays=False)
        await admin.school(
            "KIPP-ASCEND",
            name="KIPP Ascend Charter School",
            model="one_to_one",
            first_bell="2027-08-23",
        )
        po = await admin.task(
            "order:acme:PO-118",
            "KIPP-ASCEND",
            title="Receive PO-118",
            kind="order",
            gate=False,
            workstream="devices",
            duration_days=0,
            owner_email="tech@kipp.example",
        )
        after = ["order:acme:PO-118"]
        ready: list[Body] = []

        async def gate(key: str, workstream: str, done: bool = False, **given: Any) -> Body:
            made = await admin.task(key, "KIPP-ASCEND", workstream=workstream, **given)
            if done:
                ready.append(await admin.complete(made))
            return made

        await gate("devices.enroll", "devices", duration_days=3, depends_on=after)
        await gate("devices.carts", "devices")
        for number in range(3):
            await gate(f"devices.{number}", "devices", done=True)
        for number in range(5):
            await gate(f"after.{number}", "change", depends_on=after)
        accounts, pd = await gate("accounts.created", "accounts"), await gate("pd.core", "pd")
        for number in range(11):
            await gate(f"infra.{number}", "infrastructure", done=True)
        filters = await gate("infra.filter", "infrastructure")
        await admin.evidence(accounts, done=4, total=5)
        await admin.evidence(pd, done=3, total=4)
        await admin.evidence(filters, done=0, expected_on="2027-09-20")
        waived = {"reason": "borrowed filter", "expires_on": "2027-09-30"}
        await admin.post(f"/tasks/{filters['id']}/waivers", waived, 201)
        await admin.evidence(po, done=240, total=320, unit="devices", expected_on="2027-08-13")

        shown = await admin.readiness("kipp-ascend")
        assert len(ready) == 14
        return po, shown


async def test_the_sample_of_the_design_through_the_public_api(admin: Asker) -> None:
    """24 gates, 15 satisfied and one of them waived; 80 of 320 devices promised for 13 August."""
    po, shown = await _sample(admin)
    assert (shown["verdict"], shown["percent"], shown["progress"]) == ("at_risk", 62, 0.68)
    assert shown["gates"] == {"satisfied": 15, "total": 24, "waived": 1}
    assert shown["forecast"] == {"ready_on": "2027-08-18", "float_days": 2}
    assert [(s["key"], s["start"], s["finish"], s["reason"]) for s in shown["critical_path"]] == [
        ("order:acme:PO-118", "2027-07-01", "2027-08-13", "promised 13 Aug"),
        ("devices.enroll", "2027-08-16", "2027-08-18", "after order:acme:PO-118"),
    ]
    blocker = shown["blockers"][0]
    assert (blocker["task_id"], blocker["unblocks"]) == (po["id"], 6)
    assert blocker["why"] == "80 of 320 devices outstanding, promised 13 Aug"
    assert (blocker["must_finish_by"], blocker["owner_email"]) == (
        "2027-08-17",
        "tech@kipp.example",
    )
    assert shown["without_waivers"] == {"verdict": "late", "percent": 58}
    assert shown["workstreams"][0]["evidence"][0]["expected_on"] == "2027-08-13"


async def test_it_is_read_by_id_and_by_code_in_any_case(admin: Asker, school: Body) -> None:
    answers = [
        await admin.ask("GET", f"/schools/{name}/readiness")
        for name in (school["id"], "A", "a", "%20a", school["id"].upper())
    ]
    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    "name", ["B", "%ED%A0%80", "%FF", "a'b", "00000000-0000-7000-8000-000000000000"]
)
async def test_an_unknown_school_is_not_found(admin: Asker, school: Body, name: str) -> None:
    assert (await admin.get(f"/schools/{name}/readiness", 404))["code"] == "school-not-found"


async def test_an_unchanged_answer_is_not_sent_again(admin: Asker, school: Body) -> None:
    task = await admin.task("t")
    first = await admin.ask("GET", "/schools/A/readiness")
    tag = first.headers["etag"]
    again = await admin.ask("GET", "/schools/A/readiness", if_none_match=tag)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    head = await admin.ask("HEAD", "/schools/A/readiness")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert head.headers["content-length"] == str(len(first.content))
    await admin.complete(task)
    changed = await admin.ask("GET", "/schools/A/readiness", if_none_match=tag)
    assert (changed.status_code, changed.json()["verdict"]) == (200, "ready")
    assert changed.headers["etag"] != tag


async def test_who_may_not_see_the_school_is_told_it_is_not_there(
    admin: Asker, lead: Asker, asking: As, school: Body
) -> None:
    await admin.network("M")
    foreign = await admin.school("B", network="M")
    await admin.school("C")
    for name in ("B", foreign["id"], "C"):
        assert (await lead.get(f"/schools/{name}/readiness", 404))["code"] == "school-not-found"
        await lead.get(f"/schools/{name}/graph", 404)
        await lead.get(f"/schools/{name}/readiness/history", 404)
    assert (await lead.readiness())["school"]["id"] == school["id"]
    async with asking(Role.ops, network_id=UUID(foreign["network_id"])) as other:
        await other.get(f"/schools/{school['id']}/readiness", 404)
        assert (await other.readiness("B"))["verdict"] == "unplanned"


async def test_a_person_signed_in_reads_the_schools_that_are_theirs(
    admin: Asker, app: FastAPI, database: Database, school: Body
) -> None:
    await admin.school("C")
    password = "correct horse battery"
    async with writing(database, "job:test") as session:
        await create_user(
            session,
            email="lead@school.org",
            name="Lead",
            role=Role.school_lead,
            network_id=UUID(school["network_id"]),
            school_ids=[UUID(school["id"])],
            password_hash=await hash_password(password),
        )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://firstbell.test"
    ) as client:
        person = Asker(client)
        await person.post("/sign-in", {"email": "lead@school.org", "password": password})
        for name in ("A", school["id"]):
            assert (await person.readiness(name))["school"]["id"] == school["id"]
        await person.get("/schools/C/readiness", 404)
        await person.ask("DELETE", "/sign-in", origin="http://firstbell.test")
        await person.get("/schools/A/readiness", 401)


async def test_a_revoked_token_opens_not_one_more_answer(
    admin: Asker, asking: As, school: Body
) -> None:
    async with asking(Role.viewer) as other:
        tag = (await other.ask("GET", "/schools/A/readiness")).headers["etag"]
        (token,) = [
            one for one in (await admin.get("/tokens"))["items"] if one["name"] == Role.viewer
        ]
        await admin.ask("DELETE", f"/tokens/{token['id']}")
        for known in ("", tag):
            answer = await other.ask("GET", "/schools/A/readiness", if_none_match=known)
            assert (answer.status_code, answer.headers.get("etag")) == (401, None)


async def test_who_may_not_read_answers_is_told_so_whatever_the_school(
    asking: As, school: Body
) -> None:
    async with asking(Role.ops, scopes=["tasks:read"]) as narrow:
        for name in ("A", "B"):
            assert (await narrow.get(f"/schools/{name}/readiness", 403))["code"] == "forbidden"


async def test_an_archived_school_still_answers(admin: Asker, school: Body) -> None:
    await admin.change("/schools/A", {"archived": True})
    assert (await admin.readiness())["verdict"] == "unplanned"
    assert (await admin.board())["items"] == []


async def test_without_rollout_gates_or_first_bell(admin: Asker) -> None:
    await admin.network()
    await admin.school("BARE")
    bare = await admin.readiness("BARE")
    assert (bare["verdict"], bare["rollout"], bare["percent"]) == ("unplanned", None, None)
    await admin.task("t", "BARE")
    undated = await admin.readiness("BARE")
    assert (undated["verdict"], undated["percent"]) == ("unscheduled", 0)
    assert undated["forecast"]["ready_on"] is not None
    assert undated["forecast"]["float_days"] is None
    assert [row["verdict"] for row in (await admin.board())["items"]] == ["unscheduled"]


async def test_what_was_said_then(admin: Asker, school: Body) -> None:
    async def then(moment: datetime, status: int = 200) -> Any:
        stamp = moment.isoformat().replace("+00:00", "Z")
        return await admin.get(f"/schools/A/readiness?as_of={stamp}", status)

    with clock.moved_to(JULY):
        task = await admin.task("t")
        said = await admin.readiness()
    with clock.moved_to(JULY + timedelta(hours=2)):
        await admin.complete(task)
        assert (await admin.readiness())["verdict"] == "ready"
    assert (await then(JULY + timedelta(hours=1))) == said
    assert (await then(JULY + timedelta(hours=3)))["verdict"] == "ready"
    assert (await then(JULY - timedelta(hours=1), 404))["code"] == "nothing-said"
    history = (await admin.get("/schools/A/readiness/history"))["items"]
    assert [row["verdict"] for row in history] == ["ready", "on_track"]
    oldest = await admin.get("/schools/A/readiness/history?sort=said_at&limit=1")
    assert [row["verdict"] for row in oldest["items"]] == ["on_track"]


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        ("9999-12-31T23:59:59-12:00", 200),
        ("0001-01-01T00:00:00%2B14:00", 404),
        ("2027-07-01T12:00:00", 422),
        ("yesterday", 422),
    ],
)
async def test_moments_at_the_ends_of_time(
    admin: Asker, school: Body, moment: str, status: int
) -> None:
    await admin.readiness()
    await admin.get(f"/schools/A/readiness?as_of={moment}", status)


async def test_the_log_grows_when_the_answer_changes_and_once_a_day(
    admin: Asker, database: Database, school: Body
) -> None:
    with clock.moved_to(JULY):
        task = await admin.task("t")
        for _ in range(3):
            await admin.readiness()
        assert await logged(database) == 1
        # A change of the network that changes nothing here: computed again, and said already.
        await admin.network_task("n")
        await admin.readiness()
        assert await logged(database) == 1
        await admin.evidence(task, done=1, total=2)
        await admin.readiness()
        assert await logged(database) == 2
    with clock.moved_to(JULY + timedelta(days=1)):
        await admin.readiness()
        await admin.readiness()
        assert await logged(database) == 3


async def test_all_who_ask_first_after_a_change_hear_the_same(
    admin: Asker, database: Database, school: Body
) -> None:
    task = await admin.task("t")
    for number in range(3):
        before = await logged(database)
        await admin.evidence(task, done=number, total=9)
        paths = ["/schools/A/readiness"] * 32 + ["/readiness"] * 4
        answers = await asyncio.gather(*(admin.ask("GET", path) for path in paths))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.content for answer in answers[:32]}) == 1
        done = answers[0].json()["workstreams"][0]["evidence"][0]["done"]
        assert done == number
        assert await logged(database) == before + 1


async def test_a_slow_reader_never_replaces_a_newer_answer(
    admin: Asker, database: Database, school: Body
) -> None:
    """Two processes: one has read its snapshot, then the other answers after a change."""
    task = await admin.task("t")
    now = clock.now()
    async with database.raw() as slow:
        (loaded,) = await load(slow, [UUID(school["id"])], now)
    await admin.complete(task)
    newer = await admin.readiness()
    async with database.raw() as slow:
        await store(slow, [rendered(loaded, now)])
    assert await admin.readiness() == newer
    assert await logged(database) == 1
    # Nor does one of the same revision take away the version that readers hold.
    async with database.raw() as other:
        (same,) = await load(other, [UUID(school["id"])], now)
        await store(other, [rendered(same, clock.now())])
    assert await admin.readiness() == newer
    assert await logged(database) == 1


async def test_a_failed_statement_leaves_the_pool_as_it_was(
    admin: Asker, database: Database, school: Body
) -> None:
    await admin.task("t")
    for _ in range(3):
        with pytest.raises(psycopg.Error):
            await _fail_inside_a_pipeline(database)
    # A connection left in autocommit would commit the first of two writes of one transaction.
    with pytest.raises(psycopg.errors.DivisionByZero):
        await _fail_after_a_write(database)
    assert (await admin.readiness())["school"]["name"] == "School A"


async def _fail_inside_a_pipeline(database: Database) -> None:
    async with database.raw() as connection, connection.pipeline():
        await connection.execute(b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        await connection.execute(b"SELECT 1/0")
        await connection.execute(b"COMMIT")


async def _fail_after_a_write(database: Database) -> None:
    for _ in range(database.pool.max_size):
        async with database.pool.connection() as connection:
            assert not connection.autocommit
            await connection.execute(b"UPDATE readiness_answers SET verdict = 'late'")
            await connection.execute(b"SELECT 1/0")


async def test_readers_who_leave_do_not_poison_the_pool(
    admin: Asker, database: Database, school: Body
) -> None:
    task = await admin.task("t")
    for number in range(12):
        await admin.evidence(task, done=number, total=99)
        left = [asyncio.ensure_future(admin.readiness()) for _ in range(6)]
        left.append(asyncio.ensure_future(admin.board()))
        await asyncio.sleep(0.004 * number)
        for reader in left:
            reader.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    body = await admin.readiness()
    assert body["workstreams"][0]["evidence"][0]["done"] == 11
    # All come back, if not in the same moment.
    async with asyncio.timeout(PATIENCE):
        while (  # noqa: ASYNC110 (the pool has no event for it)
            stats := database.pool.get_stats()
        )["pool_available"] < stats["pool_size"]:
            await asyncio.sleep(0.01)
    async with database.pool.connection() as connection:
        assert not connection.autocommit


async def test_a_school_that_cannot_be_planned_says_so(admin: Asker, school: Body) -> None:
    """Off for more than five years: nobody can say when a task of 30 days would end."""
    await admin.task("t", duration_days=30)
    days = [date(2027, 6, 1) + timedelta(days=n) for n in range(366 * 6)]
    weekdays = [day.isoformat() for day in days if day.weekday() < 5]
    await admin.school("B", first_bell="2027-08-23")
    await admin.task("t", "B")
    with clock.moved_to(datetime(2027, 5, 25, 15, tzinfo=UTC)):
        await admin.change("/networks/N", {"blackout_days": weekdays[:1500]})
        await admin.change("/schools/A", {"blackout_days": weekdays[1500:]})
        refusal = await admin.get("/schools/A/readiness", 422)
        assert refusal["code"] == "no-working-day"
        assert (await admin.get("/schools/A/graph", 422))["code"] == "no-working-day"
        assert (await admin.readiness("B"))["verdict"] == "on_track"
        board = {row["school"]["code"]: row for row in (await admin.board())["items"]}
        assert board["A"]["verdict"] == "unscheduled"
        assert board["A"]["problem"]["code"] == "no-working-day"
        assert "problem" not in board["B"]
        assert {one["school"]["code"] for one in (await admin.get("/actions"))["items"]} == {"B"}


async def test_the_farthest_dates_are_answered(admin: Asker, school: Body) -> None:
    before: list[str] = []
    for number in range(4):
        await admin.task(f"t{number}", duration_days=2000, depends_on=before)
        before = [f"t{number}"]
    last = await admin.task("last", not_before="2100-12-31")
    answer = await admin.readiness()
    assert (answer["verdict"], answer["forecast"]["ready_on"]) == ("late", "2100-12-31")
    await admin.evidence(last, done=1, total=1, valid_until="2100-12-31T00:00:00Z")
    await admin.change("/schools/A", {"timezone": "Pacific/Kiritimati"})
    assert (await admin.readiness())["gates"]["satisfied"] == 1
    assert len((await admin.board())["items"]) == 1
