"""What only the whole file or the accounts there are can tell of a row: checked in sets.

Each check marks the rows it refuses and writes down why; what one has refused the next ignores,
so a row has one issue. A refused row still says that its student is there.
"""

from __future__ import annotations

from typing import LiteralString

from api.accounts.burning import digest_sql, owner_sql, pads
from api.accounts.running import Values, Work

_REFUSE: LiteralString = """
WITH found(number, column_name, code, got, expected) AS MATERIALIZED ({found}),
marked AS (
  UPDATE {table} s SET faulty = true FROM found f WHERE f.number = s.number AND NOT s.faulty
  RETURNING f.*)
INSERT INTO account_import_issues
  (import_id, file, row_number, column_name, code, got, expected)
SELECT %(run)s, %(file)s, m.number, m.column_name, m.code, left(m.got, 80), m.expected
FROM marked m
"""
_ANY_ERASED: LiteralString = (
    "SELECT EXISTS (SELECT FROM erasures WHERE source_id = %(source)s AND lifted_at IS NULL)"
)
# Who is erased has no account, so only rows without one are hashed. What the row says is not told.
_ERASED: LiteralString = """
SELECT s.number, 'sourced_id', 'erased-student', NULL::text,
  'nothing of a student who was erased, unless the erasure is lifted'
FROM {table} s
JOIN erasures e ON e.source_id = %(source)s AND e.lifted_at IS NULL AND e.digest = {owner}
WHERE NOT s.faulty AND NOT s.deleted
  AND NOT EXISTS (SELECT FROM accounts a
    WHERE a.source_id = %(source)s AND a.sourced_id = s.sourced_id)
""".replace("{owner}", owner_sql("%(source)s::uuid::text", "s.sourced_id"))
# Hashed and not sorted: of a million ids only the doubled ones are looked at again.
_TWICE: LiteralString = """
SELECT s.number, 'sourced_id', CASE WHEN s.school_id IS DISTINCT FROM o.school_id
  THEN 'two-schools' ELSE 'row-twice' END, s.sourced_id,
  'one row for each student; row ' || d.first || ' is about this one already'
FROM (SELECT sourced_id, min(number) AS first FROM {table} WHERE NOT faulty
  GROUP BY sourced_id HAVING count(*) > 1) d
JOIN {table} s ON s.sourced_id = d.sourced_id AND NOT s.faulty AND s.number > d.first
JOIN {table} o ON o.number = d.first
"""
_ANY_NAME: LiteralString = "SELECT EXISTS (SELECT FROM {table} WHERE username IS NOT NULL)"
_NAME_TWICE: LiteralString = """
SELECT s.number, 'username', 'username-twice', s.username,
  'a username of their own; row ' || d.first || ' has this one'
FROM (SELECT lower(username) AS name, min(number) AS first FROM {table}
  WHERE NOT faulty AND NOT deleted AND username IS NOT NULL
  GROUP BY lower(username) HAVING count(*) > 1) d
JOIN {table} s ON lower(s.username) = d.name AND NOT s.faulty AND NOT s.deleted
  AND s.number > d.first
"""
_NAME_TAKEN: LiteralString = """
SELECT s.number, 'username', 'username-taken', s.username,
  'a username that no other student of the network has'
FROM {table} s
JOIN accounts a ON a.network_id = %(network)s AND lower(a.username) = lower(s.username)
WHERE NOT s.faulty AND NOT s.deleted
  AND NOT (a.source_id = %(source)s AND a.sourced_id = s.sourced_id)
"""
_NAME_BURNT: LiteralString = """
SELECT s.number, 'username', 'username-burnt', s.username,
  'a username that nobody else in the network ever had'
FROM {table} s
JOIN burnt_usernames b ON b.network_id = %(network)s AND b.digest = {digest}
WHERE NOT s.faulty AND NOT s.deleted AND s.username IS NOT NULL
  AND b.owner IS DISTINCT FROM {owner}
  AND NOT EXISTS (SELECT FROM accounts a WHERE a.source_id = %(source)s
    AND a.sourced_id = s.sourced_id AND lower(a.username) = lower(s.username))
""".replace("{digest}", digest_sql("s.username")).replace(
    "{owner}", owner_sql("%(source)s::uuid::text", "s.sourced_id")
)
_NEW_WITHOUT: LiteralString = """
SELECT s.number, CASE WHEN s.school_id IS NULL THEN 'school' WHEN s.given_name IS NULL
  THEN 'given_name' ELSE 'family_name' END, 'required', '', 'a value, since the student is new'
FROM {table} s
WHERE NOT s.faulty AND NOT s.deleted
  AND (s.school_id IS NULL OR s.given_name IS NULL OR s.family_name IS NULL)
  AND NOT EXISTS (SELECT FROM accounts a
    WHERE a.source_id = %(source)s AND a.sourced_id = s.sourced_id)
"""
# Who changed in an archive that says neither their school nor what they are: a teacher, a parent.
# A deletion of somebody unknown is nothing to do.
_STRANGERS: LiteralString = """
UPDATE {table} s SET deleted = true
WHERE s.school_id IS NULL AND NOT s.faulty AND NOT s.deleted
  AND NOT EXISTS (SELECT FROM accounts a
    WHERE a.source_id = %(source)s AND a.sourced_id = s.sourced_id)
"""


async def check(work: Work, secret: bytes) -> None:
    """Refuse the rows that cannot be taken; `secret` is what names are burnt with."""
    if (await work.rows(_ANY_ERASED))[0][0]:
        await _refuse(work, _ERASED, pads(secret))
    if not work.run.rising:
        await _refuse(work, _TWICE)
    named = "username" in work.run.columns and (await work.rows(_ANY_NAME))[0][0]
    if named:
        await _refuse(work, _NAME_TWICE)
        await _refuse(work, _NAME_TAKEN)
        await _refuse(work, _NAME_BURNT, pads(secret))
    if work.run.file:
        await work.execute(_STRANGERS)
    await _refuse(work, _NEW_WITHOUT)


async def _refuse(work: Work, found: LiteralString, values: Values | None = None) -> None:
    await work.execute(_REFUSE.replace("{found}", found), values)
