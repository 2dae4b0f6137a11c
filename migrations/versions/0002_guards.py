"""History, the assertion of touch_schools, and Procrastinate's schema

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager
from psycopg import Connection

from api.db import triggers

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# table: (the row's id, its network, its school), each as SQL over a row `r`
RECORDED = {
    "networks": ("r.id::text", "r.id", "null::uuid"),
    "calendars": ("r.network_id::text", "r.network_id", "null::uuid"),
    "schools": ("r.id::text", "r.network_id", "r.id"),
    "rollouts": ("r.id::text", "r.network_id", "r.school_id"),
    "tasks": ("r.id::text", "r.network_id", "r.school_id"),
    "dependencies": (
        "r.predecessor_id::text || '>' || r.successor_id::text",
        "r.network_id",
        "r.school_id",
    ),
    "waivers": ("r.id::text", "r.network_id", "r.school_id"),
}
READINESS_READS = {
    "tasks": "r.school_id",
    "dependencies": "r.school_id",
    "waivers": "r.school_id",
    "rollouts": "r.school_id",
    "calendars": "null::uuid",
}
SCHOOL_CHANGED = (
    "(o.name, o.timezone, o.blackout_days, o.code) IS DISTINCT FROM"
    " (r.name, r.timezone, r.blackout_days, r.code)"
)


def execute(statement: str) -> None:
    """Straight on the driver: several statements at once, and `%` stays what it is."""
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, Connection)
    driver.execute(statement.encode())


def upgrade() -> None:
    statements: list[str] = []
    for table, (key, network, school) in RECORDED.items():
        statements += triggers.record_history(table, key, network, school)
    for table, school in READINESS_READS.items():
        statements += triggers.assert_touched(table, school, "r.network_id")
    statements += triggers.assert_touched("schools", "r.id", "r.network_id", SCHOOL_CHANGED)
    for statement in statements:
        execute(statement)
    execute(SchemaManager.get_schema())


def downgrade() -> None:
    for table in (*RECORDED, *READINESS_READS):
        for statement in triggers.drop(table):
            execute(statement)
    # Of databases that have come here before 0017.
    execute("DROP FUNCTION IF EXISTS jsonb_difference(jsonb, jsonb)")
    _drop_procrastinate()


def _drop_procrastinate() -> None:
    """Its tables, functions and types all carry its name; it brings no uninstaller."""
    execute(
        """
DO $$ DECLARE what text; statements text[]; BEGIN
  -- All spelled out first: a cascade may take a later one with it.
  SELECT array_agg(statement) INTO statements FROM (
    SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) AS statement
    FROM pg_proc WHERE starts_with(proname, 'procrastinate_')
    UNION ALL
    SELECT format('DROP TABLE IF EXISTS %I CASCADE', relname)
    FROM pg_class WHERE relkind = 'r' AND starts_with(relname, 'procrastinate_')
    UNION ALL
    SELECT format('DROP TYPE IF EXISTS %I CASCADE', t.typname)
    FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE starts_with(t.typname, 'procrastinate_') AND (t.typtype = 'e' OR c.relkind = 'c')
  ) AS all_of_it;
  FOREACH what IN ARRAY statements LOOP EXECUTE what; END LOOP;
END $$"""
    )
