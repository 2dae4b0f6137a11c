"""Registering: seats, the waitlist, offers, and nobody at two places at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from api import clock
from api.db.pool import Database
from api.pd.jobs import pass_on_offers
from tests.pd.classroom import Classroom, place_of
from tests.pd.conftest import Caller, add_staff, rows

pytestmark = pytest.mark.usefixtures("schools")


async def test_who_comes_has_a_seat_and_who_comes_later_waits(
    admin: Caller, classroom: Classroom
) -> None:
    held = await classroom.plan(capacity=2)
    people = [await add_staff(admin, f"t{n}") for n in range(4)]
    places = [await classroom.register(held, one) for one in people]
    assert [place["status"] for place in places] == [*["registered"] * 2, *["waitlisted"] * 2]
    assert [place["position"] for place in places] == [None, None, 1, 2]
    # Again, nothing changes.
    assert (await classroom.register(held, people[3]))["position"] == 2
    shown = await admin.get(f"/pd/sessions/{held['id']}")
    assert (shown["seats_taken"], shown["waitlisted"], shown["full"]) == (2, 2, True)
    listed = (await admin.get(f"/pd/sessions/{held['id']}/registrations"))["items"]
    assert [one["staff"] for one in listed] == people
    assert [one["entry"] for one in listed] == [1, 2, 3, 4]


async def test_a_freed_seat_is_offered_to_the_first_and_then_to_the_next(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    held = await classroom.plan(capacity=1)
    first, second, third = [await add_staff(admin, f"t{n}") for n in range(3)]
    for one in (first, second, third):
        await classroom.register(held, one)
    path = f"/pd/sessions/{held['id']}/registrations"
    await admin.post(f"{path}/{second}/accept", status=409)
    await admin.delete(f"{path}/{first}")
    assert await place_of(admin, held, second) == ("offered", None)
    # The offer keeps the seat: who comes now waits behind the third.
    late = await add_staff(admin, "late")
    assert (await classroom.register(held, late))["position"] == 2
    with clock.moved_to(clock.now() + timedelta(hours=25)):
        expired = await admin.post(f"{path}/{second}/accept", status=409)
        assert expired["code"] == "offer-expired"
        await pass_on_offers(database)
        assert await place_of(admin, held, second) == ("cancelled", None)
        assert await place_of(admin, held, third) == ("offered", None)
        for _ in range(2):
            assert (await admin.post(f"{path}/{third}/accept"))["status"] == "registered"
    notices = (await admin.get(f"/pd/sessions/{held['id']}/notices"))["items"]
    assert [(one["kind"], one["staff"]) for one in notices] == [
        ("offered", second),
        ("offer_expired", second),
        ("offered", third),
    ]


async def test_an_offer_ends_when_the_session_starts(admin: Caller, classroom: Classroom) -> None:
    starts = clock.now().replace(microsecond=0) + timedelta(hours=2)
    ends = starts + timedelta(hours=1)
    held = await classroom.plan(capacity=1, starts_at=starts.isoformat(), ends_at=ends.isoformat())
    first, second = [await add_staff(admin, f"t{n}") for n in range(2)]
    for one in (first, second):
        await classroom.register(held, one)
    await admin.delete(f"/pd/sessions/{held['id']}/registrations/{first}")
    listed = (await admin.get(f"/pd/sessions/{held['id']}/registrations?status=offered"))["items"]
    assert datetime.fromisoformat(listed[0]["offer_expires_at"]) == starts.astimezone(UTC)


async def test_a_network_may_give_freed_seats_at_once_to_who_is_free(
    admin: Caller, classroom: Classroom
) -> None:
    await admin.put("/networks/N/pd-rules", {"seat_at_once": True})
    held = await classroom.plan(capacity=1)
    first, busy, able = [await add_staff(admin, f"t{n}") for n in range(3)]
    for one in (first, busy, able):
        await classroom.register(held, one)
    await classroom.register(await classroom.plan(), busy)
    await admin.delete(f"/pd/sessions/{held['id']}/registrations/{first}")
    assert await place_of(admin, held, busy) == ("waitlisted", 1)
    assert await place_of(admin, held, able) == ("registered", None)


async def test_nobody_is_at_two_places_and_the_refusal_says_where_they_are(
    admin: Caller, classroom: Classroom
) -> None:
    held = await classroom.plan()
    overlapping = await classroom.plan(
        starts_at="2027-03-09T10:30", ends_at="2027-03-09T12:30", room="2"
    )
    after = await classroom.plan(starts_at="2027-03-09T11:00", ends_at="2027-03-09T12:00")
    someone = await add_staff(admin, "t1")
    await classroom.register(held, someone)
    refused = await classroom.register(overlapping, someone, status=409)
    assert refused["code"] == "double-booked"
    assert [(one["what"], one["session"], one["staff"]) for one in refused["collisions"]] == [
        ("person", held["id"], someone)
    ]
    # What ends as the other begins is no collision.
    assert (await classroom.register(after, someone))["status"] == "registered"


async def test_who_waits_is_blocked_by_nothing_and_cannot_accept_what_collides(
    admin: Caller, classroom: Classroom
) -> None:
    full = await classroom.plan(capacity=1)
    first, second = [await add_staff(admin, f"t{n}") for n in range(2)]
    for one in (first, second):
        await classroom.register(full, one)
    other = await classroom.plan(room="2")
    assert (await classroom.register(other, second))["status"] == "registered"
    await admin.delete(f"/pd/sessions/{full['id']}/registrations/{first}")
    path = f"/pd/sessions/{full['id']}/registrations/{second}/accept"
    assert (await admin.post(path, status=409))["code"] == "double-booked"
    await admin.delete(f"/pd/sessions/{other['id']}/registrations/{second}")
    assert (await admin.post(path))["status"] == "registered"


async def test_many_are_answered_one_by_one(admin: Caller, classroom: Classroom) -> None:
    held = await classroom.plan(capacity=1)
    one, two, gone = [await add_staff(admin, f"t{n}") for n in range(3)]
    await admin.patch(f"/staff/{gone}", {"active": False})
    nobody = "01890000-0000-7000-8000-000000000000"
    body = {"staff": [gone, one, nobody, two, one]}
    answer = await admin.post(f"/pd/sessions/{held['id']}/registrations", body)
    got = [(row["code"], row["place"] and row["place"]["status"]) for row in answer["items"]]
    assert got == [
        ("staff-inactive", None),
        (None, "registered"),
        ("staff-not-found", None),
        (None, "waitlisted"),
        (None, "registered"),
    ]


async def test_who_left_frees_the_seat(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    held = await classroom.plan(capacity=1)
    first, second = [await add_staff(admin, f"t{n}") for n in range(2)]
    for one in (first, second):
        await classroom.register(held, one)
    await admin.patch(f"/staff/{first}", {"active": False})
    await pass_on_offers(database)
    assert await place_of(admin, held, first) == ("cancelled", None)
    assert await place_of(admin, held, second) == ("offered", None)


async def test_the_database_refuses_one_too_many_whatever_writes_it(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    held = await classroom.plan(capacity=1)
    first, second = [await add_staff(admin, f"t{n}") for n in range(2)]
    for one in (first, second):
        await classroom.register(held, one)
    with pytest.raises(Exception, match="ck_pd_sessions_seats_taken"):
        await rows(
            database,
            "WITH who AS (SELECT set_config('firstbell.actor', 'job:test', true))"
            " UPDATE pd_registrations SET status = 'registered' FROM who RETURNING 1",
        )


async def test_a_session_that_began_takes_nobody(admin: Caller, classroom: Classroom) -> None:
    held = await classroom.plan()
    someone = await add_staff(admin, "t1")
    with clock.moved_to(datetime(2027, 3, 9, 15, 30, tzinfo=UTC)):
        refused = await classroom.register(held, someone, status=409)
    assert refused["code"] == "session-started"


async def test_seats_given_at_once_are_given_as_the_rules_say(
    admin: Caller, classroom: Classroom
) -> None:
    rules = [{"rule": "out_of_school", "severity": "block", "limit": 2}]
    await admin.put("/networks/N/pd-rules", {"rules": rules, "seat_at_once": True})
    held = await classroom.plan(capacity=1)
    away = [await add_staff(admin, f"b{n}", "B") for n in range(4)]
    own = await add_staff(admin, "a")
    for one in (*away, own):
        await classroom.register(held, one)
    await admin.patch(f"/pd/sessions/{held['id']}", {"capacity": 10})
    places = [await place_of(admin, held, one) for one in (*away, own)]
    assert places == [
        ("registered", None),
        ("registered", None),
        ("waitlisted", 1),
        ("waitlisted", 2),
        ("registered", None),
    ]
    # Who is kept back is next once somebody of their school stays.
    await admin.delete(f"/pd/sessions/{held['id']}/registrations/{away[0]}")
    assert await place_of(admin, held, away[2]) == ("registered", None)


async def test_who_waits_beside_a_free_seat_has_it_once_nothing_keeps_them(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    await admin.put("/networks/N/pd-rules", {"seat_at_once": True})
    held, elsewhere = await classroom.plan(capacity=1), await classroom.plan(room="2")
    leaves, waits = [await add_staff(admin, f"t{n}") for n in range(2)]
    for one in (leaves, waits):
        await classroom.register(held, one)
    await classroom.register(elsewhere, waits)
    await admin.delete(f"/pd/sessions/{held['id']}/registrations/{leaves}")
    await pass_on_offers(database)
    assert await place_of(admin, held, waits) == ("waitlisted", 1)
    await admin.delete(f"/pd/sessions/{elsewhere['id']}/registrations/{waits}")
    await pass_on_offers(database)
    assert await place_of(admin, held, waits) == ("registered", None)
