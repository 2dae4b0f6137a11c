"""Chicago's KIPP students reach a real SCIM server over a bad line, and an independent client of
that standard reads them back as they are desired; their schools' tasks know of it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.accounts.conftest import Caller, Rosters
from tests.accounts.roster_files import native_csv
from tests.accounts.rosters import chicago, students
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.proxy import Fault, answer, proxied
from tests.accounts.targets.scim_server import TOKEN, independent, tenant
from tests.accounts.targets.test_faults import synced
from tests.tasks.conftest import NETWORK, rows

_COLUMNS = ("sourced_id", "school", "given_name", "family_name", "grade")
_BAD: tuple[Fault, ...] = (
    *("lose", "drop", answer(500), answer(200, b"<p>Sign in</p>")),
    answer(429, retry_after="1"),
)


class BadLine:
    """One Bulk request in four goes wrong, and of those that then go singly one in fifty."""

    def __init__(self) -> None:
        self.chance = random.Random(11)  # noqa: S311 (not a secret)

    def __call__(self, method: str, path: str) -> Fault:
        if method == "GET" and "/Users" not in path:
            return "pass"
        often = 0.25 if path.endswith("/Bulk") else 0.02
        return self.chance.choice(_BAD) if self.chance.random() < often else "pass"


def read_back(base: str) -> Counter[tuple[Any, ...]]:
    """Everybody there as scim2-client validates and tells them."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    found: list[Any] = []
    with httpx2.Client(base_url=base, headers=headers, timeout=60) as client:
        scim = independent("scim2_client.engines.httpx2").SyncSCIMClient(client)
        scim.discover()
        model: Any = scim.get_resource_model("User")
        while True:
            query = {"startIndex": len(found) + 1, "count": 1000}
            page: Any = scim.query(model, query_parameters=query)
            found += page.resources
            if len(found) >= page.total_results:
                break
    return Counter(
        (one.external_id, one.user_name, one.name.given_name, one.name.family_name, one.active)
        for one in found
    )


@pytest.mark.slow
async def test_kipps_students_arrive_as_they_are_desired(
    admin: Caller, rosters: Rosters, shipped: None, scim: str
) -> None:
    scene, base, kipp = Scene(rosters, scim), tenant(scim), chicago("KIPP")
    await admin.post("/networks", NETWORK | {"code": "KIPP"}, 201)
    for school in kipp:
        known = {"sourced_id": school.sourced_id, "enrollment": school.students}
        await admin.school(school.code, "KIPP", **known)
        plan = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
        await admin.post(f"/schools/{school.code}/rollouts", plan, 201)
    everybody = list(students(kipp))
    roster = b"".join(native_csv(everybody, _COLUMNS))
    await rosters.run(roster, network="KIPP", snapshot="full")
    async with proxied(base, BadLine()) as proxy:
        target = await scene.target(proxy.address, network="KIPP", rate_per_minute=2_400)
        gate = await rosters.gate(kipp[0].code)
        assert (gate["progress_done"], gate["progress_total"]) == (0, kipp[0].students)
        assert "wait for login (about 1 minute)" in gate["cause"]
        assert gate["expected_on"] is not None
        await admin.patch(f"/targets/{target['id']}", {"rate_per_minute": 1_000_000})
        await synced(scene, target)
        assert proxy.most_at_once <= target["concurrency"]
    desired = await rows(
        rosters.database,
        "SELECT id::text, username, given_name, family_name, true FROM accounts",
    )
    assert len(desired) == len(everybody)
    assert await asyncio.to_thread(read_back, base) == Counter(desired)
    for school in kipp:
        gate = await rosters.gate(school.code)
        assert (gate["status"], gate["progress_done"]) == ("done", school.students)
    told = await rows(
        rosters.database,
        "SELECT count(DISTINCT s.student) FROM disclosures d JOIN disclosure_students n"
        " ON n.disclosure_id = d.id CROSS JOIN unnest(n.students) AS s(student)"
        " WHERE d.purpose = 'sync' AND d.recipient = 'login'",
    )
    assert told == [(len(everybody),)]
