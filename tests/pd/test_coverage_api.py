"""How far schools are with the courses of their plans, and what their tasks say of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from api import clock
from api.db.pool import Database
from api.db.uow import writing
from api.pd.progress import project
from tests.pd.classroom import Classroom
from tests.pd.conftest import Body, Caller, add_staff, rows

pytestmark = pytest.mark.usefixtures("shipped")
CORE = "pd.core_course"
# Six hours, as the shipped course has.
_DAY = {"course": "blended_core", "starts_at": "2027-03-09T09:00", "ends_at": "2027-03-09T15:00"}


@pytest.fixture
async def planned(admin: Caller, schools: dict[str, Body]) -> Classroom:
    """School A goes one-to-one: nine of ten teachers need six hours of `blended_core`."""
    await admin.patch("/schools/A", {"teacher_count": 3})
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", body, 201)
    return Classroom(admin)


async def _core(admin: Caller) -> Body:
    listed = (await admin.get("/pd/coverage?school=A"))["items"]
    found: Body = next(one for one in listed if one["course"] == "blended_core")
    return found


async def test_a_playbook_brings_its_courses_and_says_how_many_hours_are_needed(
    admin: Caller, planned: Classroom
) -> None:
    courses = {one["code"]: one for one in (await admin.get("/pd/courses"))["items"]}
    core = courses["blended_core"]
    assert (core["network"], core["hours"], core["required_share"]) == (None, 6, 0.9)
    tasks = await admin.tasks()
    told = tasks[CORE]
    assert (told["progress_done"], told["progress_total"], told["unit"]) == (0, 18, "hours")
    assert told["cause"] == "0 of 3 people trained, 3 in no session"
    # Nobody knows how many leaders there are.
    brief = tasks["pd.admin_briefing"]
    assert brief["progress_total"] is None
    assert brief["cause"] == "nobody with the role leader is on the staff list"
    listed = (await admin.get("/pd/coverage?network=N"))["items"]
    assert [one["course"] for one in listed] == [
        "admin_briefing",
        "blended_core",
        "one_to_one_teaching",
    ]
    assert all(one["required"] for one in listed)


async def test_bookings_say_when_and_attendance_says_done(
    admin: Caller, planned: Classroom
) -> None:
    people = [await add_staff(admin, f"t{n}") for n in range(3)]
    held = await planned.plan(**_DAY)
    await planned.register(held, people[0])
    assert await _core(admin) | {"title": ""} == {
        "school": "A",
        "course": "blended_core",
        "title": "",
        "required": True,
        "base": 3,
        "staff_confirmed": False,
        "people": {"needed": 3, "completed": 0, "booked": 1, "uncovered": 2},
        "hours": {"needed": 18, "completed": 0, "booked": 6, "uncovered": 12},
        "expected_on": None,
        "why": "0 of 3 people trained, 1 booked, 2 in no session",
    }
    for one in people[1:]:
        await planned.register(held, one)
    task = (await admin.tasks())[CORE]
    assert (task["expected_on"], task["cause"]) == ("2027-03-09", "0 of 3 people trained, 3 booked")
    with clock.moved_to(datetime(2027, 3, 10, 18, tzinfo=UTC)):
        rows_given = [{"staff": one, "attended": True} for one in people[:2]]
        await planned.attend(held, *rows_given)
        task = (await admin.tasks())[CORE]
        assert (task["progress_done"], task["status"]) == (12, "in_progress")
        assert task["cause"].endswith("attendance is not recorded")
        await planned.attend(held, {"staff": people[2], "attended": True, "hours": 5})
        task = (await admin.tasks())[CORE]
        assert (task["progress_done"], task["expected_on"]) == (17, None)
        await planned.attend(held, {"staff": people[2], "attended": True})
        task = (await admin.tasks())[CORE]
        assert (task["progress_done"], task["status"]) == (18, "done")
        assert task["cause"] == "3 of 3 people trained"
        # A correction opens it again.
        await planned.attend(held, {"staff": people[0], "attended": False})
        assert (await admin.tasks())[CORE]["status"] == "in_progress"


async def test_a_moved_or_cancelled_session_moves_the_task(
    admin: Caller, planned: Classroom
) -> None:
    await admin.patch("/schools/A", {"teacher_count": 1})
    held = await planned.plan(**_DAY)
    await planned.register(held, await add_staff(admin, "t1"))
    assert (await admin.tasks())[CORE]["expected_on"] == "2027-03-09"
    later = {"starts_at": "2027-03-12T09:00", "ends_at": "2027-03-12T15:00"}
    await admin.patch(f"/pd/sessions/{held['id']}", later)
    assert (await admin.tasks())[CORE]["expected_on"] == "2027-03-12"
    await admin.post(f"/pd/sessions/{held['id']}/cancel", {"reason": "Snow."})
    assert (await admin.tasks())[CORE]["expected_on"] is None


async def test_staff_and_their_confirmation_move_what_is_needed(
    admin: Caller, planned: Classroom
) -> None:
    people = [await add_staff(admin, f"t{n}") for n in range(4)]
    assert (await _core(admin))["base"] == 4
    await admin.patch(f"/staff/{people[0]}", {"active": False})
    await admin.patch(f"/staff/{people[1]}", {"role": "tech"})
    # Two are listed, and the school says that there are three.
    assert (await _core(admin))["base"] == 3
    await admin.patch("/schools/A", {"staff_confirmed": True})
    assert (await _core(admin))["base"] == 2
    tasks = await admin.tasks()
    assert tasks[CORE]["progress_total"] == 12
    # A confirmed list without leaders needs none of their hours, which satisfies nothing.
    assert tasks["pd.admin_briefing"]["progress_total"] == 0


async def test_a_changed_course_counts_schools_anew_and_a_networks_own_goes_first(
    admin: Caller, planned: Classroom
) -> None:
    own = {"code": "blended_core", "title": "Ours", "hours": 2, "roles": ["teacher"]}
    made = await admin.post("/pd/courses", own | {"network": "N"}, 201)
    assert (await admin.tasks())[CORE]["progress_total"] == 6
    await admin.patch(f"/pd/courses/{made['id']}", {"hours": 4})
    assert (await admin.tasks())[CORE]["progress_total"] == 12
    taken = await admin.post("/pd/courses", own | {"network": "N"}, 409)
    assert taken["code"] == "course-taken"
    await admin.patch(f"/pd/courses/{made['id']}", {"archived": True})
    refused = await planned.plan(409, **_DAY | {"course": made["id"]})
    assert refused["code"] == "course-archived"


async def test_a_persons_word_stays_until_there_are_records(
    admin: Caller, planned: Classroom
) -> None:
    task = (await admin.tasks())[CORE]
    await admin.post(f"/tasks/{task['id']}/evidence", {"done": 7, "total": 10, "unit": "people"})
    await add_staff(admin, "t0")
    told = (await admin.tasks())[CORE]
    assert (told["progress_done"], told["progress_total"], told["unit"]) == (7, 10, "people")
    held = await planned.plan(**_DAY)
    await planned.register(held, await add_staff(admin, "t1"))
    told = (await admin.tasks())[CORE]
    assert (told["progress_done"], told["progress_total"], told["unit"]) == (0, 18, "hours")


async def test_many_schools_are_counted_in_as_many_statements_as_one(
    admin: Caller, planned: Classroom, database: Database
) -> None:
    await admin.post("/schools/B/rollouts", {"playbook": "one_to_one"}, 201)
    found = await rows(database, "SELECT id FROM schools ORDER BY code")
    ids = [row[0] for row in found]

    async def statements(schools: list[UUID]) -> int:
        asked: list[str] = []

        def counted(_c: Any, _s: Any, statement: str, *_: Any) -> None:
            asked.append(statement)

        event.listen(database.engine.sync_engine, "before_cursor_execute", counted)
        try:
            async with writing(database, "job:test") as session:
                await project(session, schools)
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", counted)
        return len(asked)

    assert await statements(ids) == await statements(ids[:1]) < 20
