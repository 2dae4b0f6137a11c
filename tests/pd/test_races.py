"""Many at once: each seat is given once, those who wait do so in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from api.auth.caller import Caller as Who
from api.auth.rules import Right, Role
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.pd.registrations import register
from api.pd.rush import rush_of
from tests.pd.classroom import Classroom
from tests.pd.conftest import As, Body, Caller, add_staff, rows

pytestmark = pytest.mark.usefixtures("schools")
ANYBODY = Who("user:test", "Test", Role.admin, frozenset(Right), None, None, True)
MANY = (
    "INSERT INTO staff (id, network_id, school_id, sourced_id, given_name, family_name, role,"
    " active, version, created_at, updated_at) SELECT uuidv7(), network_id, id, 'p' || n, 'P', 'P',"
    " 'tech', true, 1, now(), now() FROM schools, generate_series(1, %s) n WHERE code = 'A'"
    " RETURNING id"
)
JUDGE = """
SELECT s.id FROM pd_sessions s
LEFT JOIN pd_registrations r ON r.session_id = s.id AND NOT r.walk_in
  AND r.status IN ('registered', 'offered', 'attended', 'no_show')
GROUP BY s.id HAVING count(r.id) <> s.seats_taken OR count(r.id) > s.capacity
"""


async def people(database: Database, count: int) -> list[str]:
    return [str(row[0]) for row in await rows(database, MANY, count)]


async def both(*calls: Awaitable[Any]) -> list[Any]:
    return list(await asyncio.gather(*calls))


async def test_two_hundred_come_for_thirty_seats(
    admin: Caller, classroom: Classroom, calling: As, database: Database
) -> None:
    """Over HTTP, by two callers, so that batches of both meet on the session."""
    held = await classroom.plan(capacity=30)
    everybody = await people(database, 200)
    async with calling(Role.admin) as other:
        second = Classroom(other)
        answers = await both(
            *(
                (classroom, second)[number % 2].register(held, one)
                for number, one in enumerate(everybody)
            )
        )
    assert Counter(one["status"] for one in answers) == {"registered": 30, "waitlisted": 170}
    assert sorted(one["position"] for one in answers if one["position"]) == list(range(1, 171))
    entries = await rows(
        database, "SELECT staff_id::text, entry, status FROM pd_registrations ORDER BY entry"
    )
    assert [row[1] for row in entries] == list(range(1, 201))
    assert {row[2] for row in entries[:30]} == {"registered"}
    assert await rows(database, JUDGE) == []


async def test_those_who_come_together_are_served_in_the_order_in_which_they_came(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    """They share transactions, of each caller their own, and never overtake each other."""
    held = UUID((await classroom.plan(capacity=30))["id"])
    everybody = [UUID(one) for one in await people(database, 200)]
    callers = [ANYBODY, replace(ANYBODY, actor="user:other")]
    rush = rush_of(database)
    outcomes = await both(
        *(
            rush.join(database, callers[number % 2], held, one, f"r{number}")
            for number, one in enumerate(everybody)
        )
    )
    assert [one.staff_id for one in outcomes] == everybody
    found = await rows(database, "SELECT staff_id FROM pd_registrations ORDER BY entry")
    order = {row[0]: number for number, row in enumerate(found)}
    for whose in (everybody[::2], everybody[1::2]):
        numbers = [order[one] for one in whose]
        assert numbers == sorted(numbers)
    transactions = await rows(database, "SELECT count(DISTINCT xmin::text) FROM pd_registrations")
    assert transactions[0][0] <= 4
    seated = {one.staff_id for one in outcomes if one.place.status == "registered"}
    assert seated == {row[0] for row in found[:30]}


async def test_transactions_of_their_own_do_not_oversell_either(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    """As several processes would: nothing is shared but the session's row."""
    held = await classroom.plan(capacity=5)
    everybody = [UUID(one) for one in await people(database, 24)]

    async def one(person: UUID, session: WriteSession) -> str:
        outcome = (await register(session, ANYBODY, UUID(held["id"]), [person]))[0]
        assert outcome.place is not None
        return outcome.place.status

    got = await both(*(transact(database, "user:test", partial(one, who)) for who in everybody))
    assert Counter(got) == {"registered": 5, "waitlisted": 19}
    assert await rows(database, JUDGE) == []


async def test_somebody_is_registered_for_one_of_two_sessions_at_the_same_time(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    held = [await classroom.plan(room=str(room)) for room in range(3)]
    everybody = await people(database, 6)
    answers = await both(
        *(
            admin.answer("PUT", f"/pd/sessions/{one['id']}/registrations/{who}")
            for who in everybody
            for one in held
        )
    )
    statuses = [answer.status_code for answer in answers]
    assert Counter(statuses) == {200: 6, 409: 12}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "double-booked"
            assert answer.json()["collisions"]
    assert await rows(database, JUDGE) == []


async def test_a_room_and_a_trainer_are_given_to_one_of_those_who_ask_at_once(
    admin: Caller, classroom: Classroom
) -> None:
    body = {
        "course": "basics",
        "school": "A",
        "starts_at": "2027-03-09T09:00",
        "ends_at": "2027-03-09T11:00",
        "capacity": 5,
    }
    asked = [{"room": "Library"}] * 4 + [{"trainer": {"name": "Ann"}}] * 4
    answers = await both(*(admin.answer("POST", "/pd/sessions", body | one) for one in asked))
    made = [answer.status_code for answer in answers]
    assert Counter(made[:4]) == Counter(made[4:]) == {201: 1, 409: 3}
    refused = [answer.json() for answer in answers if answer.status_code == 409]
    assert {one["code"] for one in refused} == {"double-booked"}
    assert Counter(one["collisions"][0]["what"] for one in refused) == {"room": 3, "trainer": 3}


async def test_seats_are_given_up_taken_and_offered_at_once(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    held = await classroom.plan(capacity=4)
    everybody = await people(database, 16)
    path = f"/pd/sessions/{held['id']}/registrations"
    await admin.post(path, {"staff": everybody[:8]})
    calls = [admin.answer("DELETE", f"{path}/{one}") for one in everybody[:4]]
    calls += [admin.answer("PUT", f"{path}/{one}") for one in everybody[8:]]
    calls += [admin.answer("POST", f"{path}/{one}/accept") for one in everybody[4:8]]
    answers = await both(*calls)
    assert {answer.status_code for answer in answers} <= {200, 204, 409}
    found = await rows(database, "SELECT status, entry FROM pd_registrations ORDER BY entry")
    kept = [row for row in found if row[0] in ("registered", "offered")]
    # The four who waited first have the four seats, whoever came meanwhile.
    assert [row[1] for row in kept] == [5, 6, 7, 8]
    assert await rows(database, JUDGE) == []


async def test_a_session_that_moves_and_one_who_comes_meet_without_a_double_booking(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    moving = await classroom.plan(starts_at="2027-03-10T09:00", ends_at="2027-03-10T11:00")
    there = await classroom.plan(room="2")
    someone = await add_staff(admin, "t1")
    await classroom.register(moving, someone)
    etag = (await admin.answer("GET", f"/pd/sessions/{moving['id']}")).headers["etag"]
    onto: Body = {"starts_at": "2027-03-09T10:00", "ends_at": "2027-03-09T12:00"}
    moved, came = await both(
        admin.answer("PATCH", f"/pd/sessions/{moving['id']}", onto, if_match=etag),
        admin.answer("PUT", f"/pd/sessions/{there['id']}/registrations/{someone}"),
    )
    assert sorted((moved.status_code, came.status_code)) == [200, 409]
    refused = (moved if moved.status_code == 409 else came).json()
    assert (refused["code"], refused["collisions"][0]["staff"]) == ("double-booked", someone)
