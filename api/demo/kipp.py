"""The four schools of KIPP Chicago, told one by one: at risk, late, on track, ready."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from api.demo import orders, story
from api.demo.calls import Calls
from api.demo.story import DEVICES
from api.tasks.days import Calendar

CODES = ("KIPP-ACADEMY", "KIPP-ASCEND", "KIPP-BLOOM", "KIPP-ONE")
CONTRACT = {
    "key": "identity.contract",
    "title": "Sign the contract with the identity provider",
    "workstream": "infrastructure",
    "duration_days": 5,
    "description": "One contract for all schools; no school's single sign-on works before it.",
}
_OWNERS = {
    "technology_director": "technology@kipp-demo.example.org",
    "network_engineer": "network@kipp-demo.example.org",
    "pd_lead": "training@kipp-demo.example.org",
    "registrar": "registrar@kipp-demo.example.org",
    "operations_manager": "operations@kipp-demo.example.org",
    "help_desk_lead": "helpdesk@kipp-demo.example.org",
    "vendor_manager": "purchasing@kipp-demo.example.org",
}
# Beside what the plan wants done by now: what these schools did early.
_ACCOUNTS_EARLY = ("accounts.roster_verified", "accounts.usernames")
_WIRED = ("infrastructure.cabling",)
_COUNTED = ("accounts.create", "infrastructure.wifi")


@dataclass(frozen=True, slots=True)
class Plot:
    """One school's part. `ahead`: days of float that everything not waited for leaves."""

    code: str
    ahead: int
    early: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()
    started: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """A school as the API shows it: tasks by key, edges by key, planned days by key."""

    code: str
    first_bell: date
    tasks: dict[str, dict[str, Any]]
    edges: tuple[tuple[str, str], ...]
    plan: dict[str, story.Planned]

    def id(self, key: str) -> str:
        found: str = self.tasks[key]["id"]
        return found


PLOTS = {
    "KIPP-ASCEND": Plot(
        "KIPP-ASCEND",
        ahead=8,
        early=(*_ACCOUNTS_EARLY, *_WIRED),
        waits=(DEVICES, *_COUNTED, "infrastructure.circuit", "infrastructure.internet"),
        started=("infrastructure.circuit", "infrastructure.help_desk"),
    ),
    "KIPP-BLOOM": Plot(
        "KIPP-BLOOM",
        ahead=5,
        # On some days of the week the plan itself would not have it done.
        early=("infrastructure.survey",),
        waits=(DEVICES, "infrastructure.circuit"),
        started=("infrastructure.circuit",),
    ),
    "KIPP-ONE": Plot(
        "KIPP-ONE",
        ahead=9,
        early=(*_ACCOUNTS_EARLY, *_WIRED),
        waits=(DEVICES, "infrastructure.help_desk"),
        started=("infrastructure.help_desk",),
    ),
}


async def tell(calls: Calls, today: date) -> None:
    """Move the four schools to where their stories stand. Raises: DemoRefused."""
    calendar = story.calendar_of("KIPP", today)
    stages = {code: await _look_at(calls, code, calendar) for code in CODES}
    position = calendar.position(today)
    await _finish(calls, stages["KIPP-ACADEMY"])
    for plot in PLOTS.values():
        await _move(calls, stages[plot.code], plot, position)
    await _order(calls, stages, calendar, today)
    await _ascend(calls, stages["KIPP-ASCEND"])
    await _bloom(calls, stages["KIPP-BLOOM"], calendar, today)
    await _one(calls, stages["KIPP-ONE"], calendar, today)
    await _sign_contract(calls, stages.values(), calendar.add(today, 6))
    await _assign(calls, stages.values())


async def _look_at(calls: Calls, code: str, calendar: Calendar) -> Stage:
    graph = await calls.get(f"/v1/schools/{code}/graph")
    listed = await calls.get(f"/v1/schools/{code}/tasks", {"limit": "1000"})
    key_of = {task["id"]: task["key"] for task in graph["tasks"]}
    return Stage(
        code=code,
        first_bell=date.fromisoformat(graph["first_bell"]),
        tasks={task["key"]: task for task in listed["items"]},
        edges=tuple(
            (key_of[edge["predecessor_id"]], key_of[edge["successor_id"]])
            for edge in graph["edges"]
        ),
        plan={task.key: task for task in story.plan_of(graph, calendar)},
    )


async def _finish(calls: Calls, stage: Stage) -> None:
    """Everything before first bell is done; what can be counted was counted."""
    done = dict.fromkeys(stage.plan)
    year = datetime.combine(stage.first_bell + timedelta(days=330), time(), UTC).isoformat()
    for key, count, unit in (
        (DEVICES, 411, "devices"),
        ("accounts.create", 380, "accounts"),
        ("infrastructure.wifi", 24, "rooms"),
        ("pd.core_course", 22, "teachers"),
        ("pd.model_course", 22, "teachers"),
    ):
        checked = {"valid_until": year} if key.startswith("infrastructure") else {}
        await _record(calls, stage, key, done=count, total=count, unit=unit, **checked)
        del done[key]
    await _complete(calls, stage, done)


async def _move(calls: Calls, stage: Stage, plot: Plot, today: int) -> None:
    before = story.waits(stage.edges, stage.tasks)
    done = {key for key, task in stage.plan.items() if task.start <= today + plot.ahead}
    done |= set(plot.early)
    # With a task, everything it waits for is done; what the school waits for is not.
    todo = list(done)
    while todo:
        new = before[todo.pop()] - done
        done |= new
        todo += new
    done -= set(plot.waits)
    await _complete(calls, stage, done)
    soon = today + plot.ahead + 4
    started = {key for key, task in stage.plan.items() if task.start <= soon} | set(plot.started)
    # Some of these still wait for others, and stay as they are.
    ids = [stage.id(key) for key in sorted(started - done - {DEVICES})]
    await calls.post("/v1/tasks/bulk", {"action": "start", "task_ids": ids})


async def _complete(calls: Calls, stage: Stage, keys: Iterable[str]) -> None:
    """Level by level: each call is checked against the state before it."""
    wanted = set(keys)
    left = story.waits(stage.edges, stage.tasks)
    while left:
        level = [key for key, before in left.items() if not before & left.keys()]
        for reason in (None, story.ON_PAPER):
            by_hand = [
                stage.id(key)
                for key in level
                if key in wanted
                and (stage.tasks[key]["kind"] in ("manual", "sign_off")) == (reason is None)
            ]
            if by_hand:
                given = {"action": "complete", "task_ids": by_hand, "reason": reason}
                await calls.post("/v1/tasks/bulk", given)
        for key in level:
            del left[key]


async def _record(calls: Calls, stage: Stage, key: str, **evidence: Any) -> None:
    await calls.post(f"/v1/tasks/{stage.id(key)}/evidence", evidence)


async def _waive(calls: Calls, stage: Stage, key: str, reason: str, expires_on: date) -> None:
    given = {"reason": reason, "expires_on": expires_on.isoformat()}
    await calls.make(f"/v1/tasks/{stage.id(key)}/waivers", given)


async def _order(calls: Calls, stages: dict[str, Stage], calendar: Calendar, today: date) -> None:
    """Three schools wait for devices that are on orders, each promised so many days of the plan
    before the gate is to be done: the gate's own days come after the last box.
    """

    def devices(code: str, students: int, teachers: int, spare: int) -> orders.Devices:
        own_days = stages[code].tasks[DEVICES]["duration_days"]
        promised = calendar.day(stages[code].plan[DEVICES].finish - own_days - spare)
        return orders.Devices(code, students, teachers, promised)

    await orders.tell(
        calls,
        devices("KIPP-ASCEND", 987, 62, 2),
        devices("KIPP-BLOOM", 494, 32, -6),
        devices("KIPP-ONE", 702, 45, 6),
        today,
    )


async def _ascend(calls: Calls, stage: Stage) -> None:
    """At risk: the rest of the devices is promised so late that two days are left."""
    await _record(calls, stage, "accounts.create", done=861, total=913, unit="accounts")
    await _record(calls, stage, "infrastructure.wifi", done=31, total=36, unit="rooms")
    circuit = (stage.first_bell + timedelta(days=16)).isoformat()
    await _record(calls, stage, "infrastructure.circuit", done=0, expected_on=circuit)
    await _waive(
        calls,
        stage,
        "infrastructure.internet",
        "The carrier's new line comes after first bell; the present one carried the pilot class.",
        stage.first_bell + timedelta(days=45),
    )


async def _bloom(calls: Calls, stage: Stage, calendar: Calendar, today: date) -> None:
    """Late: the devices are promised for a day that is six working days too late."""
    broken = calendar.day(calendar.position(today) - 4).isoformat()
    await _record(calls, stage, "infrastructure.circuit", done=0, expected_on=broken)


async def _one(calls: Calls, stage: Stage, calendar: Calendar, today: date) -> None:
    """On track: devices are promised in time; a waiver ends before first bell."""
    await _waive(
        calls,
        stage,
        "infrastructure.help_desk",
        "The network's help desk answers until the school has hired its own technician.",
        calendar.add(today, 9),
    )


async def _sign_contract(calls: Calls, stages: Iterable[Stage], by: date) -> None:
    owner = {"owner_email": "technology@kipp-demo.example.org"}
    await calls.make("/v1/networks/KIPP/tasks", CONTRACT | owner)
    tasks = await calls.items("/v1/networks/KIPP/tasks")
    contract = next(task for task in tasks if task["key"] == CONTRACT["key"])
    for stage in stages:
        await calls.put(f"/v1/tasks/{stage.id('infrastructure.sso')}/dependencies/{contract['id']}")
    await calls.post(
        f"/v1/tasks/{contract['id']}/evidence", {"done": 0, "expected_on": by.isoformat()}
    )


async def _assign(calls: Calls, stages: Iterable[Stage]) -> None:
    owned: dict[str, list[str]] = defaultdict(list)
    for stage in stages:
        principal = f"principal.{stage.code.removeprefix('KIPP-').lower()}@kipp-demo.example.org"
        for task in stage.tasks.values():
            owned[_OWNERS.get(task["owner_role"], principal)].append(task["id"])
    for owner, ids in sorted(owned.items()):
        given: dict[str, Any] = {"action": "assign", "task_ids": ids, "owner_email": owner}
        await calls.post("/v1/tasks/bulk", given)
    # Tasks that came with their orders, after the stages were looked at.
    for key in orders.TASKS:
        owner = _OWNERS["operations_manager"]
        given = {"action": "assign", "network": "KIPP", "key": key, "owner_email": owner}
        await calls.post("/v1/tasks/bulk", given)
