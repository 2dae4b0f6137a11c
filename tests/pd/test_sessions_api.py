"""Planning a session, moving it, cancelling it, losing its trainer."""

from __future__ import annotations

import pytest

from api.db.pool import Database
from tests.pd.classroom import Classroom, place_of
from tests.pd.conftest import Body, Caller, add_staff, rows

pytestmark = pytest.mark.usefixtures("schools")
NEXT_DAY = {"starts_at": "2027-03-10T09:00", "ends_at": "2027-03-10T11:00"}


async def _kinds(admin: Caller, held: Body) -> list[tuple[str, str | None]]:
    listed = (await admin.get(f"/pd/sessions/{held['id']}/notices"))["items"]
    return [(one["kind"], one["staff"]) for one in listed]


async def test_a_session_is_where_and_when_it_was_said(admin: Caller, classroom: Classroom) -> None:
    trainer = await add_staff(admin, "tr", role="trainer")
    held = await classroom.plan(room="Library", trainer={"staff": trainer}, minimum=3)
    assert held["starts_at"] == "2027-03-09T15:00:00Z"
    assert (held["starts_local"], held["timezone"]) == ("2027-03-09T09:00:00", "America/Chicago")
    assert (held["hours"], held["below_minimum"], held["status"]) == (2, True, "open")
    assert held["trainer"] == {"staff": trainer, "name": "Tr of A", "email": None}
    assert held["warnings"] == []
    listed = await admin.get("/pd/sessions?school=A&from=2027-03-09&to=2027-03-09&course=basics")
    assert [one["id"] for one in listed["items"]] == [held["id"]]
    assert (await admin.get("/pd/sessions?from=2027-03-10"))["items"] == []
    assert len((await admin.get(f"/pd/sessions?trainer={trainer}"))["items"]) == 1


async def test_a_room_and_a_trainer_are_taken_once_however_they_are_written(
    admin: Caller, classroom: Classroom
) -> None:
    first = await classroom.plan(room="Room  1", trainer={"name": "Ann", "email": "Ann@x.org"})
    room = await classroom.plan(409, room="room 1")
    assert (room["code"], room["collisions"][0]["what"]) == ("double-booked", "room")
    assert room["collisions"][0]["session"] == first["id"]
    trainer = await classroom.plan(409, trainer={"name": "A. Nother", "email": "ann@X.org"})
    assert trainer["collisions"][0]["what"] == "trainer"
    # The same words elsewhere are another room.
    await classroom.plan(school="B", room="Room 1")
    await classroom.plan(room="Room 1", **NEXT_DAY)


async def test_who_trains_is_nowhere_else(admin: Caller, classroom: Classroom) -> None:
    someone = await add_staff(admin, "t1")
    held = await classroom.plan(trainer={"staff": someone})
    other = await classroom.plan(room="2")
    refused = await classroom.register(other, someone, status=409)
    assert refused["collisions"][0]["session"] == held["id"]
    assert (await classroom.register(held, someone, status=409))["code"] == "double-booked"
    goes = await add_staff(admin, "t2")
    await classroom.register(other, goes)
    path = f"/pd/sessions/{held['id']}/trainer"
    refused = await admin.post(path, {"trainer": {"staff": goes}}, status=409)
    assert refused["collisions"][0]["staff"] == goes
    # Once somebody else trains, they are free.
    await admin.post(path, {"trainer": {"name": "Ann"}})
    # The one from outside is told, and who is relieved.
    assert await _kinds(admin, held) == [("trainer_changed", None), ("trainer_changed", someone)]
    assert (await classroom.register(other, someone))["status"] == "registered"


async def test_a_session_moves_with_all_who_come_or_stays_as_it_is(
    admin: Caller, classroom: Classroom
) -> None:
    held = await classroom.plan(capacity=2)
    one, busy, waits = [await add_staff(admin, f"t{n}") for n in range(3)]
    for each in (one, busy, waits):
        await classroom.register(held, each)
    elsewhere = await classroom.plan(**NEXT_DAY)
    await classroom.register(elsewhere, busy)
    refused = await admin.patch(f"/pd/sessions/{held['id']}", NEXT_DAY, status=409)
    assert [(c["staff"], c["session"]) for c in refused["collisions"]] == [(busy, elsewhere["id"])]
    assert (await admin.get(f"/pd/sessions/{held['id']}"))["starts_at"] == held["starts_at"]
    later = {"starts_at": "2027-03-10T13:00", "ends_at": "2027-03-10T15:00", "room": "3"}
    moved = await admin.patch(f"/pd/sessions/{held['id']}", later)
    assert (moved["sequence"], moved["starts_at"]) == (1, "2027-03-10T19:00:00Z")
    assert moved["revised_at"] > held["revised_at"]
    told = await _kinds(admin, held)
    assert told == [("rescheduled", each) for each in (one, busy, waits)]
    # They are free where it was, and busy where it is.
    assert (await classroom.register(await classroom.plan(room="4"), one))["status"] == "registered"
    clash = await classroom.plan(room="5", starts_at="2027-03-10T14:00", ends_at="2027-03-10T16:00")
    assert (await classroom.register(clash, one, status=409))["code"] == "double-booked"


async def test_more_seats_go_to_who_waits_and_fewer_are_not_below_what_is_taken(
    admin: Caller, classroom: Classroom
) -> None:
    held = await classroom.plan(capacity=1)
    people = [await add_staff(admin, f"t{n}") for n in range(4)]
    for each in people:
        await classroom.register(held, each)
    changed = await admin.patch(f"/pd/sessions/{held['id']}", {"capacity": 3})
    # More seats are no move: a calendar need not say so.
    assert (changed["sequence"], changed["seats_taken"], changed["waitlisted"]) == (0, 3, 1)
    assert await place_of(admin, held, people[1]) == ("offered", None)
    refused = await admin.patch(f"/pd/sessions/{held['id']}", {"capacity": 2}, status=409)
    assert (refused["code"], refused["seats_taken"]) == ("seats-taken", 3)


async def test_a_cancelled_session_frees_everybody_and_is_kept(
    admin: Caller, classroom: Classroom
) -> None:
    held = await classroom.plan(capacity=1, room="1", trainer={"name": "Ann"})
    one, waits = [await add_staff(admin, f"t{n}") for n in range(2)]
    for each in (one, waits):
        await classroom.register(held, each)
    gone = await admin.post(f"/pd/sessions/{held['id']}/cancel", {"reason": "Snow."})
    assert (gone["status"], gone["reason"], gone["sequence"]) == ("cancelled", "Snow.", 1)
    told = await _kinds(admin, held)
    assert told == [("cancelled", one), ("cancelled", waits), ("cancelled", None)]
    again = await classroom.plan(room="1", trainer={"name": "Ann"})
    assert (await classroom.register(again, one))["status"] == "registered"
    for path in ("cancel", f"registrations/{one}/accept"):
        body = {"reason": "Again."} if path == "cancel" else None
        refused = await admin.post(f"/pd/sessions/{held['id']}/{path}", body, status=409)
        assert refused["code"] == "session-closed"
        assert refused["detail"] == "The session is cancelled. Plan another in its place."


async def test_two_hundred_lose_their_trainer_and_keep_their_seats(
    admin: Caller, classroom: Classroom, database: Database
) -> None:
    trainer = await add_staff(admin, "tr", role="trainer")
    held = await classroom.plan(capacity=200, trainer={"staff": trainer})
    await rows(
        database,
        "INSERT INTO staff (id, network_id, school_id, sourced_id, given_name, family_name, role,"
        " active, version, created_at, updated_at) SELECT uuidv7(), network_id, id, 'p' || n,"
        " 'P', 'P', 'teacher', true, 1, now(), now() FROM schools, generate_series(1, 200) n"
        " WHERE code = 'A' RETURNING 1",
    )
    people = [
        str(row[0]) for row in await rows(database, "SELECT id FROM staff WHERE role = 'teacher'")
    ]
    await admin.post(f"/pd/sessions/{held['id']}/registrations", {"staff": people})
    lost = await admin.post(
        f"/pd/sessions/{held['id']}/trainer", {"trainer": None, "reason": "Ill."}
    )
    assert (lost["trainer"], lost["seats_taken"], lost["status"]) == (None, 200, "open")
    assert lost["warnings"][-1]["detail"] == "Nobody is found to train, and 200 seats are taken."
    counts = await rows(database, "SELECT kind, count(*) FROM pd_notices GROUP BY kind")
    # Who comes, and who is relieved.
    assert counts == [("trainer_changed", 201)]
    found = await admin.post(
        f"/pd/sessions/{held['id']}/trainer", {"trainer": {"name": "Ann", "email": "a@x.org"}}
    )
    assert found["trainer"] == {"staff": None, "name": "Ann", "email": "a@x.org"}
    assert [one["rule"] for one in found["warnings"]] == []


async def test_a_time_that_is_none_is_refused(classroom: Classroom) -> None:
    for given, code in (
        ({"starts_at": "2027-03-14T02:30", "ends_at": "2027-03-14T04:00"}, "time-skipped"),
        ({"starts_at": "2027-11-07T01:30", "ends_at": "2027-11-07T04:00"}, "time-ambiguous"),
        ({"ends_at": "2027-03-09T09:00"}, "ends-first"),
        ({"ends_at": "2027-03-11T09:00"}, "too-long"),
        ({"starts_at": "0001-01-01T00:00", "ends_at": "0001-01-01T01:00"}, "out-of-range"),
    ):
        refused = await classroom.plan(422, **given)
        assert refused["errors"][0]["code"] == code, given


async def test_rules_warn_block_or_are_ignored_as_the_network_says(
    admin: Caller, classroom: Classroom, schools: dict[str, Body]
) -> None:
    await admin.patch("/schools/B", {"blackout_days": ["2027-03-09"]})
    someone = await add_staff(admin, "b1", "B")
    early = await classroom.plan(
        school="B", starts_at="2027-03-09T07:00", ends_at="2027-03-09T08:50"
    )
    assert [one["rule"] for one in early["warnings"][:1]] == ["blackout"]
    held = await classroom.plan()
    assert {one["rule"] for one in (await classroom.register(early, someone))["warnings"]} == {
        "blackout"
    }
    got = (await classroom.register(held, someone))["warnings"]
    # No substitute on a day on which nobody is taught.
    assert [one["rule"] for one in got] == ["travel", "blackout"]
    assert got[0]["detail"] == "Only 10 minutes to get to or from elsewhere."
    rules = [{"rule": "travel", "severity": "block", "limit": 15}]
    said = await admin.put("/networks/N/pd-rules", {"rules": rules})
    assert said == await admin.get("/networks/N/pd-rules")
    other = await add_staff(admin, "b2", "B")
    await classroom.register(early, other)
    refused = await classroom.register(held, other, status=409)
    assert (refused["code"], refused["warnings"][0]["rule"]) == ("rule-refused", "travel")
    lacks = {"rules": [{"rule": "travel", "severity": "warn"}]}
    (error,) = (await admin.put("/networks/N/pd-rules", lacks, 422))["errors"]
    assert error["detail"].startswith("Say its `limit`")
    ignored = [{"rule": name, "severity": "ignore"} for name in ("blackout", "substitute")]
    limits = [
        {"rule": name, "severity": "ignore", "limit": 1} for name in ("travel", "out_of_school")
    ]
    await admin.put("/networks/N/pd-rules", {"rules": ignored + limits})
    assert (await classroom.register(held, other))["warnings"] == []


async def test_who_is_missed_goes_by_the_networks_hours_of_classes(
    admin: Caller, classroom: Classroom
) -> None:
    held = await classroom.plan(starts_at="2027-03-09T15:30", ends_at="2027-03-09T16:30")
    first, second = [await add_staff(admin, f"t{n}") for n in range(2)]
    assert (await classroom.register(held, first))["warnings"] == []
    classes = {"begin": "09:00", "end": "16:00"}
    said = await admin.put("/networks/N/pd-rules", {"classes": classes})
    assert said["classes"] == (await admin.get("/networks/N/pd-rules"))["classes"] == classes
    warned = (await classroom.register(held, second))["warnings"]
    assert [one["rule"] for one in warned] == ["substitute"]
    for wrong in ({"begin": "9:00", "end": "16:00"}, {"begin": "16:00", "end": "09:00"}):
        await admin.put("/networks/N/pd-rules", {"classes": wrong}, 422)
    # What is left out is at its default again.
    assert (await admin.put("/networks/N/pd-rules", {}))["classes"]["begin"] == "08:00"


async def test_who_comes_to_a_session_that_moved_is_asked_to_confirm(
    admin: Caller, classroom: Classroom
) -> None:
    held = await classroom.plan(capacity=2)
    stays, leaves, waits = [await add_staff(admin, f"t{n}") for n in range(3)]
    for each in (stays, leaves, waits):
        await classroom.register(held, each)
    path = f"/pd/sessions/{held['id']}"

    async def to_confirm() -> list[str]:
        listed = (await admin.get(f"{path}/registrations"))["items"]
        return [one["staff"] for one in listed if one["to_confirm"]]

    # Next door nobody has to think again.
    assert (await admin.patch(path, {"room": "7"}))["to_confirm"] == 0
    moved = await admin.patch(path, NEXT_DAY)
    # They keep their seats meanwhile; who waits has none to confirm.
    assert (moved["to_confirm"], moved["seats_taken"], moved["waitlisted"]) == (2, 2, 1)
    assert await to_confirm() == [stays, leaves]
    assert (await classroom.register(held, stays))["to_confirm"]
    for _again in range(2):
        placed = await admin.post(f"{path}/registrations/{stays}/accept")
        assert (placed["status"], placed["to_confirm"]) == ("registered", False)
    assert await to_confirm() == [leaves]
    await admin.delete(f"{path}/registrations/{leaves}")
    assert (await admin.get(path))["to_confirm"] == 0
    # Back again, they come as anybody does.
    await admin.post(f"{path}/registrations/{waits}/accept")
    assert await to_confirm() == []


async def test_too_many_teachers_of_one_school_away_at_once_are_counted(
    admin: Caller, classroom: Classroom
) -> None:
    rules = [{"rule": "out_of_school", "severity": "block", "limit": 2}]
    await admin.put("/networks/N/pd-rules", {"rules": rules})
    people = [await add_staff(admin, f"b{n}", "B") for n in range(3)]
    there = [await classroom.plan(room="1"), await classroom.plan(room="2")]
    for held, someone in zip((there[0], there[1]), people[:2], strict=True):
        await classroom.register(held, someone)
    refused = await classroom.register(there[0], people[2], status=409)
    assert "3 teachers of B are away at once, more than 2." in refused["detail"]
    # At their own school nobody is away.
    own = await classroom.plan(school="B")
    assert (await classroom.register(own, people[2]))["status"] == "registered"


async def test_who_moves_with_a_session_is_counted_as_away_once(
    admin: Caller, classroom: Classroom
) -> None:
    rules = [{"rule": "out_of_school", "severity": "block", "limit": 2}]
    await admin.put("/networks/N/pd-rules", {"rules": rules})
    held = await classroom.plan()
    for number in range(2):
        await classroom.register(held, await add_staff(admin, f"b{number}", "B"))
    # Half an hour later, while the same two are where they are now.
    later = {"starts_at": "2027-03-09T09:30", "ends_at": "2027-03-09T11:30"}
    moved = await admin.patch(f"/pd/sessions/{held['id']}", later)
    assert moved["starts_local"] == "2027-03-09T09:30:00"
    other = await classroom.plan(room="2", starts_at="2027-03-10T09:00", ends_at="2027-03-10T11:00")
    await classroom.register(other, await add_staff(admin, "b2", "B"))
    day = {"starts_at": "2027-03-10T09:30", "ends_at": "2027-03-10T11:30"}
    refused = await admin.patch(f"/pd/sessions/{held['id']}", day, status=409)
    assert "3 teachers of B are away at once, more than 2." in refused["detail"]
