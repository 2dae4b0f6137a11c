"""The operations of courses, sessions and registrations, and what they are called on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.authorization_rules import Case, Reach

Post = Callable[..., Awaitable[Any]]
_COURSE = {"title": "Basics", "hours": 2, "roles": ["teacher"]}
_SESSION = {
    "course": "basics_{place}",
    "school": "{school}",
    "starts_at": "2027-04-01T09:00",
    "ends_at": "2027-04-01T11:00",
    "capacity": 5,
}
_ON = "/v1/pd/sessions/{session_id}"


def _read(path: str, reach: Reach = Reach.NETWORK, **more: Any) -> tuple[Case, ...]:
    return (Case("pd:read", reach, path, **more),)


def _write(
    path: str, body: Any = None, reach: Reach = Reach.SCHOOL, **more: Any
) -> tuple[Case, ...]:
    return (Case("pd:write", reach, path, body, **more),)


def _plan(name: str, what: str, body: Any, method: str = "POST") -> dict[str, tuple[Case, ...]]:
    """Whoever is of another school of the network sees the session, and may not plan it."""
    path = f"/v1/pd/sessions/{{{name}}}{what}"
    return {f"{method} {_ON}{what}": _write(path, body, hidden_sibling=403)}


PD: dict[str, tuple[Case, ...]] = {
    "GET /v1/pd/courses": (
        *_read("/v1/pd/courses", Reach.ANY),
        *_read("/v1/pd/courses?network={network}"),
    ),
    "POST /v1/pd/courses": (
        *_write("/v1/pd/courses", _COURSE | {"code": "all_{place}"}, Reach.EVERYWHERE, status=201),
        *_write(
            "/v1/pd/courses",
            _COURSE | {"code": "new_{place}", "network": "{network}"},
            Reach.WHOLE,
            status=201,
        ),
    ),
    "GET /v1/pd/courses/{course}": _read("/v1/pd/courses/{pd_course}"),
    "PATCH /v1/pd/courses/{course}": _write(
        "/v1/pd/courses/{pd_course}", {"title": "Anew"}, Reach.WHOLE
    ),
    "GET /v1/pd/coverage": (
        *_read("/v1/pd/coverage?school={school}", Reach.SCHOOL),
        *_read("/v1/pd/coverage?network={network}"),
        *_read("/v1/pd/coverage?limit=1000", Reach.SCHOOL, shows='"{school}"'),
    ),
    "GET /v1/networks/{network}/pd-rules": _read("/v1/networks/{network}/pd-rules"),
    "PUT /v1/networks/{network}/pd-rules": _write(
        "/v1/networks/{network}/pd-rules", {"offer_hours": 12}, Reach.WHOLE
    ),
    "GET /v1/pd/sessions": (
        *_read("/v1/pd/sessions?limit=1000", shows='"Room {place}"'),
        *_read("/v1/pd/sessions?school={school}", Reach.SCHOOL),
        *_read("/v1/pd/sessions?network={network}"),
    ),
    "POST /v1/pd/sessions": (
        *_write("/v1/pd/sessions", _SESSION, status=201),
        # What is at no school is the network's.
        *_write(
            "/v1/pd/sessions",
            {name: value for name, value in _SESSION.items() if name != "school"}
            | {"online": True, "network": "{network}"},
            Reach.WHOLE,
            status=201,
        ),
    ),
    f"GET {_ON}": _read("/v1/pd/sessions/{pd_session}"),
    f"GET {_ON}/registrations": _read("/v1/pd/sessions/{pd_session}/registrations"),
    f"GET {_ON}/notices": _read("/v1/pd/sessions/{pd_session}/notices", Reach.WHOLE),
    **_plan("pd_session", "", {"capacity": 7}, "PATCH"),
    **_plan("pd_cancel", "/cancel", {"reason": "Snow."}),
    **_plan("pd_session", "/trainer", {"trainer": {"name": "Ada"}}),
    **_plan("pd_past", "/attendance", {"rows": [{"staff": "{staff}", "attended": True}]}),
    # Each row is answered by itself, so a sibling's people are refused rows of a good answer.
    f"POST {_ON}/registrations": _write(
        "/v1/pd/sessions/{pd_many}/registrations", {"staff": ["{staff}"]}, hidden_sibling=200
    ),
    f"PUT {_ON}/registrations/{{staff_id}}": _write(
        "/v1/pd/sessions/{pd_session}/registrations/{staff}"
    ),
    f"DELETE {_ON}/registrations/{{staff_id}}": _write(
        "/v1/pd/sessions/{pd_leave}/registrations/{staff}", status=204
    ),
    f"POST {_ON}/registrations/{{staff_id}}/accept": _write(
        "/v1/pd/sessions/{pd_offer}/registrations/{staff}/accept"
    ),
}


class _Maker:
    """The sessions of a place, each on a day of its own."""

    def __init__(self, post: Post, names: Mapping[str, str]) -> None:
        self.post, self.names, self._days = post, names, 0

    async def session(self, **given: Any) -> str:
        self._days += 1
        day = f"2027-03-{self._days:02}"
        body = {
            "course": f"basics_{self.names['place']}",
            "school": self.names["school"],
            "starts_at": f"{day}T09:00",
            "ends_at": f"{day}T11:00",
            "capacity": 5,
            **given,
        }
        made: dict[str, str] = await self.post("/pd/sessions", body)
        return made["id"]

    async def register(self, session: str, *staff: str) -> None:
        await self.post(f"/pd/sessions/{session}/registrations", {"staff": list(staff)})


async def make_pd(
    post: Post, delete: Callable[[str], Awaitable[None]], names: Mapping[str, str]
) -> dict[str, str]:
    """The ids of a course of the place, and of a session for each operation on one."""
    place = names["place"]
    course = _COURSE | {"code": f"basics_{place}", "network": names["network"]}
    made = {"pd_course": (await post("/pd/courses", course))["id"]}
    maker, staff = _Maker(post, names), names["staff"]
    person = {"sourced_id": f"other-{place}", "given_name": "Grace", "family_name": "Hopper"}
    other = (await post("/staff", person | {"school": names["school"], "role": "teacher"}))["id"]
    for name in ("session", "cancel", "many", "leave"):
        room = f"Room {place}" if name == "session" else None
        made[f"pd_{name}"] = await maker.session(room=room)
    await maker.register(made["pd_leave"], staff, other)
    made["pd_past"] = await maker.session(starts_at="2026-03-02T09:00", ends_at="2026-03-02T11:00")
    made["pd_offer"] = await maker.session(capacity=1)
    await maker.register(made["pd_offer"], other, staff)
    await delete(f"/pd/sessions/{made['pd_offer']}/registrations/{other}")
    return made
