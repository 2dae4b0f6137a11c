"""The rosters of the demo, at KIPP: one with rows left out, one that was cut off and is held, and
one that was a mistake and is undone. Their students are invented.
"""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from collections.abc import Iterable
from typing import Any

from api.demo.calls import Calls

SIS, MISTAKE = "sis", "summer-club"
# As many as the plans say: all of KIPP Academy, and 861 of 913 at KIPP Ascend.
STUDENTS = {"KIPP-ACADEMY": 380, "KIPP-ASCEND": 861}
_COLUMNS = ("sourced_id", "school", "given_name", "family_name", "grade")
_GIVEN_NAMES = (
    "Amara Beau Celeste Dario Elowen Farid Greta Hugo Imani Jonah Keiko Luca Maren Nico Odessa"
    " Pilar Quinn Rosalind Søren Talia Umi Vera Wendell Ximena Yusuf Zoë"
)
_FAMILY_NAMES = (
    "Abernathy Bello Castellanos Dragomir Eastman Fairweather Grabowski Hollis Ibarra Jankowski"
    " Kowalczyk Lindqvist Marchetti Nakamura O'Dowd Petrov Quesada Rasmussen Sandoval Thibault"
    " Underhill Vasquez Whitlock Yamamoto Zielinski"
)
_GIVEN, _FAMILY = _GIVEN_NAMES.split(), _FAMILY_NAMES.split()
_GRADES = ("K", "1", "2", "3", "4", "5", "6", "7", "8")
# What exports get wrong: a school nobody knows, a grade there is not, a student twice.
_WRONG = (
    ("S-90001", "KIPP-GARDEN", "Alma", "Bello", "4"),
    ("S-90002", "KIPP-ASCEND", "Bruno", "Hollis", "14"),
    ("S-10000", "KIPP-ACADEMY", "Amara", "Abernathy", "K"),
    ("S-90003", "KIPP-ASCEND", "", "Ibarra", "2"),
)
_PAUSE, _PATIENCE = 0.5, 240
_log = logging.getLogger(__name__)


async def tell(calls: Calls) -> None:
    """Send the three rosters, and undo the last once a worker has applied it.

    Raises: DemoRefused.
    """
    known = await calls.get("/v1/account-imports", {"network": "KIPP", "limit": "1000"})
    runs = {run["source"]: run for run in known["items"]}
    if SIS not in runs:
        whole = [*_students(), *_WRONG]
        await _send(calls, SIS, whole)
        # The export broke off after two hundred students.
        await _send(calls, SIS, whole[:200], snapshot="full")
    mistake = runs.get(MISTAKE) or await _send(calls, MISTAKE, _club())
    await _undo(calls, mistake["id"])


def _students() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for school, count in STUDENTS.items():
        for _ in range(count):
            number = len(rows)
            rows.append(_student(f"S-{10_000 + number}", school, number))
    return rows


def _club() -> list[tuple[str, ...]]:
    """A club's list, sent as if it were the school's: its members have accounts already."""
    return [_student(f"C-{number}", "KIPP-ASCEND", 700 + number) for number in range(12)]


def _student(sourced_id: str, school: str, number: int) -> tuple[str, ...]:
    given = _GIVEN[number % len(_GIVEN)]
    family = _FAMILY[number // len(_GIVEN) % len(_FAMILY)]
    return sourced_id, school, given, family, _GRADES[number % len(_GRADES)]


async def _send(
    calls: Calls, source: str, rows: Iterable[tuple[str, ...]], snapshot: str = "delta"
) -> dict[str, Any]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    query = f"network=KIPP&source={source}&snapshot={snapshot}"
    return await calls.upload(f"/v1/account-imports?{query}", out.getvalue().encode())


async def _undo(calls: Calls, run_id: str) -> None:
    run = await _until_still(calls, run_id)
    if run["state"] == "applied":
        await calls.post(f"/v1/account-imports/{run_id}/undo")
        run = await _until_still(calls, run_id)
    if run["state"] != "undone":
        _log.warning("no worker has undone an import of the demo yet: it is %s", run["state"])


async def _until_still(calls: Calls, run_id: str) -> dict[str, Any]:
    """The run once nothing moves it any more, or after two minutes as it then is."""
    for _ in range(_PATIENCE):
        run = await calls.get(f"/v1/account-imports/{run_id}")
        undoing = (run["undo"] or {}).get("state") == "running"
        if run["state"] not in ("queued", "running") and not undoing:
            break
        await asyncio.sleep(_PAUSE)
    return run
