"""Where the demo's accounts are used, at KIPP: a reading program that is handed files and has
confirmed most of one, an identity service that is not switched on, and cards for one school.
"""

from __future__ import annotations

from typing import Any

from api.demo.accounts import SIS
from api.demo.calls import Calls

FILES, SERVICE = "reading-program", "identity"
CARDS_FOR = "KIPP-ACADEMY"
# Of the first file the program has most, turned three away, and has not looked at the rest.
CONFIRMED, REFUSED = 1_000, 3
# Neither is needed for a student to be counted: the schools' own plans say when they are ready.
_TARGETS: tuple[dict[str, Any], ...] = (
    {"slug": FILES, "kind": "csv", "required": False},
    {
        "slug": SERVICE,
        "base_url": "https://identity.kipp-demo.example.org/scim/v2",
        "rate_per_minute": 120,
        "required": False,
        "paused": True,
    },
)


async def tell(calls: Calls) -> None:
    """Add the targets once the first roster is applied, and hand one of them a file.

    Raises: DemoRefused.
    """
    if not await _is_applied(calls):
        return
    for given in _TARGETS:
        await calls.make("/v1/targets", {"network": "KIPP", **given})
    await calls.post(f"/v1/schools/{CARDS_FOR}/initial-passwords")
    targets = await calls.items("/v1/targets")
    files = next(one["id"] for one in targets if one["slug"] == FILES)
    path = f"/v1/targets/{files}/hand-offs"
    if await calls.items(path):
        return
    made = await calls.post(path)
    await calls.upload(f"{path}/{made['id']}/results", await _results(calls, files))


async def _is_applied(calls: Calls) -> bool:
    """Without a worker there are no accounts yet, and nothing to be used anywhere."""
    runs = await calls.get("/v1/account-imports", {"network": "KIPP", "source": SIS})
    return any(run["state"] == "applied" for run in runs["items"])


async def _results(calls: Calls, target_id: str) -> bytes:
    """What the program answers of its first accounts."""
    rows = await calls.items(f"/v1/targets/{target_id}/accounts")
    lines = ["account_id,result"]
    for place, row in enumerate(rows[:CONFIRMED]):
        lines.append(f"{row['account_id']},{'refused' if place < REFUSED else 'ok'}")
    return "\n".join(lines).encode()
