"""From staged rows to accounts, by sets: only what differs is written, and what it was is kept.

An account that is as the file says is not written at all. Names are given out in the order of
the sourced ids, and who is named is inserted in the order of the names: every server sorts both
alike.
"""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from api.accounts.burning import digest_sql, owner_sql, pads
from api.accounts.planning import Plan
from api.accounts.rules import Snapshot
from api.accounts.running import Work
from api.accounts.username_rules import Namer
from api.accounts.usernames import Naming, assign_usernames
from api.db.uow import WriteSession

# Of all of a run, when names are given and when those who are new have their accounts.
_NAMED_PERCENT, _MADE_PERCENT = 72, 95
_BURN: LiteralString = """
INSERT INTO burnt_usernames (network_id, digest, owner)
SELECT DISTINCT ON (1, 2) %(network)s::uuid, {digest}, {owner}
FROM account_plan p JOIN accounts a ON a.id = p.account_id
WHERE lower(a.username) <> lower(p.username)
ON CONFLICT DO NOTHING
""".replace("{digest}", digest_sql("a.username")).replace(
    "{owner}", owner_sql("a.source_id::text", "a.sourced_id")
)
_BEFORE: LiteralString = """jsonb_build_object('school_id', old.school_id,
    'given_name', old.given_name, 'family_name', old.family_name, 'grade', old.grade,
    'username', old.username, 'email', old.email, 'status', old.status,
    'missing_since', old.missing_since, 'edits', old.edits)"""
# Whom a person changes in this very moment the next roster looks at.
_UPDATE: LiteralString = """
WITH written AS (
  UPDATE accounts a SET school_id = p.school_id, given_name = p.given_name,
    family_name = p.family_name, grade = p.grade, username = p.username, email = p.email,
    status = p.status, missing_since = p.missing_since, edits = p.edits,
    version = a.version + 1, updated_at = %(now)s
  FROM account_plan p WHERE a.id = p.account_id AND a.version = p.known_version
  RETURNING a.id, p.kind, new.version, {before} AS before)
INSERT INTO account_changes (import_id, account_id, kind, before, version_after)
SELECT %(run)s, id, kind, before, version FROM written
""".replace("{before}", _BEFORE)
_INSERT: LiteralString = """
INSERT INTO accounts (id, network_id, source_id, sourced_id, school_id, given_name, family_name,
  grade, username, email, status, import_id, version, created_at, updated_at)
SELECT uuidv7(), %(network)s, %(source)s, s.sourced_id, s.school_id, s.given_name, s.family_name,
  s.grade, s.username, s.email, 'active', %(run)s, 1, %(now)s, %(now)s
FROM """
# In the order they lie in: that of their names, as the index of names has them.
_INSERT_NAMED: LiteralString = _INSERT + "made_usernames s"
_INSERT_WITH_NAMES: LiteralString = (
    _INSERT
    + "{table} s WHERE s.username IS NOT NULL AND NOT s.faulty AND NOT s.deleted"
    + " ORDER BY s.sourced_id"
)
_MISS: LiteralString = """
WITH written AS (
  UPDATE accounts a SET status = 'missing', missing_since = %(now)s, version = a.version + 1,
    updated_at = %(now)s
  FROM account_gone g WHERE a.id = g.account_id AND a.version = g.known_version
  RETURNING a.id, new.version, {before} AS before)
INSERT INTO account_changes (import_id, account_id, kind, before, version_after)
SELECT %(run)s, id, 'missing', before, version FROM written
""".replace("{before}", _BEFORE)
# Those whose number of students moves, and where they were before.
_CONCERNED: LiteralString = """
SELECT p.school_id FROM account_plan p WHERE p.school_id IS NOT NULL
UNION SELECT a.school_id FROM account_plan p JOIN accounts a ON a.id = p.account_id
UNION SELECT s.school_id FROM {table} s WHERE NOT s.faulty AND NOT s.deleted
"""
_TAKE_BASELINES: LiteralString = """
INSERT INTO account_baselines (source_id, school_id, students, import_id, taken_at)
SELECT %(source)s, school_id, students, %(run)s, %(now)s
FROM unnest(%(schools)s::uuid[], %(students)s::int[]) AS n(school_id, students)
ON CONFLICT (source_id, school_id) DO UPDATE
  SET students = excluded.students, import_id = excluded.import_id, taken_at = excluded.taken_at
"""
_DROP_BASELINES: LiteralString = (
    "DELETE FROM account_baselines WHERE source_id = %(source)s AND school_id = ANY(%(schools)s)"
)


async def merge(
    session: WriteSession, work: Work, planned: Plan, namer: Namer, secret: bytes
) -> set[UUID]:
    """Write what was planned; the schools whose accounts it is about, which are held then.

    New accounts come first, since nobody can wait for them. What others may be writing comes
    after the gate of its schools, as for every writer.
    """
    concerned = set(planned.present)
    if not planned.first:
        concerned = {row[0] for row in await work.rows(_CONCERNED, table=planned.fresh)}
    await name_fresh(work, planned, namer, secret)
    await work.tell(_NAMED_PERCENT)
    await work.execute(_INSERT_NAMED)
    if "username" in work.run.columns:
        await work.execute(_INSERT_WITH_NAMES, table=planned.fresh)
    await work.tell(_MADE_PERCENT)
    await session.touch_schools(concerned | planned.missing.keys())
    await work.execute(_BURN, pads(secret))
    await work.execute(_UPDATE)
    if work.run.snapshot is Snapshot.full:
        await work.execute(_MISS)
        concerned |= planned.missing.keys() | await _take_baselines(work, planned)
    return concerned


async def _take_baselines(work: Work, planned: Plan) -> set[UUID]:
    """Remember how many students each school has; those where that is news."""
    new = {
        school: students
        for school, students in planned.present.items()
        if planned.recorded.get(school) != students
    }
    gone = planned.recorded.keys() - planned.present.keys()
    if new:
        taken = {"schools": list(new), "students": list(new.values())}
        await work.execute(_TAKE_BASELINES, taken)
    if gone:
        await work.execute(_DROP_BASELINES, {"schools": list(gone)})
    return new.keys() | gone


async def name_fresh(work: Work, planned: Plan, namer: Namer, secret: bytes) -> None:
    """Give usernames to the accounts that will be made, in `made_usernames`.

    Those of a source's first roster were rendered while it was staged.
    """
    run = work.run
    naming = Naming(planned.fresh, work.tables.rows, run.network_id, run.source_id, secret)
    await assign_usernames(work.connection, naming, None if planned.first and run.named else namer)
