"""Rosters imported, and their students exported again."""

from __future__ import annotations

import csv
import io
import zipfile

import httpx
import pytest

from tests.accounts.conftest import (
    Body,
    Caller,
    Rosters,
    admin,
    calling,
    csv_of,
    database,
    lead,
    network,
    rosters,
    schools,
    shipped,
    student,
)

__all__ = [
    "Exports",
    "admin",
    "calling",
    "database",
    "lead",
    "lines_of",
    "network",
    "rosters",
    "schools",
    "shipped",
]


def lines_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


class Exports:
    """Asks for exports as one caller."""

    def __init__(self, caller: Caller, rosters: Rosters) -> None:
        self.caller, self.rosters = caller, rosters

    async def answer(self, form: str, status: int = 200, /, **query: str) -> httpx.Response:
        answer = await self.caller.client.get(
            "/v1/accounts/export", params={"format": form, **query}
        )
        assert answer.status_code == status, answer.text
        return answer

    async def refused(self, form: str, status: int, /, **query: str) -> Body:
        problem: Body = (await self.answer(form, status, **query)).json()
        return problem

    async def csv(self, form: str, /, **query: str) -> bytes:
        answer = await self.answer(form, **query)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        return answer.content

    async def files(self, form: str, /, **query: str) -> dict[str, bytes]:
        """A zip's files in their order."""
        answer = await self.answer(form, **query)
        assert answer.headers["content-type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
async def exports(rosters: Rosters) -> Exports:
    """Six students with usernames and addresses, one of each kind of trap."""
    some = [
        student(
            n,
            "ABC"[n % 3],
            username=f"u{n}",
            email=f"u{n}@students.example.org",
            grade=["PK", "K", "1", "5", "12", ""][n],
        )
        for n in range(6)
    ]
    some[0] |= {"given_name": "Zoë", "family_name": "O'Brenn"}
    some[1] |= {"given_name": 'Ana "Lu"', "family_name": "Vance, Jr."}
    some[2] |= {"given_name": "=1+2", "family_name": "@SUM(A1)"}
    some[3] |= {"given_name": "小龍", "family_name": "李"}
    await rosters.run(csv_of(some))
    return Exports(rosters.caller, rosters)
