"""Sums of a line's allocations, and history of orders

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from alembic import op
from psycopg import Connection

from api.db import triggers

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# table: (the row's id, its network, its school), each as SQL over a row `r`
RECORDED = {
    "vendors": ("r.id::text", "null::uuid", "null::uuid"),
    "orders": ("r.id::text", "r.network_id", "null::uuid"),
    "order_lines": ("r.id::text", "r.network_id", "null::uuid"),
    "promises": ("r.id::text", "r.network_id", "null::uuid"),
    "allocations": ("r.id::text", "r.network_id", "r.school_id"),
}
# The checks of `order_lines` hold for all its allocations together because the sums are kept here
# and not by whoever writes an allocation. The line's row is locked by it, so two who each take
# the last piece are told one after the other.
SUMS = """
CREATE FUNCTION sum_allocations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    UPDATE order_lines l SET allocated = l.allocated + d.quantity,
      accepted = l.accepted + d.accepted, returned = l.returned + d.returned,
      over = l.over + d.over
    FROM (SELECT line_id, sum(quantity) AS quantity, sum(accepted) AS accepted,
        sum(returned) AS returned, sum(over) AS over
      FROM new_rows GROUP BY line_id) d
    WHERE l.id = d.line_id;
  ELSIF TG_OP = 'DELETE' THEN
    UPDATE order_lines l SET allocated = l.allocated - d.quantity,
      accepted = l.accepted - d.accepted, returned = l.returned - d.returned,
      over = l.over - d.over
    FROM (SELECT line_id, sum(quantity) AS quantity, sum(accepted) AS accepted,
        sum(returned) AS returned, sum(over) AS over
      FROM old_rows GROUP BY line_id) d
    WHERE l.id = d.line_id;
  ELSE
    UPDATE order_lines l SET allocated = l.allocated + d.quantity,
      accepted = l.accepted + d.accepted, returned = l.returned + d.returned,
      over = l.over + d.over
    FROM (SELECT line_id, sum(quantity) AS quantity, sum(accepted) AS accepted,
        sum(returned) AS returned, sum(over) AS over
      FROM (SELECT line_id, quantity, accepted, returned, over FROM new_rows
        UNION ALL SELECT line_id, -quantity, -accepted, -returned, -over FROM old_rows) change
      GROUP BY line_id) d
    WHERE l.id = d.line_id AND (d.quantity, d.accepted, d.returned, d.over) <> (0, 0, 0, 0);
  END IF;
  RETURN NULL;
END $$"""
EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}


def execute(statement: str) -> None:
    """Straight on the driver: several statements at once, and `%` stays what it is."""
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, Connection)
    driver.execute(statement.encode())


def upgrade() -> None:
    execute(SUMS)
    for event, rows in EVENTS.items():
        execute(
            f"CREATE TRIGGER sum_allocations_{event.lower()} AFTER {event} ON allocations {rows}"
            " FOR EACH STATEMENT EXECUTE FUNCTION sum_allocations()"
        )
    for table, (key, network, school) in RECORDED.items():
        for statement in triggers.record_history(table, key, network, school):
            execute(statement)


def downgrade() -> None:
    for table in RECORDED:
        for statement in triggers.drop(table):
            execute(statement)
    execute("DROP FUNCTION sum_allocations() CASCADE")
