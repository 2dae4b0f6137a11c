"""What an event was applied to is no foreign key: nothing deletes orders, shipments or networks

Checking three of them was a third of what settling an event cost the database.

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KEYS = {"network_id": "networks", "order_id": "orders", "shipment_id": "shipments"}


def upgrade() -> None:
    for column in KEYS:
        op.drop_constraint(f"fk_webhook_events_{column}", "webhook_events", type_="foreignkey")


def downgrade() -> None:
    for column, table in KEYS.items():
        op.create_foreign_key(
            f"fk_webhook_events_{column}", "webhook_events", table, [column], ["id"]
        )
