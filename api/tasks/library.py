"""Playbooks kept: the five that ship, and the ones a network has added."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache, lru_cache
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.db.columns import new_id
from api.db.uow import ReadSession, WriteSession
from api.errors import Conflict
from api.tasks.errors import PlaybookNotFound
from api.tasks.models import PlaybookVersion
from api.tasks.playbooks import Playbook, parse_playbook, shipped_playbooks, shipped_source


@lru_cache(maxsize=256)
def parsed(source: str) -> Playbook:
    """A stored source, parsed once; it was checked when it came in."""
    return parse_playbook(source)


async def read_source(source: str) -> Playbook:
    """`parsed`, beside the event loop: reading a large or hostile file takes seconds.

    Raises: PlaybookInvalid.
    """
    return await asyncio.to_thread(parsed, source)


@cache
def shipped_names() -> frozenset[str]:
    return frozenset(playbook.name for playbook in shipped_playbooks())


async def add_playbook(
    session: WriteSession, source: str, network_id: UUID | None
) -> PlaybookVersion:
    """Keep a new playbook or a newer version of one.

    Raises: PlaybookInvalid with every problem and its line; Conflict when this version is there.
    """
    playbook = await read_source(source)
    same = await _versions(session, playbook.name, network_id)
    newest = max((row.version for row in same), default=0)
    if playbook.version <= newest:
        raise Conflict(
            f"{playbook.name} is at version {newest}; give this one a higher version.",
            code="playbook-version-taken",
        )
    row = PlaybookVersion(
        network_id=network_id,
        name=playbook.name,
        version=playbook.version,
        title=playbook.title,
        model=playbook.model,
        source=source,
        created_at=clock.now(),
    )
    session.add(row)
    await session.flush()
    return row


async def _versions(
    session: ReadSession, name: str, network_id: UUID | None
) -> Sequence[PlaybookVersion]:
    statement = select(PlaybookVersion).where(
        col(PlaybookVersion.name) == name,
        col(PlaybookVersion.network_id).is_not_distinct_from(network_id),
    )
    return (await session.execute(statement)).scalars().all()


async def ship(session: WriteSession) -> None:
    """Put the shipped playbooks into the shared catalogue; versions that are there stay."""
    now = clock.now()
    rows = [
        {
            "id": new_id(),
            "name": playbook.name,
            "version": playbook.version,
            "title": playbook.title,
            "model": playbook.model,
            "source": shipped_source(playbook.name),
            "created_at": now,
        }
        for playbook in shipped_playbooks()
    ]
    # Several processes may start at once.
    await session.execute(insert(PlaybookVersion).values(rows).on_conflict_do_nothing())


async def list_playbooks(session: ReadSession, caller: Caller) -> list[PlaybookVersion]:
    """The newest version of each playbook the caller may use, by name."""
    statement = (
        select(PlaybookVersion)
        .where(_usable(caller.network_id))
        .ext(distinct_on(col(PlaybookVersion.network_id), col(PlaybookVersion.name)))
        .order_by(
            col(PlaybookVersion.network_id),
            col(PlaybookVersion.name),
            col(PlaybookVersion.version).desc(),
        )
    )
    rows = (await session.execute(statement)).scalars().all()
    return sorted(rows, key=lambda row: (row.name, row.network_id is not None))


async def read_playbook(session: ReadSession, caller: Caller, playbook_id: UUID) -> PlaybookVersion:
    """Raises: PlaybookNotFound, also for one the caller may not see."""
    statement = select(PlaybookVersion).where(
        col(PlaybookVersion.id) == playbook_id, _usable(caller.network_id)
    )
    row = (await session.execute(statement)).scalar_one_or_none()
    if row is None:
        raise PlaybookNotFound(f"There is no playbook {playbook_id}, or you may not see it.")
    return row


def _usable(network_id: UUID | None) -> ColumnElement[bool]:
    if network_id is None:
        return col(PlaybookVersion.id).is_not(None)
    return or_(
        col(PlaybookVersion.network_id).is_(None), col(PlaybookVersion.network_id) == network_id
    )


async def find_playbook(
    session: ReadSession, name: str, network_id: UUID | None
) -> PlaybookVersion:
    """The newest version of that name: the network's own before the shared one.

    Raises: PlaybookNotFound naming those there are.
    """
    shared = col(PlaybookVersion.network_id).is_(None)
    usable = shared if network_id is None else _usable(network_id)
    statement = (
        select(PlaybookVersion)
        .where(col(PlaybookVersion.name) == name, usable)
        .order_by(col(PlaybookVersion.network_id).nulls_last(), col(PlaybookVersion.version).desc())
        .limit(1)
    )
    row = (await session.execute(statement)).scalar_one_or_none()
    if row is None:
        names = sorted(await asyncio.to_thread(shipped_names))
        raise PlaybookNotFound(f"There is no playbook {name!r}. Shipped are {', '.join(names)}.")
    return row
