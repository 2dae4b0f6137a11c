"""Makes the demo by calling the public API, as a customer's scripts would.

`load_demo` is the whole of it. It is safe to call at every start: what was made stays, and a load
that was cut off goes on. A database with networks of its own is left alone.
"""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from collections import defaultdict
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.resources import files
from typing import Any

import httpx

from api import clock
from api.demo import accounts, checks, kipp, pd, story, targets
from api.demo.calls import Calls, DemoRefused
from api.demo.story import Course, Planned
from api.tasks.days import Calendar

NETWORKS = {"CPS": "Chicago Public Schools", "KIPP": "KIPP Chicago"}
# Who does the work for all schools of CPS.
OWNERS = {
    "devices.approve": "purchasing@cps-demo.example.org",
    "devices.receive": "warehouse@cps-demo.example.org",
    "infrastructure.circuit": "network@cps-demo.example.org",
    "infrastructure.sso": "identity@cps-demo.example.org",
    "accounts.create": "identity@cps-demo.example.org",
    "pd.trainer": "training@cps-demo.example.org",
}
ADMIN = "admin@firstbell.example"
# The first and the last thing that a load makes.
BEGUN = "ops@cps-demo.example.org"
ENDED = "board@cps-demo.example.org"
INTERNET = "infrastructure.internet"
# The wave whose schools wait for a contract that the network signs.
CONTRACT_WAVE = "AUSL"
_AT_ONCE = 4
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class School:
    """A row of the file, with how far the school has come."""

    code: str
    network: str
    wave: str
    model: str
    students: int
    first_bell: date | None
    course: Course | None = None


@dataclass(slots=True)
class Scene:
    """What all steps need: the day, the schools, and the graph of one school of each kind."""

    today: date
    schools: list[School]
    plans: dict[tuple[str, date], list[Planned]] = field(default_factory=dict)
    graphs: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    playbooks: dict[str, dict[str, Any]] = field(default_factory=dict)


async def load_demo(client: httpx.AsyncClient) -> None:
    """Make the demo with an admin's client; again, it changes nothing.

    Raises: DemoRefused when the API refuses what the demo asks for; httpx.HTTPError.
    """
    calls = Calls(client)
    users = {user["email"]: user for user in await calls.items("/v1/users")}
    if ENDED in users:
        return
    if BEGUN not in users and await calls.items("/v1/networks"):
        _log.warning("this database has networks of its own, so the demo is not loaded")
        return
    begun = await _invite_first(calls, users)
    # A load that goes on after midnight keeps the days that it began with.
    today = clock.local_day(story.TIMEZONE, datetime.fromisoformat(begun["created_at"]))
    scene = Scene(today, read_schools(today))
    await _make_schools(calls, scene)
    await _apply_playbooks(calls, scene)
    await _look_at_plans(calls, scene)
    await _move_tasks(calls, scene)
    await _record_promises(calls, scene)
    await _wait_for_contract(calls, scene)
    await kipp.tell(calls, scene.today)
    await _measure(calls, scene)
    await pd.tell(calls, scene.today)
    await accounts.tell(calls)
    await targets.tell(calls)
    await _invite_last(calls)


def rows_of_file() -> list[dict[str, str]]:
    """The rows of `chicago.csv`."""
    text = files("api.demo").joinpath("chicago.csv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def read_schools(today: date) -> list[School]:
    """The schools of the file with the first bells of a demo loaded `today`."""
    bells = {wave: story.first_bell(*wave, today) for wave in story.WEEKS}
    return [
        School(
            code=row["code"],
            network=row["network"],
            wave=row["wave"],
            model=row["model"],
            students=int(row["enrollment"] or 0),
            # A school that nothing is planned for has no day either.
            first_bell=bells[row["network"], row["wave"]] if row["model"] else None,
        )
        for row in rows_of_file()
    ]


def import_file(today: date) -> bytes:
    """`chicago.csv` with first bells, as it is imported."""
    rows, out = rows_of_file(), io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row, school in zip(rows, read_schools(today), strict=True):
        bell = school.first_bell
        writer.writerow(row | {"first_bell": bell.isoformat() if bell else ""})
    return out.getvalue().encode()


async def _invite_first(calls: Calls, users: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The operations user, with whom a load begins."""
    if not any(user["role"] == "admin" and user["network"] is None for user in users.values()):
        # Whoever starts the service gets this user's sign-in link.
        await calls.post("/v1/users", {"email": ADMIN, "name": "First admin", "role": "admin"})
    if BEGUN not in users:
        await calls.post("/v1/users", {"email": BEGUN, "name": "Operations", "role": "ops"})
    everyone = await calls.items("/v1/users")
    return next(user for user in everyone if user["email"] == BEGUN)


async def _invite_last(calls: Calls) -> None:
    await calls.make(
        "/v1/users",
        {
            "email": "principal@kipp-demo.example.org",
            "name": "Principal of KIPP Ascend",
            "role": "school_lead",
            "network": "KIPP",
            "schools": ["KIPP-ASCEND"],
        },
    )
    await calls.make("/v1/users", {"email": ENDED, "name": "School board", "role": "viewer"})


async def _make_schools(calls: Calls, scene: Scene) -> None:
    for code, name in NETWORKS.items():
        closed = [day.isoformat() for day in story.blackout_days(code, scene.today)]
        given = {"code": code, "name": name, **story.PLACE, "blackout_days": closed}
        await calls.make("/v1/networks", given | {"four_eyes": code == "CPS"})
    await calls.make("/v1/networks/KIPP/sites", {"name": "West Side warehouse"})
    answer = await calls.upload("/v1/schools/import", import_file(scene.today))
    if answer["rows"]["rejected"]:
        raise DemoRefused(f"the import rejected rows: {answer['issues'][:3]}")


async def _apply_playbooks(calls: Calls, scene: Scene) -> None:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for school in scene.schools:
        if school.model:
            groups[school.network, school.model].append(school.code)
    for (network, model), codes in sorted(groups.items()):
        given = {"playbook": model, "schools": codes}
        answer = await calls.post(f"/v1/networks/{network}/rollouts", given)
        if answer["refused"]:
            raise DemoRefused(f"schools refused {model}: {answer['refused'][:3]}")
    listed = await calls.get("/v1/playbooks")
    scene.playbooks = {one["name"]: one for one in listed["items"]}


async def _look_at_plans(calls: Calls, scene: Scene) -> None:
    """Read the graph of one school of each model and first bell: the others' are the same."""
    calendar = story.calendar_of("CPS", scene.today)
    kinds: dict[tuple[str, date], list[School]] = defaultdict(list)
    for school in scene.schools:
        if school.network == "CPS" and school.model and school.first_bell:
            kinds[school.model, school.first_bell].append(school)
    graphs = await _each(calls.get(f"/v1/schools/{one[0].code}/graph") for one in kinds.values())
    today = calendar.position(scene.today)
    for ((model, bell), schools), graph in zip(kinds.items(), graphs, strict=True):
        key_of = {task["id"]: task["key"] for task in graph["tasks"]}
        edges = [(key_of[e["predecessor_id"]], key_of[e["successor_id"]]) for e in graph["edges"]]
        scene.graphs[model] = story.waits(edges, key_of.values())
        plan = scene.plans[model, bell] = story.plan_of(graph, calendar)
        weeks = (bell - scene.today).days // 7
        for school in schools:
            pace = story.pace_of(school.code, weeks)
            school.course = story.course_of(school.code, pace, plan, today)


async def _move_tasks(calls: Calls, scene: Scene) -> None:
    """Complete and start tasks key by key, in an order in which nothing is blocked."""
    kinds = {task.key: task.kind for plan in scene.plans.values() for task in plan}
    order = story.in_order(scene.graphs)
    for action in ("complete", "start"):
        for key, models in order:
            schools = [
                school.code
                for school in scene.schools
                if school.course
                and school.model in models
                and key in (school.course.done if action == "complete" else school.course.started)
            ]
            if not schools:
                continue
            given: dict[str, Any] = {"action": action, "network": "CPS", "key": key}
            if action == "complete" and kinds[key] not in ("manual", "sign_off"):
                # What records should finish is finished by hand only with a reason.
                given["reason"] = story.ON_PAPER
            await calls.post("/v1/tasks/bulk", given | {"schools": schools})
    for key, owner in OWNERS.items():
        given = {"action": "assign", "network": "CPS", "key": key, "owner_email": owner}
        await calls.post("/v1/tasks/bulk", given)


async def _record_promises(calls: Calls, scene: Scene) -> None:
    calendar = story.calendar_of("CPS", scene.today)
    waiting = [school for school in scene.schools if school.course and school.course.held]
    await _each(_record_promise(calls, scene, school, calendar) for school in waiting)


async def _record_promise(calls: Calls, scene: Scene, school: School, calendar: Calendar) -> None:
    assert school.course is not None
    held = school.course.held
    assert held is not None
    tasks = await calls.get(
        f"/v1/schools/{school.code}/tasks",
        {"workstream": held.key.partition(".")[0], "limit": "200"},
    )
    task = next(task for task in tasks["items"] if task["key"] == held.key)
    evidence: dict[str, Any] = {
        "done": 0,
        "expected_on": calendar.day(held.promised).isoformat(),
        "spread_days": held.spread,
    }
    if held.key == story.DEVICES:
        playbook = scene.playbooks[school.model]
        total = story.need(
            school.students, playbook["devices_per_student"], playbook["spare_percent"]
        )
        part = story.draw(school.code, "part", 4) / 5
        evidence |= {"done": int(total * part), "total": total, "unit": "devices"}
    await calls.post(f"/v1/tasks/{task['id']}/evidence", evidence)


async def _wait_for_contract(calls: Calls, scene: Scene) -> None:
    """The schools of one wave wait for a contract; some of them ask to open without a gate."""
    await calls.make(
        "/v1/networks/CPS/tasks", kipp.CONTRACT | {"owner_email": OWNERS["infrastructure.sso"]}
    )
    tasks = await calls.items("/v1/networks/CPS/tasks")
    contract = next(task["id"] for task in tasks if task["key"] == kipp.CONTRACT["key"])
    waiting = [school for school in scene.schools if school.wave == CONTRACT_WAVE]
    await _each(_wait_for(calls, school, contract) for school in waiting)
    await calls.post(f"/v1/tasks/{contract}/start")


async def _wait_for(calls: Calls, school: School, contract: str) -> None:
    path = f"/v1/schools/{school.code}/tasks"
    found = await calls.get(path, {"workstream": "infrastructure", "limit": "200"})
    tasks = {task["key"]: task for task in found["items"]}
    await calls.put(f"/v1/tasks/{tasks['infrastructure.sso']['id']}/dependencies/{contract}")
    internet = tasks[INTERNET]
    if internet["status"] != "done" and not story.draw(school.code, "waiver", 3):
        # CPS has the four-eyes rule, so these wait until somebody else approves them.
        given = {"reason": "The old line carries the classes of the first weeks."}
        await calls.make(f"/v1/tasks/{internet['id']}/waivers", given)


async def _measure(calls: Calls, scene: Scene) -> None:
    """What was measured says the same as what was done by hand before."""
    courses = {school.code: school.course for school in scene.schools if school.course}
    done = {code for code, course in courses.items() if INTERNET in course.done}
    promised = {
        code for code, course in courses.items() if course.held and course.held.key == INTERNET
    }
    await checks.tell(calls, scene.today, done, promised)


async def _each(calls: Iterable[Awaitable[Any]]) -> list[Any]:
    """The answers in order, a few calls at a time."""
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(call: Awaitable[Any]) -> Any:
        async with limit:
            return await call

    return await asyncio.gather(*(one(call) for call in calls))
