"""The schema's revision: migrate to the newest, and refuse to serve on any other."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from api.errors import Unavailable

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
# Any number: it only has to be the same on every host.
_LOCK = 7_154_201_902


class SchemaMismatch(Unavailable):
    code = "schema-mismatch"
    title = "The database has another schema than this version of FirstBell"


def sqlalchemy_url(url: str) -> str:
    """The same address with the driver SQLAlchemy should use."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme.startswith("postgres") else url


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    assert head is not None, "the migrations folder has a revision"
    return head


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema to `revision`, upward or downward, alone.

    Safe from several hosts at once: the others wait, then find nothing left to do. Each
    revision is one transaction, so a kill leaves the schema at a revision.
    """
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as keeper, engine.connect() as connection:
        # On a connection of its own: the lock outlives the transactions of the migrations.
        keeper.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        down = revision not in ("head", newest_revision())
        config = alembic_config(connection)
        (command.downgrade if down else command.upgrade)(config, revision)
        keeper.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})


def current_revision(url: str) -> str | None:
    """The revision the database is at; None for an empty one."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def check_revision(url: str) -> None:
    """Raises: SchemaMismatch naming both revisions and the command that mends it."""
    have, want = current_revision(url), newest_revision()
    if have == want:
        return
    known = {
        script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()
    }
    behind = have is None or have in known
    mend = (
        "run `firstbell migrate`"
        if behind
        else "this FirstBell is older than the database: start the newer version"
    )
    raise SchemaMismatch(
        f"The database is at revision {have or 'none'}, this version needs {want}: {mend}."
    )
