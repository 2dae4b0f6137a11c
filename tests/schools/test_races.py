"""Several writers at once: nobody sees a deadlock, nothing is made twice or lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.schools.conftest import Client, imported, made


@pytest.fixture(autouse=True)
async def network(cps: dict[str, Any]) -> None:
    """The network that all of these write to."""


async def test_equal_names_at_once_get_different_codes(client: Client) -> None:
    given = {"name": "Lincoln School", "network": "CPS"}
    schools = await asyncio.gather(*(made(client, "/v1/schools", given) for _ in range(6)))
    assert len({school["code"] for school in schools}) == 6


async def test_the_same_file_twice_at_once_is_imported_once(client: Client) -> None:
    content = "name,network\n" + "".join(f"School {number},CPS\n" for number in range(200))
    answers = await asyncio.gather(*(imported(client, content) for _ in range(3)))
    rows = [answer.json()["rows"] for answer in answers]
    assert sorted(row["created"] for row in rows) == [0, 0, 200]
    assert sorted(row["unchanged"] for row in rows) == [0, 200, 200]


async def test_one_code_at_once_is_one_school(client: Client) -> None:
    given = {"name": "A", "network": "CPS", "code": "A"}
    answers = await asyncio.gather(*(client.post("/v1/schools", json=given) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_of_two_changes_to_one_version_one_wins(client: Client) -> None:
    await made(client, "/v1/schools", {"name": "A", "network": "CPS", "code": "A"})
    etag = (await client.get("/v1/schools/A")).headers["etag"]
    patches = ({"name": "B"}, {"enrollment": 5}, {"staff_confirmed": True})
    answers = await asyncio.gather(
        *(
            client.patch("/v1/schools/A", json=patch, headers={"if-match": etag})
            for patch in patches
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    network = (await client.get("/v1/networks/CPS")).headers["etag"]
    answers = await asyncio.gather(
        *(
            client.patch("/v1/networks/CPS", json=patch, headers={"if-match": network})
            for patch in ({"name": "B"}, {"weekend": [6]}, {"blackout_days": ["2027-01-04"]})
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_an_import_and_an_edit_at_once_both_stay(client: Client) -> None:
    for code in "ABCDEF":
        await made(client, "/v1/schools", {"name": code, "network": "CPS", "code": code})
    etags = {code: (await client.get(f"/v1/schools/{code}")).headers["etag"] for code in "ABCDEF"}
    content = "code,name,network,enrollment\n" + "".join(f"{c},{c},CPS,9\n" for c in "FEDCBA")
    edits = [
        client.patch(f"/v1/schools/{code}", json={"teacher_count": 3}, headers={"if-match": etag})
        for code, etag in etags.items()
    ]
    both = await asyncio.gather(*edits[:3], imported(client, content), *edits[3:])
    assert {answer.status_code for answer in both} <= {200, 412}
    for code, answer in zip("ABCDEF", [*both[:3], *both[4:]], strict=True):
        school = (await client.get(f"/v1/schools/{code}")).json()
        assert school["enrollment"] == 9
        assert school["teacher_count"] == (3 if answer.status_code == 200 else None)
