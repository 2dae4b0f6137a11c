"""The board's rows of many schools at once are those of each by itself, from the same tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from api import clock
from api.db.pool import Database
from api.readiness import recompute
from api.readiness.board_rows import Rows, rows_at_once, rows_one_by_one
from api.readiness.load import fetch
from api.readiness.load_many import fetch_many
from tests.readiness.conftest import Asker, Body, rows

JULY = datetime(2027, 7, 1, 15, tzinfo=UTC)
ZONES = ("America/Chicago", "Pacific/Kiritimati", "Pacific/Pago_Pago")
EVIDENCE: tuple[Body, ...] = (
    {"done": 1, "total": 4, "expected_on": "2027-07-30"},
    {"done": 1, "total": 4, "expected_on": "2027-06-20", "spread_days": 9},
    {"done": 0, "total": 4, "lead_days": 12},
    {"done": 4, "total": 4, "valid_until": "2027-07-20T04:00:00Z"},
    {"done": 4, "total": 4, "valid_until": "2027-07-01T20:00:00Z"},
    {"done": 4, "total": 4, "valid_until": "2028-07-20T04:00:00Z"},
    {"done": 0, "total": 0},
)


async def _school(admin: Asker, number: int) -> UUID:
    """A school with a task of every kind, in an order of its own."""
    code = f"S{number}"
    given: dict[str, Any] = {"timezone": ZONES[number % 3], "name": f'"{code}" \\ é'}
    if number != 4:
        given["first_bell"] = "2027-08-23"
    if number % 2:
        given["wave"] = 'W"1, {}'
    made = await admin.school(code, **given)
    before: list[str] = []
    for place in range(12):
        body: Body = {"workstream": ["devices", "pd", "food", "bus"][(place + number) % 4]}
        body |= {"duration_days": place % 4, "gate": place % 3 != 1, "depends_on": before[-2:]}
        if place == 3:
            body["not_before"] = "2027-07-12"
        task = await admin.task(f"t{place}", code, **body)
        if (place + number) % 12 < len(EVIDENCE):
            await admin.evidence(task, **EVIDENCE[(place + number) % 12])
        elif place == 8:
            with clock.moved_to(JULY - timedelta(days=3)):
                await admin.post(f"/tasks/{task['id']}/start", {"override_reason": "now"})
        elif place == 9:
            until = [None, "2027-07-04", "2027-09-01"][number % 3]
            body = {"reason": "borrowed", "expires_on": until}
            await admin.post(f"/tasks/{task['id']}/waivers", body, 201)
        elif place == 10:
            await admin.post(f"/tasks/{task['id']}/cancel", {"reason": "none"})
            continue
        before.append(f"t{place}")
    return UUID(made["id"])


@pytest.fixture
async def ids(admin: Asker) -> list[UUID]:
    with clock.moved_to(JULY):
        await admin.network()
        return [await _school(admin, number) for number in range(6)]


def _sorted(found: Rows | None) -> list[Any]:
    """Summaries and the other columns, school by school."""
    assert found is not None
    texts = [part for part in found if isinstance(part, str)]
    columns = [text[1:-1].split(",") for text in texts if text.startswith("{") and text[-1] == "}"]
    columns = [column for column in columns if len(column) == len(found.waves)]
    summaries = [orjson.loads(line) for line in found.summaries.split("\n")]
    return sorted(zip(summaries, found.waves, *columns, strict=True), key=lambda row: str(row[2]))


async def test_at_once_is_one_by_one(database: Database, admin: Asker, ids: list[UUID]) -> None:
    with clock.moved_to(JULY):
        await admin.network_task("n0")
        await admin.task("waits", "S5", depends_on=["n0"])
    for hours in (0, 9, 24 * 40, 24 * 60):
        now = JULY + timedelta(hours=hours)
        async with database.raw() as connection:
            # One that is not there moves nobody to another's place.
            many = rows_at_once(await fetch_many(connection, [uuid4(), *ids]), now)
            assert many.declined == [ids[5]]
            each = rows_one_by_one(await fetch(connection, ids[:5], many=True), now)
            assert _sorted(many.rows) == _sorted(each.rows)


async def test_chunks_of_either_kind_are_all_kept(
    database: Database, admin: Asker, ids: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recompute, "CHUNK", 2)
    monkeypatch.setattr(recompute, "CHUNK_ONE_BY_ONE", 1)
    with clock.moved_to(JULY):
        await admin.network_task("n0")
        for code in ("S1", "S4", "S5"):
            await admin.task("waits", code, depends_on=["n0"])
        assert len((await admin.board())["items"]) == len(ids)
    kept = await rows(database, "SELECT school_id FROM readiness_answers ORDER BY 1")
    assert [row[0] for row in kept] == sorted(ids)
