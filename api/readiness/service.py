"""Questions across answers: what to do next, what was said, what the graph looks like."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.history import History
from api.db.paging import Page, PageRequest, page_of
from api.db.pool import Database
from api.db.uow import ReadSession
from api.errors import FirstBellError, Invalid
from api.readiness.answers import CLOCKS_DIFFER, ENGINE_VERSION, judge
from api.readiness.document import NEXT_ACTIONS, all_actions
from api.readiness.graph_view import graph_view
from api.readiness.load import Loaded, load
from api.readiness.models import LoggedAnswer
from api.readiness.schemas import ActionOut
from api.tasks.models import Rollout, Task
from api.tasks.rules import RolloutState

# Whose next actions are computed at once; more schools are asked for by network or wave.
MOST_SCHOOLS = 2_000


@dataclass(frozen=True, slots=True)
class ActionFilter:
    network_id: UUID | None = None
    wave: str | None = None
    owner: str | None = None
    limit: int = 100


_OPEN_SCHOOLS = b"""
SELECT s.id FROM schools s JOIN rollouts r ON r.school_id = s.id AND r.state <> 'closed'
WHERE s.archived_at IS NULL
  AND (%(caller_network)s::uuid IS NULL OR s.network_id = %(caller_network)s)
  AND (%(caller_schools)s::uuid[] IS NULL OR s.id = ANY(%(caller_schools)s))
  AND (%(network)s::uuid IS NULL OR s.network_id = %(network)s)
  AND (%(wave)s::text IS NULL OR r.wave = %(wave)s)
ORDER BY r.first_bell NULLS LAST, s.id LIMIT %(most)s"""


# The answers that are current; null where a school's has to be computed first.
_KEPT = b"""
SELECT s.id, a.document FROM schools s
JOIN school_state ss ON ss.school_id = s.id
JOIN network_state ns ON ns.network_id = s.network_id
LEFT JOIN readiness_answers a ON a.school_id = s.id AND a.school_revision = ss.revision
  AND a.network_revision = ns.revision AND a.engine_version = %(engine)s
  AND a.good_until > %(now)s AND a.computed_at <= %(soon)s
WHERE s.id = ANY(%(ids)s)"""


async def actions(database: Database, caller: Caller, which: ActionFilter) -> list[ActionOut]:
    """What to do next across schools, by the last day it can start, then by school.

    Raises: Invalid when more than 2,000 schools are meant.
    """
    now = clock.now()
    bound = {
        "caller_network": caller.network_id,
        "caller_schools": list(caller.school_ids) if caller.school_ids is not None else None,
        "network": which.network_id,
        "wave": which.wave,
        "most": MOST_SCHOOLS + 1,
    }
    kept: list[bytes] = []
    async with database.raw() as connection:
        found = await (await connection.execute(_OPEN_SCHOOLS, bound, binary=True)).fetchall()
        if len(found) > MOST_SCHOOLS:
            raise Invalid(
                f"More than {MOST_SCHOOLS} schools are meant; ask for a network or a wave."
            )
        ids = [row[0] for row in found]
        # An answer lists the first few actions: one owner's may be further down.
        if which.owner is None:
            current = {"engine": ENGINE_VERSION, "now": now, "soon": now + CLOCKS_DIFFER}
            stored = await connection.execute(_KEPT, {"ids": ids, **current}, binary=True)
            documents = dict(await stored.fetchall())
            kept = [body for body in documents.values() if body is not None]
            ids = [school_id for school_id, body in documents.items() if body is None]
        loaded = await load(connection, ids, now) if ids else []
    # Sentences for a thousand schools take a second of processor time: not on the event loop.
    rows = await asyncio.to_thread(_actions, kept, loaded, now, which.owner)
    rows.sort(key=lambda row: (row["do_by"] is None, row["do_by"] or "", row["school"]["code"]))
    return [ActionOut.model_validate(row) for row in rows[: which.limit]]


def _actions(
    kept: Sequence[bytes], loaded: Sequence[Loaded], now: datetime, owner: str | None
) -> list[dict[str, Any]]:
    """The actions of stored answers and of those computed here, each with its school."""
    rows: list[dict[str, Any]] = []
    for body in map(orjson.loads, kept):
        rows += [{"school": body["school"], **action} for action in body["next_actions"]]
    for one in loaded:
        facts = one.facts
        try:
            actions = all_actions(judge(facts, now))
        except FirstBellError:
            # Its board row and its own page say what is wrong; the others' work goes on.
            continue
        if owner is None:
            actions = actions[:NEXT_ACTIONS]
        school = {"id": facts.school_id, "code": facts.school_code, "name": facts.school_name}
        rows += [
            {"school": school, **action}
            for action in actions
            if owner is None or (action["owner_email"] or "").casefold() == owner.casefold()
        ]
    return rows


async def history(session: ReadSession, school_id: UUID, page: PageRequest) -> Page[LoggedAnswer]:
    """The answers that were logged about a school."""
    statement = select(LoggedAnswer).where(col(LoggedAnswer.school_id) == school_id)
    asked = PageRequest(page.limit, page.cursor, page.sort or "-said_at")
    sorts: dict[str, Any] = {"said_at": LoggedAnswer.said_at}
    return await page_of(session, statement, asked, sorts, sorts_id(LoggedAnswer))


def sorts_id(table: Any) -> Any:
    """The primary key as paging wants it: the mapped attribute."""
    return table.id


async def audit(
    session: ReadSession,
    caller: Caller,
    page: PageRequest,
    school_id: UUID | None,
    row_id: str | None,
) -> Page[History]:
    """History rows the caller may see, newest first unless sorted otherwise."""
    statement = select(History).where(
        visible(caller, col(History.network_id), col(History.school_id))
    )
    if school_id is not None:
        statement = statement.where(col(History.school_id) == school_id)
    if row_id is not None:
        statement = statement.where(col(History.row_id) == row_id)
    asked = PageRequest(page.limit, page.cursor, page.sort or "-id")
    return await page_of(session, statement, asked, {"id": sorts_id(History)}, sorts_id(History))


async def planned_dates(
    session: ReadSession, school_id: UUID
) -> dict[str, tuple[date | None, date | None]]:
    """The baseline of a school's current rollout, by task id."""
    rows = await session.execute(
        select(col(Task.id), col(Task.planned_start), col(Task.planned_finish))
        .join(Rollout, col(Rollout.id) == col(Task.rollout_id))
        .where(col(Rollout.school_id) == school_id, col(Rollout.state) != RolloutState.CLOSED)
    )
    return {str(row[0]): (row[1], row[2]) for row in rows}


async def graph(
    database: Database, school_id: UUID, planned: dict[str, tuple[date | None, date | None]]
) -> dict[str, Any]:
    """A school's graph with its forecast."""
    now = clock.now()
    async with database.raw() as connection:
        (loaded,) = await load(connection, [school_id], now)
    return graph_view(judge(loaded.facts, now), planned)


async def visible_ids(database: Database, caller: Caller, ids: Sequence[str]) -> list[str]:
    """Those of the schools that the caller may see."""
    if caller.network_id is None and caller.school_ids is None:
        return list(ids)
    if caller.school_ids is not None:
        return [one for one in ids if UUID(one) in caller.school_ids]
    async with database.pool.connection() as connection:
        rows = await connection.execute(
            b"SELECT id::text FROM schools WHERE id = ANY(%s) AND network_id = %s",
            ([UUID(one) for one in ids], caller.network_id),
        )
        return [row[0] for row in await rows.fetchall()]
