"""Training at KIPP: a session that was held, a full one with people who wait, one that was
cancelled, one online. The people are invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from api.demo import story
from api.demo.calls import Calls, DemoRefused
from api.tasks.days import Calendar

# (sourced id, school, given name, family name)
_TEACHERS = (
    ("T-01", "KIPP-ASCEND", "Amara", "Osei"),
    ("T-02", "KIPP-ASCEND", "Ben", "Kowalski"),
    ("T-03", "KIPP-ASCEND", "Celia", "Marquez"),
    ("T-04", "KIPP-ASCEND", "Dev", "Raman"),
    ("T-05", "KIPP-ASCEND", "Elena", "Petrova"),
    ("T-06", "KIPP-ASCEND", "Femi", "Adeyemi"),
    ("T-07", "KIPP-ONE", "Grace", "Lindqvist"),
    ("T-08", "KIPP-ONE", "Hugo", "Tanaka"),
    ("T-09", "KIPP-ONE", "Ines", "Duarte"),
)
_TRAINER = ("P-01", "KIPP-ASCEND", "Jonas", "Whitfield")
_CORE, _MODEL = "blended_core", "one_to_one_teaching"
_OUTSIDE = {"name": "Nadia Rahimi", "email": "nadia@blended-demo.example.org"}


async def tell(calls: Calls, today: date) -> None:
    """Make the staff, the sessions and who goes to them; again, it changes nothing.

    Raises: DemoRefused.
    """
    calendar = story.calendar_of("KIPP", today)
    people = await _staff(calls)
    teachers = [people[one[0]] for one in _TEACHERS]
    known = await calls.get("/v1/pd/sessions", {"network": "KIPP", "limit": "1000"})
    there = {one["room"]: one["id"] for one in known["items"]}

    async def session(room: str | None, day: date, **given: Any) -> str:
        found: str | None = there.get(room)
        return found or await _plan(calls, room, day, **given)

    trainer = {"staff": people[_TRAINER[0]]}
    held = await session("Library", _day(calendar, today, -12), capacity=20, trainer=trainer)
    await _held(calls, held, teachers[:5])
    full = await session("Room 104", _day(calendar, today, 8), capacity=4, trainer=trainer)
    await calls.post(f"/v1/pd/sessions/{full}/registrations", {"staff": teachers[3:]})
    cancelled = await session("Gym", _day(calendar, today, 10), school="KIPP-ONE", capacity=12)
    await calls.make(
        f"/v1/pd/sessions/{cancelled}/cancel",
        {"reason": "The gym's floor is being renewed; another day follows."},
    )
    day = _day(calendar, today, 14)
    online = await session(None, day, school=None, course=_MODEL, capacity=40, trainer=_OUTSIDE)
    await calls.post(f"/v1/pd/sessions/{online}/registrations", {"staff": teachers[:6]})


async def _staff(calls: Calls) -> dict[str, str]:
    """Ids by sourced id."""
    for role, members in (("teacher", _TEACHERS), ("trainer", (_TRAINER,))):
        for sourced_id, school, given, family in members:
            person = {"sourced_id": sourced_id, "given_name": given, "family_name": family}
            await calls.make("/v1/staff", person | {"school": school, "role": role})
    schools = sorted({one[1] for one in _TEACHERS})
    found = [
        person
        for school in schools
        for person in (await calls.get("/v1/staff", {"school": school, "limit": "1000"}))["items"]
    ]
    return {person["sourced_id"]: person["id"] for person in found}


def _day(calendar: Calendar, today: date, working_days: int) -> date:
    return calendar.day(calendar.position(today) + working_days)


async def _plan(calls: Calls, room: str | None, day: date, **given: Any) -> str:
    """A session of six hours at KIPP Ascend; nowhere in particular is online."""
    body: dict[str, Any] = {
        "course": _CORE,
        "school": "KIPP-ASCEND",
        "room": room,
        "starts_at": f"{day}T09:00",
        "ends_at": f"{day}T15:00",
        **given,
    }
    body = {name: value for name, value in body.items() if value is not None}
    if "school" not in body:
        body |= {"online": True, "network": "KIPP"}
    made = await calls.post("/v1/pd/sessions", body)
    planned: str = made["id"]
    return planned


async def _held(calls: Calls, session: str, people: Sequence[str]) -> None:
    """Written down afterwards, from the list at the door; one of them left early."""
    rows: list[dict[str, Any]] = [{"staff": one, "attended": True} for one in people]
    rows[1]["hours"] = 3.5
    answer = await calls.post(f"/v1/pd/sessions/{session}/attendance", {"rows": rows})
    if not answer["completed"]:
        raise DemoRefused("the training that was held is not completed")
