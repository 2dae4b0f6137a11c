"""The visibility predicate in SQL says what `sees` says of one row."""

from __future__ import annotations

from itertools import product
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from api.auth.caller import Caller, sees, visible
from api.auth.rules import ROLE_RIGHTS, Right, Role
from api.db.pool import Database
from api.db.uow import reading
from api.errors import Forbidden, NotFound
from api.schools.models import Network, School
from tests.auth.conftest import World

pytestmark = pytest.mark.anyio


def callers(world: World) -> list[Caller]:
    schools = [
        None,
        frozenset[UUID](),
        frozenset({world.school_a1}),
        frozenset({world.school_a1, world.school_b1}),
    ]
    return [
        Caller("user:x", "x", Role.ops, ROLE_RIGHTS[Role.ops], network, school_ids, False)
        for network, school_ids in product((None, world.network_a, world.network_b), schools)
    ]


async def test_the_predicate_and_the_single_answer_agree(database: Database, world: World) -> None:
    async with reading(database) as session:
        schools = (await session.execute(select(School))).scalars().all()
        networks = (await session.execute(select(Network))).scalars().all()
        assert (len(schools), len(networks)) == (3, 2)
        for caller in callers(world):
            statement = select(col(School.id)).where(
                visible(caller, col(School.network_id), col(School.id))
            )
            found = set((await session.execute(statement)).scalars())
            assert found == {s.id for s in schools if sees(caller, s.network_id, s.id)}
            statement = select(col(Network.id)).where(visible(caller, col(Network.id)))
            found = set((await session.execute(statement)).scalars())
            assert found == {n.id for n in networks if sees(caller, n.id)}


async def test_requirements_refuse_in_the_right_way(world: World) -> None:
    rights = ROLE_RIGHTS[Role.school_lead]
    own = frozenset({world.school_a1})
    lead = Caller("user:x", "x", Role.school_lead, rights, world.network_a, own, False)
    lead.require(Right.tasks_act)
    with pytest.raises(Forbidden, match="tasks:write"):
        lead.require(Right.tasks_write)
    lead.require_school(world.network_a, world.school_a1)
    with pytest.raises(NotFound):
        lead.require_school(world.network_a, world.school_a2)
    with pytest.raises(NotFound):
        lead.require_network(world.network_b)
    with pytest.raises(Forbidden):
        lead.require_network(world.network_a)
    with pytest.raises(Forbidden):
        lead.require_everywhere()
