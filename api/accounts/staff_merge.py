"""The grown-ups of a roster: people on the staff of their schools, matched by sourced id."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from api.accounts.plan_sql import open_to
from api.accounts.running import Work

# Of rows about one person the first; a person may be in a file once for each of their schools,
# and has left only where they have left all of them.
_STAGED: LiteralString = """
(SELECT DISTINCT ON (sourced_id) sourced_id, school_id, given_name, family_name, email, role,
  NOT deleted AS active, modified_at FROM {staff} ORDER BY sourced_id, deleted, number) s
"""
_FIELDS = ("school_id", "given_name", "family_name", "email", "role", "active")
# What the file says, except where a person's word stands against it. Who leaves has an end and is
# else as they were; an empty cell says nothing. A run about one school ends nobody of another.
_CHANGES = (
    "((s.active OR '{name}' = 'active') AND s.{name} IS NOT NULL"
    " AND a.{name} IS DISTINCT FROM s.{name} AND {open})"
)
_UPDATE = """
UPDATE staff a SET {values}, edits = nullif(
    a.edits - array_remove(ARRAY[{overruled}], NULL), jsonb_build_object()),
  version = a.version + 1, updated_at = %(now)s
FROM {staged}
WHERE a.network_id = %(network)s AND a.sourced_id = s.sourced_id
  AND (s.active OR %(school)s::uuid IS NULL OR a.school_id = %(school)s) AND ({any_changes})
RETURNING old.school_id, new.school_id
"""
_INSERT: LiteralString = (
    """
INSERT INTO staff (id, network_id, school_id, sourced_id, given_name, family_name, email, role,
  active, version, created_at, updated_at)
SELECT uuidv7(), %(network)s, s.school_id, s.sourced_id, s.given_name, s.family_name, s.email,
  s.role, true, 1, %(now)s, %(now)s
FROM """
    + _STAGED
    + """ WHERE s.active AND NOT EXISTS (SELECT FROM staff a
  WHERE a.network_id = %(network)s AND a.sourced_id = s.sourced_id)
RETURNING school_id, school_id
"""
)
# Who leaves without a role is one of them only where they are known.
_COUNT: LiteralString = """
SELECT count(DISTINCT sourced_id) FROM {staff} n WHERE role IS NOT NULL OR EXISTS (
  SELECT FROM staff a WHERE a.network_id = %(network)s AND a.sourced_id = n.sourced_id)
"""


def _update_statement() -> str:
    changes = {
        name: _CHANGES.format(name=name, open=open_to(name, f"s.{name}")) for name in _FIELDS
    }
    return _UPDATE.format(
        values=", ".join(
            f"{name} = CASE WHEN {change} THEN s.{name} ELSE a.{name} END"
            for name, change in changes.items()
        ),
        overruled=", ".join(
            f"CASE WHEN {change} THEN '{name}' END" for name, change in changes.items()
        ),
        staged=_STAGED,
        any_changes=" OR ".join(changes.values()),
    )


async def merge_staff(work: Work) -> tuple[set[UUID], dict[str, int]]:
    """Make and change the staff; the schools concerned, and how many people of each kind."""
    total = (await work.rows(_COUNT))[0][0]
    if not total:
        return set(), {}
    updated = await work.rows(_update_statement())
    created = await work.rows(_INSERT)
    counts = {
        "created": len(created),
        "updated": len(updated),
        "unchanged": total - len(created) - len(updated),
    }
    return {school for row in (*updated, *created) for school in row}, counts
