"""The catalogue as it holds for a network: shared checks, and its own in place of some."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, and_, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.infrastructure.errors import check_not_found
from api.infrastructure.models import Check, CheckVersion
from api.infrastructure.verdicts import Definition
from api.schools.queries import is_among
from api.schools.rules import as_id


@dataclass(frozen=True, slots=True)
class Asked:
    """A check as it holds now."""

    id: UUID
    slug: str
    title: str
    version: int
    definition: Definition


@dataclass(frozen=True, slots=True)
class Catalogue:
    """`by_slug` are the checks that hold; `slug_of` names every check whose results count for one
    of them, also one that another has replaced.
    """

    by_slug: dict[str, Asked] = field(default_factory=dict)
    slug_of: dict[UUID, str] = field(default_factory=dict)

    def find(self, id_or_slug: str) -> Asked:
        """The check that holds under a slug or an id. Raises: CheckNotFound."""
        check_id = as_id(id_or_slug.strip())
        slug = self.slug_of.get(check_id) if check_id else id_or_slug.strip()
        found = self.by_slug.get(slug or "")
        if found is None:
            raise check_not_found(id_or_slug)
        return found

    def ids(self, slugs: Collection[str] | None = None) -> list[UUID]:
        """Whose results count for these checks, by default for all."""
        return [
            check_id
            for check_id, slug in self.slug_of.items()
            if slug in self.by_slug and (slugs is None or slug in slugs)
        ]


async def read_catalogues(
    session: ReadSession, network_ids: Iterable[UUID]
) -> dict[UUID, Catalogue]:
    """What holds in each of the networks; in one select."""
    wanted = set(network_ids)
    rows = await session.execute(
        select(Check, CheckVersion)
        .join(CheckVersion, _newest())
        .where(
            or_(col(Check.network_id).is_(None), is_among(col(Check.network_id), wanted, Uuid()))
        )
        .order_by(col(Check.slug))
    )
    shared: list[tuple[Check, CheckVersion]] = []
    own: defaultdict[UUID, list[tuple[Check, CheckVersion]]] = defaultdict(list)
    for check, version in rows:
        (shared if check.network_id is None else own[check.network_id]).append((check, version))
    return {network_id: _catalogue([*shared, *own[network_id]]) for network_id in wanted}


async def read_catalogue(session: ReadSession, network_id: UUID) -> Catalogue:
    return (await read_catalogues(session, [network_id]))[network_id]


async def slugs_there_are(session: ReadSession) -> set[str]:
    """Whatever any network calls a check."""
    return set(await session.scalars(select(col(Check.slug)).distinct()))


def _newest() -> ColumnElement[bool]:
    return and_(
        col(CheckVersion.check_id) == col(Check.id), col(CheckVersion.version) == col(Check.version)
    )


def _catalogue(checks: list[tuple[Check, CheckVersion]]) -> Catalogue:
    """Of shared checks first and the network's own after them."""
    catalogue = Catalogue()
    for check, version in checks:
        catalogue.slug_of[check.id] = check.slug
        if check.archived_at is None:
            catalogue.by_slug[check.slug] = asked_of(check, version)
    return catalogue


def asked_of(check: Check, version: CheckVersion) -> Asked:
    return Asked(check.id, check.slug, check.title, check.version, definition_of(version))


def definition_of(version: CheckVersion) -> Definition:
    return Definition(
        version.unit,
        version.comparator,
        version.threshold,
        version.freshness_days,
        version.severity,
        version.applies,
        tuple(version.requires),
    )


def _shown(caller: Caller) -> ColumnElement[bool]:
    """The shared checks, and those of networks that the caller sees."""
    network = col(Check.network_id)
    return or_(network.is_(None), visible(caller, network))


async def find_check(session: ReadSession, caller: Caller, id_or_slug: str) -> Check:
    """By its id; or by its slug as the caller's network knows it, archived ones too.

    Raises: CheckNotFound, also for one the caller may not see.
    """
    given = id_or_slug.strip()
    check_id = as_id(given)
    statement = select(Check).where(_shown(caller))
    if check_id is not None:
        statement = statement.where(col(Check.id) == check_id)
    else:
        network = col(Check.network_id)
        # Without a network of their own a caller means the shared one.
        mine = or_(network.is_(None), network == caller.network_id)
        statement = statement.where(col(Check.slug) == given, mine)
        statement = statement.order_by(network.nulls_last()).limit(1)
    found = (await session.scalars(statement)).one_or_none() if "\x00" not in given else None
    if found is None:
        raise check_not_found(id_or_slug)
    return found


async def version_of(session: ReadSession, check: Check) -> CheckVersion:
    """The definition that holds."""
    return await session.get_one(CheckVersion, (check.id, check.version))


async def all_versions(session: ReadSession, check: Check) -> Sequence[CheckVersion]:
    """Every definition there was, the newest first."""
    statement = (
        select(CheckVersion)
        .where(col(CheckVersion.check_id) == check.id)
        .order_by(col(CheckVersion.version).desc())
    )
    return (await session.scalars(statement)).all()


_SORTS: dict[str, Any] = {
    name: getattr(Check, name) for name in ("slug", "title", "updated_at", "id")
}


async def list_checks(
    session: ReadSession,
    caller: Caller,
    network_id: UUID | None,
    archived: bool,
    page: PageRequest,
) -> Page[Check]:
    """The checks a caller may see; of a network those that hold there."""
    is_open = col(Check.archived_at).is_(None)
    statement = select(Check).where(_shown(caller), ~is_open if archived else is_open)
    if network_id is not None:
        own = aliased(Check)
        replaced = select(col(own.id)).where(
            col(own.slug) == col(Check.slug),
            col(own.network_id) == network_id,
            col(own.archived_at).is_(None),
        )
        shared = and_(col(Check.network_id).is_(None), ~replaced.exists())
        statement = statement.where(or_(col(Check.network_id) == network_id, shared))
    return await page_of(session, statement, page, _SORTS, _SORTS["id"])


async def versions_of(session: ReadSession, checks: Iterable[Check]) -> dict[UUID, CheckVersion]:
    """The definitions that hold, by check."""
    rows = await session.scalars(
        select(CheckVersion)
        .join(Check, _newest())
        .where(is_among(col(Check.id), [check.id for check in checks], Uuid()))
    )
    return {version.check_id: version for version in rows}
