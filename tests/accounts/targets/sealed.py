"""What initial passwords are, who was told them, and what a server says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from api.accounts.cards.service import revealer
from api.sealing import Sealer
from tests.accounts.conftest import Body, Rosters, rows
from tests.accounts.targets.proxy import Proxy
from tests.accounts.targets.scim_server import who_has


async def make(rosters: Rosters, school: str = "A", **given: Any) -> Body:
    made: Body = await rosters.caller.post(f"/schools/{school}/initial-passwords", given)
    return made


async def passwords(rosters: Rosters) -> dict[str, str]:
    """Those that wait, in clear, by account."""
    reveal = revealer(Sealer(rosters.secret.decode()))
    found = await rows(
        rosters.database,
        "SELECT account_id, sealed FROM initial_passwords WHERE sealed IS NOT NULL",
    )
    return {str(key): reveal(key, sealed) for key, sealed in found}


def has_all(base: str, expected: dict[str, str]) -> bool:
    """Whether the server has these passwords for these accounts."""
    return all(who_has(base, password) == {key} for key, password in expected.items())


async def delivered(rosters: Rosters) -> set[str]:
    """Whose waiting password a system was told."""
    found = await rows(
        rosters.database,
        "SELECT account_id::text FROM initial_passwords"
        " WHERE sealed IS NOT NULL AND delivered_at IS NOT NULL",
    )
    return {row[0] for row in found}


async def disclosed(rosters: Rosters, slug: str = "login") -> list[tuple[bool, set[str]]]:
    """Each disclosure to a target from the oldest: whether of passwords, and whose."""
    found = await rows(
        rosters.database,
        "SELECT 'password' = ANY(d.fields), array_agg(s.id::text)"
        " FROM disclosures d JOIN disclosure_students n ON n.disclosure_id = d.id"
        " CROSS JOIN unnest(n.students) AS s(id) WHERE d.recipient = %s"
        " GROUP BY d.id ORDER BY d.at, 1",
        slug,
    )
    return [(row[0], set(row[1])) for row in found]


def sent(proxy: Proxy, part: str = "") -> list[tuple[str, str]]:
    """Every password that reached the proxy, by the account it came with, in order; `part`: of the
    paths that it came to.
    """
    found = []
    for (method, path), body in zip(proxy.seen, proxy.bodies, strict=True):
        if body and part in path:
            whole = orjson.loads(body)
            operations = whole["Operations"] if path.endswith("/Bulk") else [{"data": whole}]
            found += [one for each in operations for one in _of(each.get("data"))]
        else:
            assert body or method in ("GET", "DELETE")
    return found


def _of(data: Body | None) -> Sequence[tuple[str, str]]:
    if data is None:
        return []
    if "Operations" in data:
        data = {one["path"]: one.get("value") for one in data["Operations"]}
    return [(data["externalId"], data["password"])] if "password" in data else []
