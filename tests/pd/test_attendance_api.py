"""Attendance: hours that are somebody's credit, no-shows, walk-ins, and corrections."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from api import clock
from api.db.pool import Database
from tests.pd.classroom import Classroom, place_of
from tests.pd.conftest import Body, Caller, add_staff, rows

pytestmark = pytest.mark.usefixtures("schools")


@pytest.fixture
def afterwards() -> Iterator[None]:
    with clock.moved_to(datetime(2027, 3, 9, 18, tzinfo=UTC)):
        yield


async def test_attendance_is_written_completed_and_corrected(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    held = await classroom.plan(capacity=2)
    came, absent, walked_in = [await add_staff(admin, f"t{n}") for n in range(3)]
    for one in (came, absent):
        await classroom.register(held, one)
    early = await classroom.attend(held, {"staff": came, "attended": True}, status=409)
    assert early["code"] == "session-not-started"
    with clock.moved_to(datetime(2027, 3, 9, 18, tzinfo=UTC)):
        first = await classroom.attend(held, {"staff": came, "attended": True, "hours": 1.5})
        assert first == {"attended": 1, "no_show": 0, "open": 1, "completed": False}
        # What was held is neither moved nor cancelled.
        path, later = f"/pd/sessions/{held['id']}", {"ends_at": "2027-03-09T12:00"}
        assert (await admin.patch(path, later, 409))["code"] == "attendance-recorded"
        refused = await admin.post(f"{path}/cancel", {"reason": "No."}, 409)
        assert refused["code"] == "attendance-recorded"
        rest = [
            {"staff": absent, "attended": False},
            {"staff": walked_in, "attended": True},
        ]
        assert await classroom.attend(held, *rest) == {
            "attended": 2,
            "no_show": 1,
            "open": 0,
            "completed": True,
        }
        # Somebody signed the wrong list.
        fixed = await classroom.attend(
            held, {"staff": came, "attended": True}, {"staff": walked_in, "attended": False}
        )
        assert (fixed["attended"], fixed["no_show"], fixed["completed"]) == (1, 1, True)
        back = await classroom.attend(held, {"staff": absent, "attended": None})
        assert (back["open"], back["completed"]) == (1, False)
    listed = (await admin.get(f"/pd/sessions/{held['id']}/registrations"))["items"]
    assert [(one["status"], one["hours"], one["walk_in"]) for one in listed] == [
        ("attended", 2, False),
        ("registered", None, False),
        ("cancelled", None, True),
    ]
    told = await rows(
        database,
        "SELECT after ->> 'hours' FROM history WHERE table_name = 'pd_registrations'"
        " AND row_id = (SELECT id::text FROM pd_registrations WHERE staff_id = %s)"
        " AND after ? 'hours' AND operation = 'update' ORDER BY id",
        came,
    )
    assert told == [("1.50",), ("2.00",)]


async def test_a_walk_in_takes_no_seat_and_counts(
    admin: Caller, classroom: Classroom, afterwards: None
) -> None:
    held = await classroom.plan(capacity=1)
    people = [await add_staff(admin, f"t{n}") for n in range(3)]
    got = await classroom.attend(held, *({"staff": one, "attended": True} for one in people))
    assert (got["attended"], got["completed"]) == (3, True)
    assert (await admin.get(f"/pd/sessions/{held['id']}"))["seats_taken"] == 0


async def test_nobody_attends_two_things_at_once(
    admin: Caller, classroom: Classroom, afterwards: None
) -> None:
    one = await add_staff(admin, "t1")
    first, second = await classroom.plan(), await classroom.plan(room="2")
    await classroom.attend(first, {"staff": one, "attended": True})
    other = await add_staff(admin, "t2")
    both = [{"staff": who, "attended": True} for who in (other, one)]
    refused = await classroom.attend(second, *both, status=409)
    assert [(c["staff"], c["session"]) for c in refused["collisions"]] == [(one, first["id"])]
    # All rows, or none.
    assert (await admin.get(f"/pd/sessions/{second['id']}/registrations"))["items"] == []


async def test_what_cannot_be_is_refused(
    admin: Caller, classroom: Classroom, afterwards: None
) -> None:
    held, one = await classroom.plan(), await add_staff(admin, "t1")
    nobody = "01890000-0000-7000-8000-000000000000"
    given: Body
    for given, code in (
        ({"attended": False}, "not-registered"),
        ({"attended": None}, "not-registered"),
        ({"attended": True, "hours": 2.5}, "hours"),
        ({"attended": False, "hours": 1}, "hours"),
        ({"staff": nobody, "attended": True}, "staff-unknown"),
    ):
        refused = await classroom.attend(held, {"staff": one, **given}, status=422)
        assert refused["errors"][0]["code"] == code, given
        assert refused["errors"][0]["pointer"].startswith("/rows/0")


async def test_who_is_offered_a_seat_and_comes_has_it(admin: Caller, classroom: Classroom) -> None:
    held = await classroom.plan(capacity=1)
    first, second = [await add_staff(admin, f"t{n}") for n in range(2)]
    for one in (first, second):
        await classroom.register(held, one)
    await admin.delete(f"/pd/sessions/{held['id']}/registrations/{first}")
    with clock.moved_to(datetime(2027, 3, 9, 18, tzinfo=UTC)):
        got = await classroom.attend(held, {"staff": second, "attended": True})
        assert (got["attended"], got["open"], got["completed"]) == (1, 0, True)
        path = f"/pd/sessions/{held['id']}/registrations/{second}"
        closed = await admin.delete(path, status=409)
        assert closed["code"] == "session-closed"
        assert "attendance can still be corrected" in closed["detail"]
        cancelled = await admin.post(
            f"/pd/sessions/{held['id']}/cancel", {"reason": "Too late."}, status=409
        )
        assert cancelled["code"] == "session-closed"
    assert await place_of(admin, held, second) == ("attended", None)
