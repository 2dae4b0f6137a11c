"""What a run would do, found out before anything is written to accounts."""

from __future__ import annotations

from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import sql

from api.accounts.plan_sql import plan_statement
from api.accounts.rules import ChangeKind, Snapshot
from api.accounts.running import Work

_FRESH = sql.Identifier("account_fresh")
_FIRST: LiteralString = "SELECT NOT EXISTS (SELECT FROM accounts WHERE source_id = %(source)s)"
_COUNT: LiteralString = (
    "SELECT kind, grade_only, count(*) FROM account_plan GROUP BY kind, grade_only"
)
_MAKE_FRESH: LiteralString = """
CREATE TEMP TABLE account_fresh ON COMMIT DROP AS
SELECT s.* FROM {table} s JOIN account_plan p ON p.number = s.number
WHERE p.account_id IS NULL
"""
_MAKE_GONE: LiteralString = """
CREATE TEMP TABLE account_gone ON COMMIT DROP AS
SELECT a.id AS account_id, a.version AS known_version, a.school_id FROM accounts a
WHERE a.source_id = %(source)s AND a.status = 'active'
  AND (%(school)s::uuid IS NULL OR a.school_id = %(school)s)
  AND (a.edits IS NULL OR a.edits -> 'status' IS NULL
    OR a.edits -> 'status' ->> 'source' NOT IN ('missing', 'suspended')
      AND (a.edits -> 'status' ->> 'at')::timestamptz < %(uploaded)s)
  AND NOT EXISTS (SELECT FROM {table} s WHERE s.sourced_id = a.sourced_id)
"""
_PRESENT: LiteralString = (
    "SELECT s.school_id, count(*) FROM {table} s WHERE NOT s.faulty AND NOT s.deleted"
    " AND s.school_id IS NOT NULL GROUP BY s.school_id"
)
_GONE: LiteralString = "SELECT school_id, count(*) FROM account_gone GROUP BY school_id"
# Whom the file itself ends, such as a user who is not enabled any more.
_ENDED: LiteralString = """
SELECT a.school_id, count(*) FROM account_plan p JOIN accounts a ON a.id = p.account_id
WHERE p.kind = 'suspended' AND a.status = 'active'
  AND (%(school)s::uuid IS NULL OR a.school_id = %(school)s) GROUP BY a.school_id
"""
_RECORDED: LiteralString = """
SELECT school_id, students FROM account_baselines
WHERE source_id = %(source)s AND (%(school)s::uuid IS NULL OR school_id = %(school)s)
"""
_ACTIVE: LiteralString = """
SELECT school_id, count(*) FROM accounts WHERE source_id = %(source)s AND status = 'active'
  AND (%(school)s::uuid IS NULL OR school_id = %(school)s) GROUP BY school_id
"""


class Plan(NamedTuple):
    """What a run would do. `changed` leaves out those whose grade alone changes.

    `first`: the source has no accounts yet. `fresh` is the table of the accounts to be made, in
    the shape of the staged rows. By school: `present` counts the students of the file, `missing`
    those it does not name, `ended` those a full one names only to suspend them, `recorded` those of
    the last full roster, and `baseline` is what the file is judged by: without a full roster before
    it, the active accounts there are.
    """

    first: bool
    fresh: sql.Identifier
    created: int
    updated: int
    restored: int
    changed: int
    present: dict[UUID, int]
    missing: dict[UUID, int]
    ended: dict[UUID, int]
    recorded: dict[UUID, int]
    baseline: dict[UUID, int]

    @property
    def missing_students(self) -> int:
        return sum(self.missing.values())


async def plan(work: Work) -> Plan:
    """Compare the staged rows with the accounts there are; nothing is written to accounts."""
    first = (await work.rows(_FIRST))[0][0]
    statement = plan_statement(work.run.columns, clears=work.run.clears)
    # A source's first rows have nothing to be compared with.
    await work.execute(statement + " LIMIT 0" if first else statement)
    await work.execute("ANALYZE account_plan")
    counts: dict[str, int] = {}
    changed = 0
    for kind, grade_only, count in await work.rows(_COUNT):
        counts[kind] = counts.get(kind, 0) + count
        if kind == ChangeKind.updated and not grade_only:
            changed += count
    present = dict(await work.rows(_PRESENT))
    created = counts.pop("created", 0)
    missing, recorded, baseline = await _compare_full(work)
    judged = work.run.snapshot is Snapshot.full and ChangeKind.suspended in counts
    return Plan(
        first=first,
        fresh=work.tables.rows if first else await _fresh(work),
        created=sum(present.values()) if first else created,
        updated=sum(counts.values()),
        restored=counts.get(ChangeKind.restored, 0),
        changed=changed,
        present=present,
        missing=missing,
        ended=dict(await work.rows(_ENDED)) if judged else {},
        recorded=recorded,
        baseline=baseline,
    )


_Students = dict[UUID, int]


async def _compare_full(work: Work) -> tuple[_Students, _Students, _Students]:
    """Missing, recorded and baseline students by school; empty for a delta.

    While a row may be anybody's, nobody is missing.
    """
    if work.run.snapshot is not Snapshot.full:
        return {}, {}, {}
    # Both sides are read as a whole, however few accounts the planner takes the source to have.
    await work.execute("SET LOCAL enable_nestloop = off")
    await work.execute(_MAKE_GONE)
    await work.execute("SET LOCAL enable_nestloop = on")
    if work.run.unidentified:
        await work.execute("TRUNCATE account_gone")
    missing = dict(await work.rows(_GONE))
    recorded = dict(await work.rows(_RECORDED))
    return missing, recorded, recorded or dict(await work.rows(_ACTIVE))


async def _fresh(work: Work) -> sql.Identifier:
    await work.execute(_MAKE_FRESH)
    await work.execute("ANALYZE account_fresh")
    return _FRESH
