"""Alembic's way in: the models of every room, less what Procrastinate owns."""

from __future__ import annotations

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

import api.accounts.cards.models
import api.accounts.models
import api.accounts.targets.models
import api.auth.models
import api.db.history
import api.devices.models
import api.devices.models_shipping
import api.http.models
import api.infrastructure.models
import api.pd.models
import api.readiness.models
import api.schools.models
import api.tasks.models
import api.webhooks.models  # noqa: F401 (imported for their tables)
from api.db.schema import sqlalchemy_url
from api.settings import Settings


def ours(_: Any, name: str | None, kind: str, *__: Any) -> bool:
    """Procrastinate's tables and types are its own; its schema came with our first revision."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        include_object=ours,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


def main() -> None:
    given: Connection | None = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    settings = Settings()
    url = settings.direct_database_url or settings.database_url
    if url is None:
        raise SystemExit("Set DATABASE_URL, or use `firstbell migrate` for the embedded server.")
    with create_engine(sqlalchemy_url(url), poolclass=NullPool).connect() as connection:
        run(connection)


main()
