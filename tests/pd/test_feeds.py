"""Calendar links: what they show, when it is built, and what a stranger learns of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from icalendar import Calendar

from api import clock
from api.db.pool import Database
from api.pd.calendar_feeds import PER_GUESSER
from api.pd.calendar_text import render, uid_of
from tests.pd import strict_ical
from tests.pd.classroom import COURSE, Classroom
from tests.pd.conftest import As, Body, Caller, add_staff
from tests.pd.timetable import Timetable


@pytest.fixture
def timetable(database: Database, schools: dict[str, Body]) -> Timetable:
    return Timetable(database, schools["A"]["network_id"])


@pytest.fixture
async def stranger(app: FastAPI) -> Any:
    """A calendar program: it has a link and nothing else."""
    transport = httpx.ASGITransport(app, client=("203.0.113.7", 40000))
    async with httpx.AsyncClient(transport=transport, base_url="http://firstbell.test") as client:
        yield client


async def link(admin: Caller, kind: str, **given: str) -> str:
    made = await admin.post("/calendars", {"kind": kind, **given}, 201)
    url: str = made["url"]
    assert made["webcal"].removeprefix("webcal:") == url.removeprefix("http:")
    return url


async def poll(client: httpx.AsyncClient, url: str, known: str = "") -> httpx.Response:
    return await client.get(url, headers={"if-none-match": known} if known else {})


async def shown(client: httpx.AsyncClient, url: str) -> dict[str, strict_ical.Component]:
    """The events of a feed by UID, as the strict reader and an independent library agree on."""
    answer = await poll(client, url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert "private" in answer.headers["cache-control"]
    strict = {event.value("UID"): event for event in strict_ical.read(answer.content).parts}
    library = {str(event["uid"]): event for event in Calendar.from_ical(answer.content).events}
    assert strict.keys() == library.keys()
    for uid, event in strict.items():
        assert library[uid].decoded("dtstart").strftime("%Y%m%dT%H%M%SZ") == event.value("DTSTART")
        assert str(library[uid]["summary"]) == event.text("SUMMARY")
    return strict


def uids(sessions: Iterable[Any]) -> set[str]:
    return {uid_of(session) for session in sessions}


async def test_a_subscribed_calendar_follows_a_session_that_moves_and_is_cancelled(
    admin: Caller, stranger: httpx.AsyncClient, schools: dict[str, Body]
) -> None:
    await admin.post("/pd/courses", {**COURSE, "title": "Blended basics; day 1"}, 201)
    classroom = Classroom(admin)
    trainer = {"name": "Noor Haddad", "email": "noor@trainers.example"}
    held = await classroom.plan(room="Room 101, east", trainer=trainer)
    ada, uid = await add_staff(admin, "ada"), uid_of(held["id"])
    await classroom.register(held, ada)
    url = await link(admin, "person", staff=ada)
    first = await poll(stranger, url)
    again = await poll(stranger, url)
    assert first.content == again.content, "the bytes are the same at every poll"
    assert (await poll(stranger, url, first.headers["etag"])).status_code == 304
    before = (await shown(stranger, url))[uid]
    # Nine o'clock in Chicago, five days before its clocks change.
    assert before.value("DTSTART") == "20270309T150000Z"
    assert before.text("SUMMARY") == "Blended basics; day 1"
    assert before.text("LOCATION") == "Room 101, east, School A"
    assert before.text("DESCRIPTION") == "Trainer: Noor Haddad"
    assert before.value("STATUS") == "CONFIRMED"

    week_later = {"starts_at": "2027-03-16T09:00", "ends_at": "2027-03-16T11:00"}
    await admin.patch(f"/pd/sessions/{held['id']}", week_later)
    moved = await poll(stranger, url, first.headers["etag"])
    assert moved.status_code == 200
    after = (await shown(stranger, url))[uid]
    assert after.value("DTSTART") == "20270316T140000Z"
    assert int(after.value("SEQUENCE")) > int(before.value("SEQUENCE"))
    assert after.value("DTSTAMP") >= before.value("DTSTAMP")

    await admin.post(f"/pd/sessions/{held['id']}/cancel", {"reason": "Snow"})
    cancelled = (await shown(stranger, url))[uid]
    assert cancelled.value("STATUS") == "CANCELLED"
    assert "Cancelled: Snow" in cancelled.text("DESCRIPTION")
    assert int(cancelled.value("SEQUENCE")) > int(after.value("SEQUENCE"))
    with clock.moved_to(clock.now() + timedelta(weeks=5)):
        assert uid in await shown(stranger, url)
    with clock.moved_to(clock.now() + timedelta(weeks=7)):
        assert await shown(stranger, url) == {}


async def test_each_kind_of_calendar_shows_its_own_sessions(
    admin: Caller, stranger: httpx.AsyncClient, timetable: Timetable, schools: dict[str, Body]
) -> None:
    ada, ben = await add_staff(admin, "ada"), await add_staff(admin, "ben", school="B")
    course = await timetable.course()
    at_b = await timetable.session(course, school_id=schools["B"]["id"])
    outside = {"trainer_name": "Noor", "trainer_email": "noor@t.org", "trainer_key": "noor"}
    online = await timetable.session(course, **outside)
    by_ada = await timetable.session(course, trainer_staff_id=ada, trainer_key=ada)
    await timetable.place(online, ada, "registered")
    await timetable.place(at_b, ada, "waitlisted")
    everything = {at_b, online, by_ada}
    expected = {
        await link(admin, "network", network="N"): everything,
        # What her school sees: she is away then, though it is elsewhere.
        await link(admin, "school", school="A"): {online},
        await link(admin, "school", school="B"): {at_b},
        await link(admin, "person", staff=ada): {online, by_ada},
        await link(admin, "person", staff=ben): set(),
        await link(admin, "trainer", staff=ada): {by_ada},
        await link(admin, "trainer", network="N", trainer="Noor@T.org"): {online},
    }
    for url, sessions in expected.items():
        assert (await shown(stranger, url)).keys() == uids(sessions)
    person, school = list(expected)[3], list(expected)[1]
    etag = (await poll(stranger, person)).headers["etag"]
    # One seat given up and another taken: as many as before, and not the same.
    await timetable.place(online, ada, "cancelled")
    await timetable.place(at_b, ada, "registered")
    assert (await poll(stranger, person, etag)).status_code == 200
    assert (await shown(stranger, person)).keys() == uids({at_b, by_ada})
    assert (await shown(stranger, school)).keys() == uids({at_b})
    assert b"Ada" not in (await poll(stranger, school)).content


async def test_a_body_is_built_once_a_change_however_many_ask(
    admin: Caller,
    stranger: httpx.AsyncClient,
    timetable: Timetable,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[str] = []

    def counted(name: str, *rest: Any) -> bytes:
        built.append(name)
        return render(name, *rest)

    monkeypatch.setattr("api.pd.calendar_feeds.render", counted)
    session = await timetable.session(await timetable.course())
    url = await link(admin, "network", network="N", label="Ours")

    async def crowd() -> set[str]:
        answers = await asyncio.gather(*(poll(stranger, url) for _ in range(24)))
        return {answer.headers["etag"] for answer in answers}

    (before,) = await crowd()
    assert built == ["Ours"]
    await timetable.change(session, room=None)
    (after,) = await crowd()
    assert built == ["Ours"] * 2
    assert before != after
    # Seats that are taken are no change of the calendar.
    ada = await add_staff(admin, "ada")
    await timetable.place(session, ada, "registered")
    assert await crowd() == {after}
    assert built == ["Ours"] * 2
    # Hers has changed by that, and is built once, too.
    hers = await link(admin, "person", staff=ada, label="Hers")
    assert {(await poll(stranger, hers)).status_code for _ in range(3)} == {200}
    assert built == ["Ours", "Ours", "Hers"]


async def test_a_stranger_learns_nothing_and_is_slowed_down_while_links_go_on(
    admin: Caller, stranger: httpx.AsyncClient, timetable: Timetable
) -> None:
    await timetable.session(await timetable.course())
    good = await link(admin, "network", network="N")
    gone = await link(admin, "network", network="N")
    (newest, *_) = (await admin.get("/calendars?sort=-created_at"))["items"]
    await admin.delete(f"/calendars/{newest['id']}")
    assert newest["id"] not in str(await admin.get("/calendars"))
    guesses = [gone, "/v1/calendars/never.ics", f"/v1/calendars/{'A' * 43}.ics"]
    answers = [await poll(stranger, guess) for guess in guesses]
    told = [
        {
            key: value
            for key, value in answer.json().items()
            if key not in ("instance", "request_id")
        }
        for answer in answers
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert told[0] == told[1] == told[2]
    for _ in range(PER_GUESSER.free - len(guesses)):
        await poll(stranger, "/v1/calendars/never.ics")
    # Each of them doubles the wait, so on a slow machine, too, most come too soon.
    more = [await poll(stranger, "/v1/calendars/never.ics") for _ in range(8)]
    refused = [answer for answer in more if answer.status_code == 429]
    assert refused
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert (await poll(stranger, good)).status_code == 200


async def test_past_the_door_or_through_the_router_the_answers_are_the_same(
    app: FastAPI, admin: Caller, stranger: httpx.AsyncClient, timetable: Timetable
) -> None:
    """Under a `root_path` no path begins as the door's, so the router finds the route."""
    await timetable.session(await timetable.course())
    good = httpx.URL(await link(admin, "network", network="N")).path
    etag = (await poll(stranger, good)).headers["etag"]
    transport = httpx.ASGITransport(app, root_path="/below")
    kept: list[list[object]] = []
    async with httpx.AsyncClient(transport=transport, base_url="http://firstbell.test") as routed:
        for client, before in ((stranger, ""), (routed, "/below")):
            answers = [
                await poll(client, before + good),
                await poll(client, before + good, etag),
                await poll(client, before + good, "no tag"),
                await client.get(before + good, headers={"if-match": '"another"'}),
                await poll(client, before + good + "?x=y"),
                await poll(client, before + "/v1/calendars/never.ics"),
                await poll(client, before + "/v1/calendars/%00.ics"),
                await client.head(before + good),
            ]
            statuses = [answer.status_code for answer in answers]
            kept.append([_without_what_differs(answer) for answer in answers])
    assert statuses == [200, 304, 400, 412, 422, 404, 404, 200]
    assert kept[0] == kept[1]


def _without_what_differs(answer: httpx.Response) -> tuple[int, set[str], object]:
    if answer.headers.get("content-type") != "application/problem+json":
        return answer.status_code, set(answer.headers), answer.content
    told = answer.json()
    return answer.status_code, set(answer.headers), (told["code"], told["detail"])


async def test_a_link_is_shown_once_and_kept_only_as_a_digest(
    admin: Caller, calling: As, database: Database, network: Body
) -> None:
    body = {"kind": "network", "network": "N"}
    made = await admin.answer("POST", "/calendars", body, idempotency_key="once")
    replayed = await admin.answer("POST", "/calendars", body, idempotency_key="once")
    assert (made.status_code, replayed.status_code) == (201, 201)
    assert replayed.json() == {**made.json(), "url": None, "webcal": None}
    token = made.json()["url"].removesuffix(".ics").rpartition("/")[2]
    async with database.raw() as connection:
        found = await connection.execute("SELECT l::text FROM calendar_links l")
        ((row,),) = await found.fetchall()
    assert token not in row


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "school", "network": "N"},
        {"kind": "school", "school": "A", "network": "N"},
        {"kind": "trainer", "trainer": "Noor"},
        {"kind": "person"},
        {"kind": "trainer", "network": "N", "trainer": "Nobody"},
    ],
)
async def test_a_calendar_of_nobody_is_refused(
    admin: Caller, schools: dict[str, Body], given: Body
) -> None:
    answer = await admin.answer("POST", "/calendars", given)
    assert answer.status_code == 422, answer.text
