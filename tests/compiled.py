"""Statements are compiled once a run, not once for each test that opens an engine of its own.

SQLAlchemy keeps what it compiled with the dialect of an engine, and the service has one engine for
as long as it runs. Only time is saved: what is compiled, and what is sent, stays the same.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util import LRUCache

# Several times as many as there are statements in the service.
_KEPT = 2000

_compiled: LRUCache[object, object] = LRUCache(_KEPT)
_dialects: list[Dialect] = []


def share() -> None:
    """From now on, among all engines of this process that the service makes."""
    event.listen(Engine, "engine_connect", _share)


def _share(connection: Connection) -> None:
    if not connection.dialect.is_async:
        # Migrations are written for an engine that is made with other arguments.
        return
    if not _dialects:
        _dialects.append(connection.dialect)
    connection.dialect = _dialects[0]
    connection.execution_options(compiled_cache=_compiled)
