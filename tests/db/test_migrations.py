"""The one migration tree: up, checked, down, and up again."""

from __future__ import annotations

import threading

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from api.db import schema


def _tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " UNION ALL SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace"
        ).fetchall()
    return {str(row[0]) for row in rows if not str(row[0]).strip("_").startswith("alembic_")}


def test_up_then_the_models_say_the_same(database_url: str) -> None:
    engine = create_engine(schema.sqlalchemy_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        command.check(schema.alembic_config(connection))


def test_down_leaves_nothing_and_up_again_works(empty_database_url: str) -> None:
    schema.migrate(empty_database_url)
    full = _tables(empty_database_url)
    schema.migrate(empty_database_url, "base")
    assert _tables(empty_database_url) == set()
    schema.migrate(empty_database_url)
    assert _tables(empty_database_url) == full


def test_several_hosts_migrate_at_once(empty_database_url: str) -> None:
    failures: list[BaseException] = []

    def host() -> None:
        try:
            schema.migrate(empty_database_url)
        except BaseException as error:
            failures.append(error)

    hosts = [threading.Thread(target=host) for _ in range(4)]
    for one in hosts:
        one.start()
    for one in hosts:
        one.join()
    assert failures == []
    assert schema.current_revision(empty_database_url) == schema.newest_revision()


def test_a_schema_behind_or_ahead_is_refused_naming_both(database_url: str) -> None:
    schema.check_revision(database_url)
    newest = schema.newest_revision()
    for have, mend in (("0001", "firstbell migrate"), ("9999", "start the newer version")):
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", (have,))
        with pytest.raises(schema.SchemaMismatch) as refused:
            schema.check_revision(database_url)
        assert have in refused.value.detail
        assert newest in refused.value.detail
        assert mend in refused.value.detail
