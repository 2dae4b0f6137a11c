"""The SQL of the guards in the database: history, the assertion of `touch_schools`, and tables
whose rows are only ever added.

Kept apart from the migrations that install it, as functions of a table's name, so that a later
room's migration guards its own tables with the same words.
"""

from __future__ import annotations

_EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}
# Bookkeeping that changes with every edit and says nothing of its own.
_NOISE = "'{updated_at,version}'"


def record_history(
    table: str, key: str, network: str, school: str, shown: str = "to_jsonb(r)"
) -> list[str]:
    """Statements that make `table` write history; arguments as `history_function` takes them."""
    body = history_function(table, key, network, school, shown)
    return [body, *_triggers(table, "record_history", f"record_history_of_{table}()")]


def history_function(
    table: str, key: str, network: str, school: str, shown: str = "to_jsonb(r)"
) -> str:
    """The statement that makes, or makes anew, what the triggers of `table` call.

    `key`, `network` and `school` are SQL over a row `r` that give its id as text and whose it
    is; a row's identity never changes, so old and new meet on `key`. `shown` is what is told of
    the row, where that is not all of it.
    """
    columns = "actor, request_id, table_name, row_id, network_id, school_id, operation"
    who = (
        "nullif(current_setting('firstbell.actor', true), ''),"
        " coalesce(current_setting('firstbell.request', true), '')"
    )
    owner = f"{who}, '{table}', {key}, {network}, {school}"
    # A plan made for one row is kept for the session; with a nested loop it would take minutes
    # for 5,000 rows. Without OFFSET each row would be made into a document six times over.
    return f"""
CREATE OR REPLACE FUNCTION record_history_of_{table}() RETURNS trigger LANGUAGE plpgsql
SET enable_nestloop = off AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO history ({columns}, after)
    SELECT {owner}, 'insert', {shown} FROM new_rows r;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO history ({columns}, before)
    SELECT {owner}, 'delete', {shown} FROM old_rows r;
  ELSE
    INSERT INTO history ({columns}, before, after)
    SELECT n.actor, n.request, n.named, n.key, n.network, n.school, 'update', d.before, d.after
    FROM (SELECT {key} AS key, {shown} AS doc FROM old_rows r OFFSET 0) o
    JOIN (SELECT {shown} AS doc, {owner} FROM new_rows r OFFSET 0)
      AS n(doc, actor, request, named, key, network, school) ON n.key = o.key
    CROSS JOIN LATERAL (
      SELECT jsonb_object_agg(c.key, c.value) AS before,
        jsonb_object_agg(c.key, n.doc -> c.key) AS after
      FROM jsonb_each(o.doc) c
      WHERE c.key <> ALL ({_NOISE}) AND n.doc -> c.key IS DISTINCT FROM c.value) d
    WHERE d.before IS NOT NULL;
  END IF;
  RETURN NULL;
END $$"""


def assert_touched(table: str, school: str, network: str, changed: str = "true") -> list[str]:
    """Statements that refuse a write to `table` whose transaction does not hold the gate.

    `school` and `network` are SQL over a row `r`: the row belongs to the school, or where that
    is null to the network. `changed` narrows updates, over rows `o` (old) and `r` (new).
    """
    unheld = f"""
      SELECT 1 FROM {{rows}} r WHERE CASE WHEN {school} IS NOT NULL
        THEN NOT EXISTS (SELECT 1 FROM school_state s WHERE s.school_id = {school}
                         AND s.touched_by = pg_current_xact_id())
        ELSE NOT EXISTS (SELECT 1 FROM network_state s WHERE s.network_id = {network}
                         AND s.touched_by = pg_current_xact_id()) END"""
    new, old = unheld.format(rows="new_rows"), unheld.format(rows="old_rows")
    only = ""
    if changed != "true":
        only = f" AND EXISTS (SELECT 1 FROM old_rows o WHERE o.id = r.id AND ({changed}))"
    body = f"""
CREATE FUNCTION assert_touched_for_{table}() RETURNS trigger LANGUAGE plpgsql
SET enable_nestloop = off AS $$
DECLARE unheld boolean := false;
BEGIN
  IF TG_OP IN ('INSERT', 'UPDATE') THEN unheld := EXISTS ({new}{only}); END IF;
  IF TG_OP = 'DELETE' THEN unheld := EXISTS ({old}); END IF;
  IF unheld THEN
    RAISE EXCEPTION 'a write to {table} must come after touch_schools or touch_networks'
      USING ERRCODE = 'FB001';
  END IF;
  RETURN NULL;
END $$"""
    events = ("UPDATE",) if changed != "true" else tuple(_EVENTS)
    call = f"assert_touched_for_{table}()"
    return [body, *_triggers(table, "assert_touched", call, events)]


def refuse_changes(table: str) -> list[str]:
    """Statements that let rows be added to `table` and never changed or taken out."""
    body = f"""
CREATE FUNCTION refuse_changes_of_{table}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'rows of {table} are kept as they were added' USING ERRCODE = 'FB002';
END $$"""
    trigger = (
        f"CREATE TRIGGER refuse_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION refuse_changes_of_{table}()"
    )
    return [body, trigger]


def _triggers(
    table: str, prefix: str, call: str, events: tuple[str, ...] = tuple(_EVENTS)
) -> list[str]:
    return [
        f"CREATE TRIGGER {prefix}_{event.lower()} AFTER {event} ON {table} {_EVENTS[event]}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {call}"
        for event in events
    ]


def drop(table: str) -> list[str]:
    """Statements that remove the guards of `table` again; its triggers go with them."""
    return [
        f"DROP FUNCTION IF EXISTS record_history_of_{table}() CASCADE",
        f"DROP FUNCTION IF EXISTS assert_touched_for_{table}() CASCADE",
        f"DROP FUNCTION IF EXISTS refuse_changes_of_{table}() CASCADE",
    ]
