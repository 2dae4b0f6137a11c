"""The stored answer is always what a fresh computation says, whatever is written meanwhile."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api import clock, wiring
from api.db.pool import Database
from tests.readiness.conftest import Asker, Body
from tests.readiness.fresh import body_of, comparable, fresh_answer

START = datetime(2027, 6, 1, 15, tzinfo=UTC)
ZONES = ("America/Chicago", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu")
# What a rule or a race of the walk with itself may answer; anything else is a fault.
REFUSALS = {403, 404, 409, 422}


class Walk:
    """Random writes through the public API, with the clock moving between them."""

    def __init__(self, admin: Asker, database: Database, seed: int) -> None:
        self.admin, self.database = admin, database
        self.random = random.Random(seed)  # noqa: S311 (a walk, not a secret)
        self.now = START
        self.accepted: Counter[str] = Counter()
        self.made = 0
        self.schools: dict[str, UUID] = {}

    async def begin(self) -> None:
        await self.admin.network()
        for number, code in enumerate(("A", "B", "C")):
            bell = {} if code == "C" else {"first_bell": "2027-06-25", "wave": code}
            made = await self.admin.school(code, timezone=ZONES[number], **bell)
            self.schools[code] = UUID(made["id"])
        for code in self.schools:
            for number in range(4):
                await self.admin.task(f"t{number}", code, duration_days=number)
        for key in ("n0", "n1"):
            await self.admin.network_task(key)

    async def say(self, name: str, method: str, path: str, body: Body | None = None) -> Any:
        answer = await self.admin.ask(method, path, body)
        if answer.is_success:
            self.accepted[name] += 1
            return answer.json() if answer.content else None
        assert answer.status_code in REFUSALS, (name, path, body, answer.text)
        return None

    async def patch(self, name: str, path: str, body: Body) -> None:
        read = await self.admin.ask("GET", path)
        if not read.is_success:
            assert read.status_code == 404
            return
        answer = await self.admin.ask("PATCH", path, body, if_match=read.headers["etag"])
        assert answer.is_success or answer.status_code in REFUSALS, (name, body, answer.text)
        self.accepted[name] += answer.is_success

    def code(self) -> str:
        return self.random.choice(sorted(self.schools))

    async def tasks(self, school: str | None = None) -> list[Body]:
        path = "/networks/N/tasks" if school is None else f"/schools/{school}/tasks"
        answer = await self.admin.ask("GET", f"{path}?limit=1000&sort=key")
        items: list[Body] = answer.json()["items"] if answer.is_success else []
        return items

    async def some_task(self) -> Body | None:
        found = await self.tasks(self.random.choice([*sorted(self.schools), None]))
        return self.random.choice(found) if found else None

    def day(self) -> str:
        near = self.now.date() + timedelta(days=self.random.randint(-8, 30))
        return near.isoformat()

    async def create(self) -> None:
        self.made += 1
        school = self.code()
        known = [task["key"] for task in await self.tasks(school)] + ["n0"]
        body = {
            "key": f"more{self.made}",
            "title": "More",
            "gate": self.random.random() < 0.6,
            "workstream": self.random.choice(["devices", "pd", "food"]),
            "duration_days": self.random.randint(0, 9),
            "depends_on": self.random.sample(known, min(2, len(known))),
        }
        await self.say("create", "POST", f"/schools/{school}/tasks", body)

    async def edit(self) -> None:
        task = await self.some_task()
        if task is None:
            return
        changes: list[Body] = [
            {"title": f"Title {self.random.random()}"},
            {"gate": not task["gate"]},
            {"duration_days": self.random.randint(0, 12)},
            {"not_before": self.random.choice([None, self.day()])},
            {"owner_email": f"{self.random.randint(0, 9)}@school.example"},
            {"workstream": self.random.choice(["devices", "accounts", "food"])},
        ]
        await self.patch("edit", f"/tasks/{task['id']}", self.random.choice(changes))

    async def move(self) -> None:
        task = await self.some_task()
        if task is None:
            return
        move = self.random.choice(["start", "complete", "complete", "reopen", "skip", "cancel"])
        given = {"start": "override_reason", "complete": "override_reason"}.get(move, "reason")
        await self.say(move, "POST", f"/tasks/{task['id']}/{move}", {given: "because"})

    async def evidence(self) -> None:
        task = await self.some_task()
        if task is None:
            return
        until = self.now + timedelta(minutes=self.random.randint(-600, 60 * 24 * 20))
        total = self.random.choice([0, 3, 3, 3, None])
        body = {
            "done": self.random.randint(0, 3),
            "total": total,
            "unit": "devices",
            "expected_on": self.random.choice([None, self.day()]),
            "lead_days": self.random.choice([None, 7]),
            "spread_days": self.random.choice([None, 8]),
            "valid_until": self.random.choice([None, until.isoformat()]),
            "cause": self.random.choice([None, "40 devices on no order"]),
        }
        await self.say("evidence", "POST", f"/tasks/{task['id']}/evidence", body)

    async def connect(self) -> None:
        mine = await self.tasks(self.code())
        before = self.random.choice([mine, await self.tasks()])
        if not mine or not before:
            return
        path = f"/tasks/{self.random.choice(mine)['id']}/dependencies"
        path += f"/{self.random.choice(before)['id']}"
        if self.random.random() < 0.3:
            await self.say("disconnect", "DELETE", path)
        else:
            await self.say("connect", "PUT", path, {"lag_days": self.random.randint(0, 4)})

    async def waive(self) -> None:
        task = await self.some_task()
        if task is None:
            return
        until = self.random.choice([None, self.day()])
        body = {"reason": "borrowed", "expires_on": until}
        made = await self.say("waive", "POST", f"/tasks/{task['id']}/waivers", body)
        if made and self.random.random() < 0.4:
            await self.say("revoke", "POST", f"/waivers/{made['id']}/revoke")

    async def network(self) -> None:
        blackout = sorted({self.day() for _ in range(self.random.randint(0, 3))})
        changes: list[Body] = [
            {"blackout_days": blackout},
            {"weekend": self.random.choice([[5, 6], [4, 5], [6]])},
            {"observe_holidays": self.random.random() < 0.5},
            {"country": "CA", "region": "ON"},
            {"country": "US", "region": "IL"},
        ]
        await self.patch("network", "/networks/N", self.random.choice(changes))

    async def school(self) -> None:
        changes: list[Body] = [
            {"name": f"Name {self.random.random()}"},
            {"timezone": self.random.choice(ZONES)},
            {"blackout_days": sorted({self.day() for _ in range(2)})},
        ]
        await self.patch("school", f"/schools/{self.code()}", self.random.choice(changes))

    async def shift(self) -> None:
        body: Body = {"first_bell": max(self.day(), "2027-06-10")}
        if self.random.random() < 0.5:
            body["wave"] = "A"
        await self.say("shift", "POST", "/networks/N/first-bell", body)

    async def rollout(self) -> None:
        changes: list[Body] = [
            {"first_bell": self.random.choice([None, self.day()])},
            {"wave": self.random.choice(["A", "B"])},
            {"model": "flexible"},
        ]
        path = f"/schools/{self.code()}/rollout"
        await self.patch("rollout", path, self.random.choice(changes))

    async def close_and_open(self) -> None:
        code = self.code()
        await self.patch("close", f"/schools/{code}/rollout", {"state": "closed"})
        if self.random.random() < 0.5:
            await self.check(code)
        body = {"first_bell": self.day(), "wave": "A"}
        await self.say("open", "POST", f"/schools/{code}/rollouts", body)
        self.made += 1
        task = {"key": f"anew{self.made}", "title": "Anew", "gate": True}
        await self.say("create", "POST", f"/schools/{code}/tasks", task)

    async def playbook(self) -> None:
        body = {"playbook": "flexible", "first_bell": self.day()}
        await self.say("playbook", "POST", f"/schools/{self.code()}/rollouts", body)

    async def bulk(self) -> None:
        body = {
            "action": self.random.choice(["start", "complete", "reopen"]),
            "key": f"t{self.random.randint(0, 3)}",
            "network": "N",
            "reason": "all of them",
        }
        await self.say("bulk", "POST", "/tasks/bulk", body)

    async def midnight(self) -> None:
        """What the minute's job does."""
        await wiring.refresh(self.database)
        self.accepted["midnight"] += 1

    async def check(self, code: str) -> None:
        answer, row = await fresh_answer(self.database, self.schools[code])
        for way in self.random.sample(("document", "board"), 2):
            if way == "document":
                body = await self.admin.readiness(code)
                assert comparable(body) == body_of(answer)
            else:
                board = await self.admin.board()
                [shown] = [one for one in board["items"] if one["school"]["code"] == code]
                assert shown == row
                assert sum(board["totals"].values()) == len(self.schools)

    def pass_time(self) -> None:
        if self.random.random() < 0.5:
            self.now += timedelta(minutes=self.random.choice([1, 45, 300, 1440, 4000]))
        elif self.random.random() < 0.1:
            # A clock that had run ahead is set right.
            self.now -= timedelta(hours=30)


@pytest.mark.slow
async def test_the_stored_answer_is_a_fresh_one(
    admin: Asker, database: Database, shipped: None
) -> None:
    walk = Walk(admin, database, seed=1)
    ways: list[Callable[[], Awaitable[None]]] = [
        walk.create,
        walk.edit,
        walk.edit,
        walk.move,
        walk.move,
        walk.evidence,
        walk.evidence,
        walk.connect,
        walk.waive,
        walk.network,
        walk.school,
        walk.shift,
        walk.rollout,
        walk.bulk,
        walk.midnight,
    ]
    with clock.moved_to(START):
        await walk.begin()
    every = {
        *("create", "edit", "start", "complete", "evidence", "connect", "waive", "network"),
        *("school", "shift", "rollout", "bulk", "close", "open", "playbook", "midnight"),
    }
    for number in range(24):
        # Six rounds, and more where chance has refused one kind of write every time.
        if number >= 6 and set(walk.accepted) >= every:
            break
        seldom = [walk.close_and_open, walk.playbook] if number % 4 == 2 else []
        for way in walk.random.sample(ways, len(ways)) + seldom:
            walk.pass_time()
            with clock.moved_to(walk.now):
                await way()
                await walk.check(walk.code())
                # Nothing changed: what is stored now has to be right as well.
                await walk.check(walk.code())
    assert set(walk.accepted) >= every


async def test_every_school_changes_when_its_network_does(admin: Asker, school: Body) -> None:
    await admin.school("B", first_bell="2027-08-23")
    for code in ("A", "B"):
        await admin.task("t", code, duration_days=3)
    with clock.moved_to(datetime(2027, 7, 1, 15, tzinfo=UTC)):
        assert {row["ready_on"] for row in (await admin.board())["items"]} == {"2027-07-06"}
        # The 2nd is off too: three working days from the 1st end after Independence Day.
        await admin.change("/networks/N", {"blackout_days": ["2027-07-02"]})
        expected = date(2027, 7, 7).isoformat()
        for code in ("A", "B"):
            assert (await admin.readiness(code))["forecast"]["ready_on"] == expected
        assert {row["ready_on"] for row in (await admin.board())["items"]} == {expected}
