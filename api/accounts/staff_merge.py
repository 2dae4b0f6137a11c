"""The grown-ups of a roster: people on the staff of their schools, matched by sourced id."""

from __future__ import annotations

from typing import LiteralString
from uuid import UUID

from api.accounts.running import Work

# Of rows about one person the first; a person may be in a file once for each of their schools,
# and has left only where they have left all of them.
_STAGED: LiteralString = """
(SELECT DISTINCT ON (sourced_id) sourced_id, school_id, given_name, family_name, email, role,
  deleted FROM {staff} ORDER BY sourced_id, deleted, number) n
"""
# Who leaves has an end and is not made; else they are as they were.
_END: LiteralString = (
    """
UPDATE staff s SET active = false, version = s.version + 1, updated_at = %(now)s
FROM """
    + _STAGED
    + """ WHERE s.network_id = %(network)s AND s.sourced_id = n.sourced_id
  AND n.deleted AND s.active
RETURNING old.school_id, new.school_id
"""
)
_UPDATE: LiteralString = (
    """
UPDATE staff s SET school_id = n.school_id, given_name = n.given_name,
  family_name = n.family_name, email = coalesce(n.email, s.email), role = n.role, active = true,
  version = s.version + 1, updated_at = %(now)s
FROM """
    + _STAGED
    + """ WHERE s.network_id = %(network)s AND s.sourced_id = n.sourced_id
  AND NOT n.deleted
  AND (s.school_id, s.given_name, s.family_name, s.email, s.role, s.active) IS DISTINCT FROM
    (n.school_id, n.given_name, n.family_name, coalesce(n.email, s.email), n.role, true)
RETURNING old.school_id, new.school_id
"""
)
_INSERT: LiteralString = (
    """
INSERT INTO staff (id, network_id, school_id, sourced_id, given_name, family_name, email, role,
  active, version, created_at, updated_at)
SELECT uuidv7(), %(network)s, n.school_id, n.sourced_id, n.given_name, n.family_name, n.email,
  n.role, true, 1, %(now)s, %(now)s
FROM """
    + _STAGED
    + """ WHERE NOT n.deleted AND NOT EXISTS (SELECT FROM staff s
  WHERE s.network_id = %(network)s AND s.sourced_id = n.sourced_id)
RETURNING school_id, school_id
"""
)
_COUNT: LiteralString = "SELECT count(DISTINCT sourced_id) FROM {staff}"


async def merge_staff(work: Work) -> tuple[set[UUID], dict[str, int]]:
    """Make and change the staff; the schools concerned, and how many people of each kind."""
    total = (await work.rows(_COUNT))[0][0]
    if not total:
        return set(), {}
    updated = [*await work.rows(_END), *await work.rows(_UPDATE)]
    created = await work.rows(_INSERT)
    counts = {
        "created": len(created),
        "updated": len(updated),
        "unchanged": total - len(created) - len(updated),
    }
    return {school for row in (*updated, *created) for school in row}, counts
