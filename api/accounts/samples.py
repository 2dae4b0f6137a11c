"""A few students of each kind, so that whoever looks at a preview sees what it means."""

from __future__ import annotations

from typing import Any, LiteralString

from api.accounts.planning import Plan
from api.accounts.rules import Snapshot
from api.accounts.running import Work

_STUDENT: LiteralString = (
    "jsonb_build_object('sourced_id', a.sourced_id, 'school_id', a.school_id, 'given_name',"
    " a.given_name, 'family_name', a.family_name, 'grade', a.grade, 'username', {username})"
)
_CREATED: LiteralString = """
SELECT {student} FROM {table} a LEFT JOIN made_usernames m ON m.number = a.number
WHERE NOT a.faulty AND NOT a.deleted ORDER BY a.sourced_id LIMIT 5
""".replace("{student}", _STUDENT.replace("{username}", "coalesce(a.username, m.username)"))
_OF_ACCOUNT: LiteralString = _STUDENT.replace("{username}", "a.username")
# What a field was, and what it will be.
_UPDATED: LiteralString = """
SELECT {student} || jsonb_build_object('kind', p.kind, 'changes', (
  SELECT coalesce(jsonb_object_agg(o.key, jsonb_build_array(o.value, n.value)), '{{}}')
  FROM jsonb_each(to_jsonb(a)) o JOIN jsonb_each(to_jsonb(p)) n ON n.key = o.key
  WHERE o.value <> n.value AND o.key NOT IN ('edits', 'missing_since')))
FROM account_plan p JOIN accounts a ON a.id = p.account_id ORDER BY a.sourced_id LIMIT 5
""".replace("{student}", _OF_ACCOUNT)
_MISSING: LiteralString = """
SELECT {student} FROM account_gone g JOIN accounts a ON a.id = g.account_id
ORDER BY a.sourced_id LIMIT 5
""".replace("{student}", _OF_ACCOUNT)


async def samples(work: Work, planned: Plan) -> dict[str, list[dict[str, Any]]]:
    """Students as they will be, of those created, updated and missing; names and all."""
    found = {
        "created": await work.rows(_CREATED, table=planned.fresh),
        "updated": await work.rows(_UPDATED),
    }
    if work.run.snapshot is Snapshot.full:
        found["missing"] = await work.rows(_MISSING)
    return {kind: [row[0] for row in rows] for kind, rows in found.items()}
