"""Rosters sent to a network of schools, and what became of them."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from api.accounts.run import run_import
from api.auth.rules import Role
from api.db.pool import Database
from api.settings import Settings
from tests.tasks.conftest import (
    As,
    Body,
    Caller,
    calling,
    database,
    network,
    rows,
    shipped,
)

__all__ = [
    "As",
    "Body",
    "Caller",
    "Rosters",
    "admin",
    "calling",
    "csv_of",
    "database",
    "network",
    "rows",
    "shipped",
    "student",
]

SCHOOLS = ("A", "B", "C")
COLUMNS = ("sourced_id", "school", "given_name", "family_name", "grade")
_GIVEN = ("Ada", "Ben", "Chi", "Dee", "Eli", "Fay", "Gus", "Hal", "Ivy", "Jo")
_FAMILY = ("Adler", "Brook", "Cole", "Drake", "Ellis", "Frost", "Grant", "Hayes", "Ingram")


def student(number: int, school: str = "A", **given: Any) -> Body:
    """The student of that number, who is always called the same."""
    return {
        "sourced_id": f"s{number:05}",
        "school": school,
        "given_name": _GIVEN[number % len(_GIVEN)],
        "family_name": _FAMILY[number // len(_GIVEN) % len(_FAMILY)],
        "grade": str(number % 12 + 1),
        **given,
    }


def csv_of(students: Iterable[Body], columns: Iterable[str] | None = None) -> bytes:
    """Our own CSV; its columns are those of the first student."""
    some = list(students)
    names = list(columns or some[0])
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(some)
    return text.getvalue().encode()


@dataclass
class Rosters:
    """Sends files, does their runs, and looks at what the tables then say."""

    caller: Caller
    database: Database
    settings: Settings

    @property
    def secret(self) -> bytes:
        assert self.settings.secret_key is not None
        return self.settings.secret_key.get_secret_value().encode()

    async def send(self, body: bytes, status: int = 202, /, **query: str) -> Any:
        """Upload only."""
        answer = await self.caller.client.post(
            "/v1/account-imports", params=query, content=body, headers={"content-type": "text/csv"}
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def work(self, import_id: str) -> None:
        """What the worker does for a run."""
        await run_import(self.database, self.secret, UUID(import_id))

    async def run(self, body: bytes, state: str = "applied", **query: str) -> Any:
        """Upload, and do the run."""
        sent = await self.send(body, **query)
        assert sent["state"] == "queued"
        return await self.done(sent["id"], state)

    async def done(self, import_id: str, state: str = "applied") -> Any:
        await self.work(import_id)
        ended = await self.read(import_id)
        assert ended["state"] == state, ended
        return ended

    async def read(self, import_id: str) -> Any:
        return await self.caller.get(f"/account-imports/{import_id}")

    async def issues(self, import_id: str) -> list[Body]:
        found = await self.caller.get(f"/account-imports/{import_id}/issues?limit=1000")
        items: list[Body] = found["items"]
        return items

    async def accounts(self) -> dict[str, Body]:
        """Every account by sourced id, its school as a code."""
        found = await rows(
            self.database,
            "SELECT a.sourced_id, to_jsonb(a) || jsonb_build_object('school', s.code)"
            " FROM accounts a JOIN schools s ON s.id = a.school_id",
        )
        return {row[0]: row[1] for row in found}

    async def database_does(self, statement: str) -> None:
        """A change behind the service's back."""
        async with self.database.raw() as connection:
            await connection.execute(statement.encode())

    async def gate(self, school: str = "A") -> Body:
        """The school's task of kind accounts."""
        tasks = await self.caller.tasks(school)
        return next(one for one in tasks.values() if one["kind"] == "accounts")


@pytest.fixture
async def admin(calling: As) -> AsyncIterator[Caller]:
    """An admin who may read students' names."""
    async with calling(Role.admin, sees_names=True) as opened:
        yield opened


@pytest.fixture
async def schools(admin: Caller, network: Body) -> dict[str, Body]:
    """Schools A, B and C of network N by code."""
    return {code: await admin.school(code, sourced_id=f"org-{code}") for code in SCHOOLS}


@pytest.fixture
async def rosters(
    admin: Caller, database: Database, settings: Settings, schools: dict[str, Body]
) -> Rosters:
    return Rosters(admin, database, settings)


@pytest.fixture
async def lead(calling: As, schools: dict[str, Body]) -> AsyncIterator[Caller]:
    """The lead of school A."""
    limits = {
        "network_id": UUID(schools["A"]["network_id"]),
        "school_ids": [UUID(schools["A"]["id"])],
    }
    async with calling(Role.school_lead, **limits) as opened:
        yield opened
