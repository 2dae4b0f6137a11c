"""Short words for sessions and who goes to them, over HTTP."""

from __future__ import annotations

from typing import Any

from tests.tasks.conftest import Body, Caller

COURSE = {"code": "basics", "title": "Basics", "hours": 2, "roles": ["teacher"]}


class Classroom:
    """Sessions of the course `basics` at school A, 9 to 11 on Tuesday 9 March 2027."""

    def __init__(self, admin: Caller) -> None:
        self.admin = admin

    async def plan(self, status: int = 201, /, **given: Any) -> Body:
        """A session; `None` for a field leaves it out."""
        body = {
            "course": "basics",
            "school": "A",
            "starts_at": "2027-03-09T09:00",
            "ends_at": "2027-03-09T11:00",
            "capacity": 10,
            **given,
        }
        body = {name: value for name, value in body.items() if value is not None}
        made: Body = await self.admin.post("/pd/sessions", body, status)
        return made

    async def register(self, held: Body, staff: str, status: int = 200) -> Body:
        path = f"/pd/sessions/{held['id']}/registrations/{staff}"
        answer: Body = await self.admin.put(path, None, status)
        return answer

    async def attend(self, held: Body, *rows: Body, status: int = 200) -> Body:
        path = f"/pd/sessions/{held['id']}/attendance"
        answer: Body = await self.admin.post(path, {"rows": list(rows)}, status)
        return answer


async def place_of(admin: Caller, held: Body, staff: str) -> tuple[str, int | None]:
    """(status, position) of somebody."""
    listed = (await admin.get(f"/pd/sessions/{held['id']}/registrations"))["items"]
    return next((one["status"], one["position"]) for one in listed if one["staff"] == staff)
