"""Courses, sessions and the people of two schools, as the tests of PD need them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from api import clock
from tests.web.world import CHICAGO, World, post

NAMES = (
    *(("Maya", "Lindqvist"), ("Omar", "Haddad"), ("Priya", "Raman"), ("Tomás", "Ibarra")),
    *(("Grace", "Oyelaran"), ("Wei", "Zhang"), ("Hannah", "Abbott"), ("Luis", "Fontaine")),
)


@dataclass(frozen=True)
class Training:
    """Ids by name: staff by their given names, sessions by what they are for."""

    staff: dict[str, str]
    sessions: dict[str, str]
    monday: date


def next_monday() -> date:
    today = datetime.now(CHICAGO).date()
    return today + timedelta(days=7 - today.weekday())


def prepare(world: World) -> Training:
    """A full session with a waitlist, one to come, one held this morning, one without a trainer."""
    monday = next_monday()
    staff = {given: add_person(world, given, family) for given, family in NAMES}
    course(world, "core", "Blended learning, core", 3)
    course(world, "devices", "Device routines", 2)
    sessions = {
        "full": plan(world, "core", monday, "09:00", "12:00", capacity=3, minimum=2),
        "free": plan(world, "devices", monday + timedelta(days=2), "13:30", "15:30", room="Lab 2"),
        "online": plan(world, "core", monday + timedelta(days=8), "15:00", "18:00", school=None),
    }
    people = [staff[given] for given, _ in NAMES[:5]]
    register(world, sessions["full"], people)
    yesterday = datetime.now(CHICAGO) - timedelta(days=1)
    with clock.moved_to(yesterday - timedelta(days=7)):
        sessions["held"] = plan(
            world, "devices", yesterday.date(), "00:30", "02:30", room="Library", capacity=20
        )
        register(world, sessions["held"], list(staff.values())[:6])
    return Training(staff, sessions, monday)


def add_person(world: World, given: str, family: str, school: str = "CHARLIE") -> str:
    person = {
        "school": school,
        "sourced_id": f"t-{given.lower()}",
        "given_name": given,
        "family_name": family,
        "role": "teacher",
    }
    return str(post(world, "/v1/staff", person)["id"])


def course(world: World, code: str, title: str, hours: float, network: str = "NORTH") -> None:
    body = {"code": code, "title": title, "hours": hours, "roles": ["teacher"]}
    post(world, "/v1/pd/courses", {**body, "network": network})


def plan(
    world: World,
    of: str,
    on: date,
    starts: str,
    ends: str,
    school: str | None = "CHARLIE",
    **more: Any,
) -> str:
    """A session by wall time in Chicago; without a school it is online."""
    place = {"school": school} if school else {"online": True, "network": "NORTH"}
    body = {
        "course": of,
        **place,
        "starts_at": f"{on}T{starts}:00",
        "ends_at": f"{on}T{ends}:00",
        "timezone": "America/Chicago",
        "trainer": {"name": f"Noor {of.title()}", "email": f"{of}@trainers.example"}
        if school
        else None,
        "capacity": 10,
        **more,
    }
    body = {name: value for name, value in body.items() if value is not None}
    return str(post(world, "/v1/pd/sessions", body)["id"])


def register(world: World, session: str, people: list[str]) -> None:
    answer = post(world, f"/v1/pd/sessions/{session}/registrations", {"staff": people})
    assert all(row["place"] for row in answer["items"]), answer
