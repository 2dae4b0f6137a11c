"""The SQL that compares a staged roster with the accounts there are, for the columns it has. Pure.

A field's new value is the file's, unless the file says nothing of it, or a person has changed it
and the file says the same as before, or is older than their change.
"""

from __future__ import annotations

from collections.abc import Collection

# An account's field: the roster's column, and whether an empty cell clears it; elsewhere an empty
# cell says nothing.
FIELDS = {
    "school_id": ("school", False),
    "given_name": ("given_name", False),
    "family_name": ("family_name", False),
    "grade": ("grade", True),
    "username": ("username", False),
    "email": ("email", True),
}
_STATUS = "CASE WHEN s.deleted THEN 'suspended' ELSE 'active' END"
_PLAN = """
CREATE TEMP TABLE account_plan ON COMMIT DROP AS
SELECT s.number, a.id AS account_id, a.version AS known_version, {values},
  CASE WHEN {status_changes} THEN {status} ELSE a.status END AS status,
  CASE WHEN NOT ({status_changes}) THEN a.missing_since
    WHEN s.deleted THEN coalesce(a.missing_since, %(now)s) END AS missing_since,
  CASE WHEN a.edits IS NOT NULL THEN nullif(
    a.edits - array_remove(ARRAY[{overruled}], NULL), jsonb_build_object()) END AS edits,
  CASE WHEN a.id IS NULL THEN 'created' WHEN NOT ({status_changes}) THEN 'updated'
    WHEN s.deleted THEN 'suspended' ELSE 'restored' END AS kind,
  NOT ({status_changes}) AND NOT ({others_change}) AS grade_only
FROM {{table}} s
LEFT JOIN accounts a ON a.source_id = %(source)s AND a.sourced_id = s.sourced_id
WHERE NOT s.faulty AND CASE WHEN a.id IS NULL THEN NOT s.deleted
  ELSE {status_changes} OR {changes} END
"""


def plan_statement(columns: Collection[str], *, clears: bool = True) -> str:
    """`CREATE TABLE account_plan`: a row for each account to be made or changed, with its fields
    as they will be.

    `{table}` is still to be filled in; parameters are `source`, `now` and `uploaded`, when the
    file came. `columns` are the roster's; without `clears` an empty cell never says anything.
    """
    changes = {
        name: _changes(name, clears and clearable)
        for name, (column, clearable) in FIELDS.items()
        if column in columns
    }
    status_changes = f"(a.status <> {_STATUS} AND {open_to('status', _STATUS)})"
    overruled = [f"CASE WHEN {change} THEN '{name}' END" for name, change in changes.items()]
    return _PLAN.format(
        values=", ".join(
            f"CASE WHEN {changes[name]} THEN s.{name} ELSE a.{name} END AS {name}"
            if name in changes
            else f"a.{name}"
            for name in FIELDS
        ),
        status=_STATUS,
        status_changes=status_changes,
        overruled=", ".join([*overruled, f"CASE WHEN {status_changes} THEN 'status' END"]),
        changes=_any(list(changes.values())),
        others_change=_any([change for name, change in changes.items() if name != "grade"]),
    )


def _any(conditions: Collection[str]) -> str:
    return f"({' OR '.join(conditions)})" if conditions else "false"


def _changes(field: str, clears: bool) -> str:
    """Whether the file gives the field another value."""
    differs = f"a.{field} IS DISTINCT FROM s.{field}"
    if not clears:
        differs = f"s.{field} IS NOT NULL AND {differs}"
    return f"(NOT s.deleted AND {differs} AND {open_to(field, f's.{field}')})"


def open_to(field: str, value: str) -> str:
    """Whether no person's change of the field of the row `a` stands against what the file's
    row `s` says.
    """
    edit = f"a.edits -> '{field}'"
    return (
        f"(a.edits IS NULL OR {edit} IS NULL OR"
        f" ({edit} ->> 'source') IS DISTINCT FROM ({value})::text"
        f" AND coalesce(s.modified_at, %(uploaded)s) > ({edit} ->> 'at')::timestamptz)"
    )
