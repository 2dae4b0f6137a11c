"""An installation that rolled out version 1 of what ships, and starts a newer FirstBell."""

from __future__ import annotations

import pytest

from api import clock
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import writing
from api.tasks import library
from api.tasks.models import PlaybookVersion
from api.tasks.playbooks import parse_playbook, shipped_source
from tests.devices.conftest import Body, Caller, line, placed, rows

GATE = "devices.receive"
# What version 1 did not say.
NEW = "devices_per_teacher: 1.0\n"
STUDENTS, TEACHERS = 100, 10
# Each with 8 % spares.
NEED_OF_STUDENTS, NEED_OF_TEACHERS = 108, 11


@pytest.fixture
async def rolled_out(admin: Caller, acme: Body, database: Database) -> None:
    """Schools A and B follow version 1."""
    source = shipped_source("one_to_one").replace("version: 2", "version: 1").replace(NEW, "")
    old = parse_playbook(source)
    assert old.version == 1
    assert not old.devices_per_teacher
    async with writing(database, "job:start") as session:
        session.add(
            PlaybookVersion(
                id=new_id(),
                name=old.name,
                version=old.version,
                title=old.title,
                model=old.model,
                source=source,
                created_at=clock.now(),
            )
        )
    for code in "AB":
        await admin.patch(f"/schools/{code}", {"teacher_count": TEACHERS})
        await apply(admin, code)


async def apply(admin: Caller, code: str) -> Body:
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    made: Body = await admin.post(f"/schools/{code}/rollouts", body, 201)
    return made


async def start_newer(database: Database) -> None:
    async with writing(database, "job:start") as session:
        await library.ship(session)


async def needed(admin: Caller, code: str = "A") -> int:
    return int((await admin.tasks(code))[GATE]["progress_total"])


async def test_what_is_rolled_out_stays_until_the_newer_version_is_applied(
    admin: Caller, database: Database, rolled_out: None
) -> None:
    await placed(admin, line(A=NEED_OF_STUDENTS))
    tasks = await admin.tasks()
    path = f"/tasks/{tasks[GATE]['id']}"
    await admin.patch(path, {"title": "Mine", "owner_email": "kim@n.org"})
    history = "SELECT count(*) FROM history"
    before = await rows(database, history)
    await start_newer(database)
    await start_newer(database)
    assert await rows(database, history) == before
    assert [await needed(admin, code) for code in "AB"] == [NEED_OF_STUDENTS] * 2
    assert (await apply(admin, "A"))["playbook_version"] == 2
    need = NEED_OF_STUDENTS + NEED_OF_TEACHERS
    assert [await needed(admin, code) for code in "AB"] == [need, NEED_OF_STUDENTS]
    mine = await admin.get(path)
    assert (mine["title"], mine["owner_email"]) == ("Mine", "kim@n.org")
    after = await admin.tasks()
    assert after.keys() == tasks.keys()
    assert after["order:none"]["cause"] == f"{NEED_OF_TEACHERS} devices on no order"
    written = await rows(database, history)
    await apply(admin, "A")
    assert await rows(database, history) == written


async def test_a_whole_network_is_brought_to_the_newer_version_in_one_call(
    admin: Caller, database: Database, rolled_out: None
) -> None:
    await start_newer(database)
    answer = await admin.post("/networks/N/rollouts", {"playbook": "one_to_one"})
    assert answer["refused"] == []
    need = NEED_OF_STUDENTS + NEED_OF_TEACHERS
    # C and D have no teachers that anybody counted.
    assert [await needed(admin, code) for code in "ABCD"] == [need] * 2 + [NEED_OF_STUDENTS] * 2
