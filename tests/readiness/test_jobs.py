"""What time alone changes: first bells that pass, answers that run out, broken plans between."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import pytest

from api import clock
from api.db.pool import Database
from api.readiness.jobs import open_schools, refresh_due
from tests.readiness.conftest import Asker, Body, rows

# First bell is Monday 23 August 2027; in Chicago that day begins at 05:00 UTC.
BEFORE = datetime(2027, 8, 20, 15, tzinfo=UTC)
FIRST_MINUTE = datetime(2027, 8, 23, 5, 0, 30, tzinfo=UTC)


async def opened(admin: Asker, school: str = "A") -> tuple[str, str | None, bool | None]:
    rollout = await admin.get(f"/schools/{school}/rollout")
    return rollout["state"], rollout["opened_on"], rollout["opened_ready"]


async def test_a_school_opens_when_its_own_day_begins(
    admin: Asker, database: Database, school: Body
) -> None:
    await admin.school("EAST", timezone="Pacific/Kiritimati", first_bell="2027-08-23")
    await admin.school("WEST", timezone="Pacific/Pago_Pago", first_bell="2027-08-23")
    with clock.moved_to(datetime(2027, 8, 22, 9, 59, tzinfo=UTC)):
        assert await open_schools(database) == 0
    with clock.moved_to(datetime(2027, 8, 22, 10, 0, 30, tzinfo=UTC)):
        assert await open_schools(database) == 1
        assert (await opened(admin, "EAST"))[:2] == ("opened", "2027-08-23")
    with clock.moved_to(FIRST_MINUTE - timedelta(minutes=1)):
        assert await open_schools(database) == 0
    with clock.moved_to(FIRST_MINUTE):
        assert await open_schools(database) == 1
        assert (await opened(admin))[0] == "opened"
        assert (await opened(admin, "WEST"))[0] == "planned"
    with clock.moved_to(datetime(2027, 8, 23, 11, 0, 30, tzinfo=UTC)):
        assert await open_schools(database) == 1
        assert await open_schools(database) == 0


async def test_verdicts_after_first_bell_tell_ready_lapsed_and_late(
    admin: Asker, database: Database, school: Body
) -> None:
    for code in ("LATE", "NONE"):
        await admin.school(code, first_bell="2027-08-23")
    with clock.moved_to(BEFORE):
        ready, late = await admin.task("t"), await admin.task("t", "LATE")
        await admin.complete(ready)
    with clock.moved_to(FIRST_MINUTE):
        assert await open_schools(database) == 3
        assert await opened(admin) == ("opened", "2027-08-23", True)
        assert await opened(admin, "LATE") == ("opened", "2027-08-23", False)
        assert (await admin.readiness())["verdict"] == "ready"
        assert (await admin.readiness("LATE"))["verdict"] == "late"
        assert (await admin.readiness("NONE"))["verdict"] == "unplanned"
        await admin.post(f"/tasks/{ready['id']}/reopen", {"reason": "broken again"})
        assert (await admin.readiness())["verdict"] == "lapsed"
        await admin.complete(late)
        assert (await admin.readiness("LATE"))["verdict"] == "ready"
        assert (await opened(admin, "LATE"))[2] is False


async def test_opening_twice_at_once_records_it_once(
    admin: Asker, database: Database, school: Body
) -> None:
    for number in range(5):
        await admin.school(f"S{number}", first_bell="2027-08-23")
    with clock.moved_to(FIRST_MINUTE):
        counts = await asyncio.gather(*(open_schools(database) for _ in range(4)))
    assert sum(counts) == 6
    history = await rows(
        database,
        "SELECT count(*) FROM history WHERE table_name = 'rollouts' AND operation = 'update'"
        " AND after ->> 'state' = 'opened' AND actor = 'job:first-bell'",
    )
    assert history == [(6,)]


async def test_a_moved_first_bell_has_not_passed(
    admin: Asker, database: Database, school: Body
) -> None:
    await admin.school("GONE", first_bell="2027-08-23")
    await admin.change("/schools/GONE", {"archived": True})
    await admin.post("/networks/N/first-bell", {"first_bell": "2027-09-06", "schools": ["A"]})
    with clock.moved_to(FIRST_MINUTE):
        assert await open_schools(database) == 0
        assert (await opened(admin))[0] == "planned"


async def test_what_ran_out_is_computed_kept_and_logged(
    admin: Asker, database: Database, school: Body
) -> None:
    with clock.moved_to(BEFORE):
        task = await admin.task("t")
        until = BEFORE + timedelta(hours=3)
        await admin.evidence(task, done=1, total=1, valid_until=until.isoformat())
        assert await refresh_due(database) == 1
        assert await refresh_due(database) == 0
    # The minute the evidence expires, and then at the school's midnight.
    for moment, due in (
        (until - timedelta(minutes=1), 0),
        (until + timedelta(seconds=5), 1),
        (datetime(2027, 8, 21, 4, 59, tzinfo=UTC), 0),
        (datetime(2027, 8, 21, 5, 0, 5, tzinfo=UTC), 1),
    ):
        with clock.moved_to(moment):
            assert await refresh_due(database) == due
            assert await refresh_due(database) == 0
    logged = await rows(database, "SELECT verdict, said_on::text FROM readiness_log ORDER BY id")
    assert logged == [
        ("at_risk", "2027-08-20"),
        ("at_risk", "2027-08-20"),
        ("late", "2027-08-21"),
    ]


async def test_refreshing_at_once_is_as_good_as_one_after_the_other(
    admin: Asker, database: Database, school: Body
) -> None:
    for number in range(20):
        await admin.school(f"S{number}", first_bell="2027-08-23")
    boards = [admin.board() for _ in range(3)]
    await asyncio.gather(*(refresh_due(database) for _ in range(4)), *boards)
    assert await refresh_due(database) == 0
    logged = await rows(database, "SELECT count(*), count(DISTINCT school_id) FROM readiness_log")
    assert logged == [(21, 21)]


@pytest.fixture
async def broken(admin: Asker, school: Body) -> None:
    """School A has no working day for years; school B is well. Both have their first bell."""
    await admin.task("t", duration_days=30)
    await admin.school("B", first_bell="2027-08-23")
    await admin.complete(await admin.task("t", "B"))
    first = date(2027, 8, 23)
    days = [first + timedelta(days=number) for number in range(366 * 6)]
    weekdays = [day.isoformat() for day in days if day.weekday() < 5]
    await admin.change("/schools/A", {"blackout_days": weekdays})


async def test_a_plan_without_dates_stops_no_job(
    admin: Asker, database: Database, broken: None
) -> None:
    with clock.moved_to(BEFORE):
        assert (await admin.get("/schools/A/readiness", 422))["code"] == "no-working-day"
        assert await refresh_due(database) == 2
        # It stays as it is until its day ends or somebody changes something.
        assert await refresh_due(database) == 0
        assert (await admin.readiness("B"))["verdict"] == "ready"
    with clock.moved_to(FIRST_MINUTE):
        assert await open_schools(database) == 2
        assert await opened(admin) == ("opened", "2027-08-23", False)
        assert await opened(admin, "B") == ("opened", "2027-08-23", True)
