"""History of targets: who added, changed or removed one

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

from alembic import op
from psycopg import Connection

from api.db import triggers

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# That there is another token is told, and of neither more than a fingerprint of what was encrypted.
SHOWN = "(to_jsonb(r) || jsonb_build_object('sealed', left(encode(sha256(r.sealed), 'hex'), 12)))"


def execute(statement: str) -> None:
    """Straight on the driver: `%` stays what it is."""
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, Connection)
    driver.execute(statement.encode())


def upgrade() -> None:
    for statement in triggers.record_history(
        "targets", "r.id::text", "r.network_id", "null::uuid", SHOWN
    ):
        execute(statement)


def downgrade() -> None:
    for statement in triggers.drop("targets"):
        execute(statement)
