"""Any walk through two sessions at the same time ends where a simple model of the rules says.

The model is the judge: it knows no database, no locks and no time but "offers ran out".
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from api import clock, wiring
from api.auth.caller import Caller
from api.auth.rules import Right, Role
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.errors import Conflict, NotFound
from api.pd.jobs import pass_on_offers
from api.pd.models import Course, Session
from api.pd.moving import change_session
from api.pd.queries import find_session
from api.pd.registrations import accept_offer, register, withdraw
from api.pd.schemas import SessionPatch
from api.schools.models import Network, NetworkCalendar, NetworkState, School, SchoolState, Staff
from api.settings import Settings
from tests.pd.conftest import Body

PEOPLE, SESSIONS = 5, 2
KEPT = ("registered", "offered", "waitlisted")
ANYBODY = Caller("user:test", "Test", Role.admin, frozenset(Right), None, None, True)
# What, in which session, and who (or for seats, how many less one).
Step: TypeAlias = tuple[str, int, int]
CAPACITY = st.lists(st.integers(1, 3), min_size=SESSIONS, max_size=SESSIONS)
# Everybody comes to the first session, so that some wait; then anything happens.
COMING = st.permutations(range(PEOPLE)).map(lambda order: [("register", 0, one) for one in order])
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ("register", "withdraw", "withdraw", "accept", "accept", "expire", "seats")
        ),
        st.integers(0, SESSIONS - 1),
        st.integers(0, PEOPLE - 1),
    ),
    min_size=4,
    max_size=14,
)


@dataclass
class Model:
    """Two sessions: status by person, in the order in which they came."""

    capacity: list[int]
    standing: list[dict[int, str]] = field(default_factory=lambda: [{} for _ in range(SESSIONS)])

    def take(self, step: Step) -> bool:
        """Whether the step is done; else it is refused and changes nothing."""
        what, number, value = step
        if what == "expire":
            return self._expire()
        if what == "seats":
            return self._resize(number, value + 1)
        act: Callable[[int, int], bool] = getattr(self, f"_{what}")
        return act(number, value)

    def taken(self, number: int) -> int:
        return sum(one in ("registered", "offered") for one in self.standing[number].values())

    def _busy(self, number: int, person: int) -> bool:
        return self.standing[1 - number].get(person) == "registered"

    def _register(self, number: int, person: int) -> bool:
        here = self.standing[number]
        if here.get(person) in KEPT:
            return True
        seat = self.taken(number) < self.capacity[number]
        if seat and self._busy(number, person):
            return False
        here.pop(person, None)
        here[person] = "registered" if seat else "waitlisted"
        return True

    def _withdraw(self, number: int, person: int) -> bool:
        here = self.standing[number]
        if person not in here:
            return False
        if here[person] in KEPT:
            here[person] = "cancelled"
            self._fill(number)
        return True

    def _accept(self, number: int, person: int) -> bool:
        here = self.standing[number]
        if here.get(person) == "registered":
            return True
        if here.get(person) != "offered" or self._busy(number, person):
            return False
        here[person] = "registered"
        return True

    def _expire(self) -> bool:
        for number, here in enumerate(self.standing):
            for person, status in here.items():
                if status == "offered":
                    here[person] = "cancelled"
            self._fill(number)
        return True

    def _resize(self, number: int, capacity: int) -> bool:
        if capacity < self.taken(number):
            return False
        self.capacity[number] = capacity
        self._fill(number)
        return True

    def _fill(self, number: int) -> None:
        here = self.standing[number]
        for person, status in here.items():
            if status == "waitlisted" and self.taken(number) < self.capacity[number]:
                here[person] = "offered"


class World:
    """The same two sessions in the database, on a day of their own for each walk."""

    def __init__(self, database: Database) -> None:
        self.database, self.walks = database, 0
        self.people: list[UUID] = []
        self.course = self.network = UUID(int=0)

    async def furnish(self) -> None:
        async def make(session: WriteSession) -> None:
            now = clock.now()
            made: Body = {"created_at": now, "updated_at": now}
            network = Network(code="N", name="N", timezone="UTC", country="US", **made)
            session.add(network)
            await session.flush()
            session.add(NetworkState(network_id=network.id))
            await session.flush()
            school = School(
                network_id=network.id, code="A", name="A", timezone="UTC", blackout_days=[], **made
            )
            course = Course(
                network_id=network.id,
                code="basics",
                title="Basics",
                hours=Decimal(2),
                required_share=Decimal(1),
                roles=["teacher"],
                **made,
            )
            await session.touch_networks([network.id])
            calendar = NetworkCalendar(network_id=network.id, weekend=[5, 6], blackout_days=[])
            session.add_all([school, course, calendar])
            session.add(SchoolState(school_id=school.id))
            people = [
                Staff(
                    network_id=network.id,
                    school_id=school.id,
                    sourced_id=f"t{n}",
                    given_name="T",
                    family_name="T",
                    role="tech",
                    **made,
                )
                for n in range(PEOPLE)
            ]
            session.add_all(people)
            self.people = [one.id for one in people]
            self.network, self.course = network.id, course.id

        await transact(self.database, "job:test", make)

    async def sessions(self, capacity: list[int]) -> list[UUID]:
        self.walks += 1
        starts = datetime(2100, 1, 1, 9, tzinfo=UTC) + timedelta(days=self.walks)
        local: Body = {"starts_local": starts.replace(tzinfo=None)}

        async def make(session: WriteSession) -> list[UUID]:
            now = clock.now()
            planned = [
                Session(
                    network_id=self.network,
                    course_id=self.course,
                    online=True,
                    starts_at=starts,
                    ends_at=starts + timedelta(hours=2),
                    timezone="UTC",
                    ends_local=local["starts_local"] + timedelta(hours=2),
                    hours=Decimal(2),
                    capacity=seats,
                    revised_at=now,
                    created_at=now,
                    updated_at=now,
                    **local,
                )
                for seats in capacity
            ]
            session.add_all(planned)
            return [one.id for one in planned]

        return await transact(self.database, "job:test", make)

    async def take(self, ids: list[UUID], step: Step, times: ExitStack) -> bool:
        what, number, value = step
        if what == "expire":
            times.enter_context(clock.moved_to(clock.now() + timedelta(hours=25)))
            await pass_on_offers(self.database)
            return True
        work = partial(_do, what, ids[number], self.people[value], value + 1)
        try:
            await transact(self.database, "job:test", work)
        except (Conflict, NotFound):
            return False
        return True

    async def standing(self, ids: list[UUID]) -> list[dict[int, str]]:
        found = []
        for session_id in ids:
            async with self.database.raw() as connection:
                rows = await connection.execute(
                    b"SELECT staff_id, status FROM pd_registrations WHERE session_id = %s"
                    b" ORDER BY entry",
                    (session_id,),
                )
                found.append({self.people.index(row[0]): row[1] for row in await rows.fetchall()})
        return found

    async def seats(self, ids: list[UUID]) -> list[tuple[int, int]]:
        async with self.database.raw() as connection:
            rows = await connection.execute(
                b"SELECT id, capacity, seats_taken FROM pd_sessions WHERE id = ANY(%s)", (ids,)
            )
            known = {row[0]: (row[1], row[2]) for row in await rows.fetchall()}
        return [known[one] for one in ids]


async def _do(what: str, session_id: UUID, person: UUID, seats: int, session: WriteSession) -> None:
    """Raises: Conflict; NotFound for somebody who is not there."""
    if what == "register":
        outcome = (await register(session, ANYBODY, session_id, [person]))[0]
        if outcome.refused is not None:
            raise outcome.refused
    elif what == "seats":
        held = await find_session(session, ANYBODY, session_id)
        await change_session(session, ANYBODY, held, SessionPatch(capacity=seats))
    else:
        act: Callable[..., Awaitable[Any]] = withdraw if what == "withdraw" else accept_offer
        await act(session, ANYBODY, session_id, person)


async def _walk(world: World, capacity: list[int], steps: list[Step]) -> None:
    model, ids = Model(list(capacity)), await world.sessions(capacity)
    with ExitStack() as times:
        for step in steps:
            done = await world.take(ids, step, times)
            assert done == model.take(step), step
            assert await world.standing(ids) == model.standing, step
            seats = [(model.capacity[n], model.taken(n)) for n in range(SESSIONS)]
            assert await world.seats(ids) == seats, step


async def _opened(settings: Settings, url: str, stack: list[Database]) -> World:
    database = Database(url, settings, wiring.build_bus())
    await database.__aenter__()
    stack.append(database)
    world = World(database)
    await world.furnish()
    return world


def test_every_walk_ends_where_the_rules_say(settings: Settings, database_url: str) -> None:
    opened: list[Database] = []
    with asyncio.Runner() as runner:
        world = runner.run(_opened(settings, database_url, opened))

        @given(capacity=CAPACITY, coming=COMING, steps=STEPS)
        @hypothesis_settings(
            max_examples=10,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        def walks(capacity: list[int], coming: list[Step], steps: list[Step]) -> None:
            runner.run(_walk(world, capacity, coming + steps))

        try:
            walks()
        finally:
            runner.run(opened[0].__aexit__(None, None, None))
