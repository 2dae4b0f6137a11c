"""Students of a network, a SCIM server for them, and what each says of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from api.accounts.targets.credentials import sealer_for
from api.accounts.targets.sync import Syncing, sync_target
from api.settings import Settings
from tests.accounts.conftest import (
    Body,
    Rosters,
    admin,
    calling,
    csv_of,
    database,
    network,
    rosters,
    schools,
    shipped,
    student,
)
from tests.accounts.targets.scim_server import TOKEN, scim_server, tenant, users
from tests.tasks.conftest import rows

__all__ = [
    "Scene",
    "admin",
    "calling",
    "database",
    "network",
    "rosters",
    "schools",
    "shipped",
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Targets may be where the tests' servers are."""
    return settings.model_copy(update={"private_targets": True})


@pytest.fixture(scope="session")
def scim() -> Iterator[str]:
    with scim_server() as address:
        yield address


@dataclass
class Scene:
    """Rosters in, targets out."""

    rosters: Rosters
    scim: str

    async def students(self, count: int, school: str = "A", start: int = 0) -> None:
        some = [student(n, school) for n in range(start, start + count)]
        await self.rosters.run(csv_of(some), source=f"of-{school.lower()}")

    async def target(self, base_url: str | None = None, **given: Any) -> Body:
        body = {
            "network": "N",
            "slug": "login",
            "base_url": base_url or tenant(self.scim),
            "token": TOKEN,
            "rate_per_minute": 1_000_000,
        }
        made: Body = await self.rosters.caller.post("/targets", body | given, 201)
        return made

    @property
    def syncing(self) -> Syncing:
        return Syncing(self.rosters.database, sealer_for(self.rosters.settings), True)

    async def sync(self, target: Body, lease: timedelta | None = None) -> Counter[str]:
        """What a worker does of one target."""
        syncing = self.syncing
        if lease is not None:
            syncing = Syncing(syncing.database, syncing.sealer, True, lease)
        return await sync_target(syncing, UUID(target["id"]))

    async def status(self, target: Body) -> Body:
        found: Body = await self.rosters.caller.get(f"/targets/{target['id']}/status")
        return found

    async def queue(self, target: Body, state: str = "") -> list[Body]:
        asked = f"&state={state}" if state else ""
        path = f"/targets/{target['id']}/accounts?limit=1000{asked}"
        found: list[Body] = (await self.rosters.caller.get(path))["items"]
        return found

    async def made_due(self) -> None:
        """As if every wait were over."""
        await self.rosters.database_does(
            "UPDATE target_accounts SET next_try_at = '2020-01-01' WHERE next_try_at IS NOT NULL"
        )
        await self.rosters.database_does(
            "UPDATE target_states SET open_until = NULL, paced_until = NULL, runner = NULL"
        )

    async def is_equal(self, target: Body, base: str) -> bool:
        """Whether the server has each active account once, as it is here, and nobody else."""
        return _there(users(base)) == await self._here(target)

    async def _here(self, target: Body) -> Counter[tuple[Any, ...]]:
        found = await rows(
            self.rosters.database,
            "SELECT r.account_id::text, coalesce(r.remote_name, a.username), a.given_name,"
            " a.family_name, a.email, r.desired = 'active'"
            " FROM target_accounts r JOIN accounts a ON a.id = r.account_id"
            " WHERE r.target_id = %s AND (r.desired = 'active' OR r.remote_id IS NOT NULL)",
            target["id"],
        )
        return Counter(found)


def _there(found: list[Body]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (
            one.get("externalId"),
            one["userName"],
            one["name"]["givenName"],
            one["name"]["familyName"],
            next((mail["value"] for mail in one.get("emails", [])), None),
            one["active"],
        )
        for one in found
    )


@pytest.fixture
def scene(rosters: Rosters, scim: str) -> Scene:
    return Scene(rosters, scim)
