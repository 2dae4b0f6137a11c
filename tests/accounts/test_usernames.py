"""Naming a whole roster on a real database, judged by naming its students one by one."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection, sql

from api import clock
from api.accounts.burning import name_digest, owner_digest
from api.accounts.models import Account, AccountSource, BurntUsername
from api.accounts.username_rules import Namer, is_made_username
from api.accounts.usernames import Naming, assign_usernames
from api.db.pool import Database
from api.db.uow import writing
from api.schools.models import Network, School
from api.schools.username_template import DEFAULT_TEMPLATE, parse_template

SECRET = b"k" * 32
NAMER = Namer(parse_template(DEFAULT_TEMPLATE), date(2026, 11, 25))
ROWS = sql.Identifier("staging", "account_rows_test")
COLUMNS = "number, sourced_id, given_name, family_name, grade, username, deleted, faulty"


@dataclass
class World:
    """A network with a source and accounts, and rows that are staged for it."""

    database: Database
    network_id: UUID
    school_id: UUID
    source_id: UUID
    rows: list[tuple[Any, ...]] = field(default_factory=list)

    async def account(self, username: str, sourced_id: str, status: str = "active") -> None:
        now = clock.now()
        account = Account(
            network_id=self.network_id,
            source_id=self.source_id,
            sourced_id=sourced_id,
            school_id=self.school_id,
            given_name="Ada",
            family_name="Okafor",
            username=username,
            status=status,
            created_at=now,
            updated_at=now,
        )
        async with writing(self.database, "job:test") as session:
            session.add(account)

    async def burnt(self, username: str, sourced_id: str | None) -> None:
        owner = sourced_id and owner_digest(SECRET, self.source_id, sourced_id)
        async with writing(self.database, "job:test") as session:
            session.add(
                BurntUsername(
                    network_id=self.network_id,
                    digest=name_digest(SECRET, username),
                    owner=owner or None,
                )
            )

    def stage(
        self,
        sourced_id: str,
        first: str = "John",
        last: str = "Smith",
        *,
        grade: int | None = 9,
        username: str | None = None,
        deleted: bool = False,
        faulty: bool = False,
    ) -> None:
        number = len(self.rows) + 2
        self.rows.append((number, sourced_id, first, last, grade, username, deleted, faulty))

    async def named(self, *, lazily: bool = False, shuffle: int | None = None) -> dict[str, str]:
        """What each sourced id would be called; nothing is kept."""
        rows = list(self.rows)
        if shuffle is not None:
            random.Random(shuffle).shuffle(rows)  # noqa: S311 (an order, no secret)
            rows = [(number, *row[1:]) for number, row in enumerate(rows, 2)]
        async with self.database.pool.connection() as connection:
            await _staged(connection, rows, bases=not lazily)
            naming = Naming(ROWS, ROWS, self.network_id, self.source_id, SECRET)
            await assign_usernames(connection, naming, NAMER if lazily else None)
            found = await connection.execute(
                sql.SQL(
                    "SELECT s.sourced_id, m.username FROM made_usernames m"
                    " JOIN {rows} s USING (number) ORDER BY 1"
                ).format(rows=ROWS)
            )
            names: dict[str, str] = dict(await found.fetchall())
            await connection.rollback()
        return names


async def _staged(
    connection: AsyncConnection[Any], rows: Iterable[tuple[Any, ...]], *, bases: bool
) -> None:
    await connection.execute(
        sql.SQL(
            'CREATE UNLOGGED TABLE {rows} (number int, sourced_id text COLLATE "C",'
            " school_id uuid, given_name text, family_name text, grade smallint, email text,"
            ' username text COLLATE "C", deleted bool, faulty bool, username_base text COLLATE "C")'
        ).format(rows=ROWS)
    )
    copying = sql.SQL("COPY {rows} (" + COLUMNS + ", username_base) FROM STDIN").format(rows=ROWS)
    async with connection.cursor() as cursor, cursor.copy(copying) as copy:
        for row in rows:
            _, sourced_id, first, last, grade, username, *_ = row
            base = NAMER.name(first, last, grade, sourced_id)
            await copy.write_row((*row, base if bases and username is None else None))


async def add_network(database: Database, code: str) -> UUID:
    now = clock.now()
    network = Network(
        code=code, name=code, timezone="UTC", country="US", created_at=now, updated_at=now
    )
    async with writing(database, "job:test") as session:
        session.add(network)
    return network.id


@pytest.fixture
async def world(database: Database) -> World:
    network_id, now = await add_network(database, "N"), clock.now()
    school = School(
        network_id=network_id,
        code="S",
        name="S",
        timezone="UTC",
        blackout_days=[],
        created_at=now,
        updated_at=now,
    )
    source = AccountSource(network_id=network_id, slug="sis", created_at=now)
    async with writing(database, "job:test") as session:
        session.add_all([school, source])
    return World(database, network_id, school.id, source.id)


async def test_namesakes_are_numbered_by_sourced_id_however_the_file_is_ordered(
    world: World,
) -> None:
    for sourced_id in ("3", "1", "20", "2"):
        world.stage(sourced_id)
    world.stage("9", "Ada", "Okafor")
    expected = {"1": "jsmith30", "2": "jsmith30-2", "20": "jsmith30-3", "3": "jsmith30-4"}
    expected["9"] = "aokafor30"
    assert await world.named() == expected
    for seed in range(3):
        assert await world.named(shuffle=seed) == expected
    assert await world.named(lazily=True) == expected


async def test_a_name_that_is_taken_is_passed_over_in_any_case(world: World) -> None:
    await world.account("JSmith30", "A")
    await world.account("jsmith30-3", "B", "suspended")
    world.stage("1")
    world.stage("2")
    world.stage("3")
    world.stage("7", "Ada", "Okafor", username="JSMITH30-4")
    world.stage("8", "Bo", "Diaz", username="AOkafor30")
    world.stage("9", "Ada", "Okafor")
    assert await world.named() == {
        "1": "jsmith30-5",
        "2": "jsmith30-2",
        "3": "jsmith30-6",
        "9": "aokafor30-2",
    }


async def test_only_good_rows_without_a_username_are_named(world: World) -> None:
    world.stage("3", username="chosen")
    world.stage("4", deleted=True)
    world.stage("5", faulty=True)
    for lazily in (False, True):
        assert await world.named(lazily=lazily) == {}
    world.stage("6")
    assert await world.named() == await world.named(lazily=True) == {"6": "jsmith30"}


async def test_another_networks_names_are_nobodys_business(world: World) -> None:
    await world.account("jsmith30", "1")
    world.network_id = await add_network(world.database, "M")
    world.stage("5")
    assert await world.named() == {"5": "jsmith30"}


async def test_a_burnt_name_is_never_made_again(world: World) -> None:
    await world.burnt("JSmith30", "9")
    await world.burnt("jsmith30-2", None)
    world.stage("5")
    assert await world.named() == {"5": "jsmith30-3"}
    world.rows.clear()
    world.stage("9")
    assert await world.named() == {"9": "jsmith30-3"}
    world.stage("5")
    assert await world.named() == {"5": "jsmith30-3", "9": "jsmith30-4"}


async def test_two_bases_that_lead_to_one_name_get_two(world: World) -> None:
    world.stage("1", "Al", "Ng", grade=None)
    world.stage("2", "Al", "Ng", grade=None)
    world.stage("3", "Al", "Ng2", grade=None)
    assert await world.named() == {"1": "ang", "2": "ang3", "3": "ang2"}


async def test_cut_names_stay_apart(world: World) -> None:
    for number in range(30):
        world.stage(f"{number:02}", "Jo", "Featherstonehaughs", grade=number % 12)
    names = await world.named()
    assert len(set(names.values())) == 30
    assert all(map(is_made_username, names.values()))


async def test_names_are_the_same_as_those_given_one_by_one(world: World) -> None:
    """Where bases do not get in each other's way, that is what the set means."""
    drawn = random.Random(4)  # noqa: S311 (names, no secrets)
    taken = {f"jsmith30-{number}" for number in drawn.sample(range(2, 90), 40)}
    for number, name in enumerate(sorted(taken)):
        await world.account(name, f"old {number}")
    last = ("Smith", "Okafor", "Ng")
    for number in drawn.sample(range(10_000), 300):
        world.stage(f"{number:05}", "John", drawn.choice(last))
    names = await world.named()
    assert len(set(names.values()) | taken) == 340
    for family in ("jsmith30", "jokafor30", "jng30"):
        own = {name for name in names.values() if name.partition("-")[0] == family}
        others = {name for name in taken if name.partition("-")[0] == family}
        numbers = sorted(int(name.partition("-")[2] or 1) for name in own | others)
        assert numbers == list(range(1, len(numbers) + 1)), "no number is left out"


@pytest.mark.slow
async def test_ten_thousand_namesakes_meet_ten_thousand(world: World) -> None:
    for number in range(10_000):
        world.stage(f"{number:05}")
    names = await world.named()
    assert names["00000"] == "jsmith30"
    assert names["09999"] == "jsmith30-10000"
    async with writing(world.database, "job:test") as session:
        connection = await session.psycopg()
        ids = "INSERT INTO accounts (id, network_id, source_id, sourced_id, school_id, given_name,"
        ids += " family_name, username, status, version, created_at, updated_at) SELECT"
        ids += " uuidv7(), %s, %s, 'old ' || n, %s, 'J', 'S', 'jsmith30' ||"
        ids += " CASE n WHEN 1 THEN '' ELSE '-' || n END, 'active', 1, %s, %s"
        ids += " FROM generate_series(1, 10000) n"
        now = clock.now()
        await connection.execute(
            ids.encode(), (world.network_id, world.source_id, world.school_id, now, now)
        )
    names = await world.named()
    assert sorted(int(name.partition("-")[2]) for name in names.values()) == list(
        range(10_001, 20_001)
    )
    assert names["00000"] == "jsmith30-10001"


@pytest.mark.slow
async def test_two_runs_of_a_network_name_one_after_the_other(world: World) -> None:
    """The second waits for the first's commit, or both would give the same name."""
    world.stage("1")
    naming = Naming(ROWS, ROWS, world.network_id, world.source_id, SECRET)
    async with world.database.pool.connection() as first:
        await _staged(first, world.rows, bases=True)
        await assign_usernames(first, naming)
        async with world.database.pool.connection() as second:
            await second.execute("SET LOCAL lock_timeout = '200ms'")
            with pytest.raises(Exception, match="lock timeout"):
                await assign_usernames(second, naming)
            await second.rollback()
        await first.rollback()
