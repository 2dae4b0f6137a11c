"""What was measured in the demo: passes, failures, one that has become stale, one to be repeated.

The waiver of a check that failed is part of KIPP Ascend's story.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from api.demo import story
from api.demo.calls import Calls

INTERNET = "internet_bandwidth"
_CHICAGO = ZoneInfo(story.TIMEZONE)


@dataclass(frozen=True, slots=True)
class Measured:
    """A result of so many days ago; of internet capacity the value is a share of what is needed."""

    school: str
    check: str
    value: float
    days_ago: int
    evidence: dict[str, Any] = field(default_factory=dict)


_RETEST = ("KIPP-ONE", "wifi_signal", 10)


def _kipp(today: date) -> tuple[Measured, ...]:
    filtered = {
        "policy_date": _ago(today, 240),
        "hearing_date": _ago(today, 210),
        "product": "Pretend Filter 5",
        "tested_on": _ago(today, 20),
    }
    return (
        Measured("KIPP-ACADEMY", INTERNET, 1.2, 20, {"room": "Library"}),
        Measured("KIPP-ACADEMY", "wifi_burst", 98, 20, {"devices": 34, "room": "Gym"}),
        Measured("KIPP-ACADEMY", "content_filter", 100, 20, filtered),
        Measured("KIPP-ACADEMY", "single_sign_on", 100, 15),
        Measured("KIPP-ACADEMY", "content_access", 100, 12),
        Measured("KIPP-ACADEMY", "mdm_enrollment", 99.3, 4),
        Measured("KIPP-ASCEND", INTERNET, 0.42, 12, {"room": "214", "line": "The pilot's"}),
        Measured("KIPP-ASCEND", "dns_answers", 100, 12),
        # Of last year, before the summer's works.
        Measured("KIPP-BLOOM", INTERNET, 1.1, 205, {"room": "Office"}),
        Measured("KIPP-BLOOM", "tls_interception", 3, 9, {"product": "Pretend Filter 5"}),
        Measured("KIPP-ONE", "wifi_signal", -71, 6, {"room": "Gym, last row"}),
    )


def _ago(today: date, days: int) -> str:
    return (today - timedelta(days=days)).isoformat()


async def tell(calls: Calls, today: date, done: Iterable[str], untouched: Iterable[str]) -> None:
    """Record what was measured by the day `today`.

    `done` are schools of CPS that have finished with their internet, `untouched` those that wait
    for what somebody promised of it. Where the internet was measured already, nothing is added.
    Raises: DemoRefused.
    """
    done, untouched = set(done), set(untouched)
    needed = await _needed(calls)
    city = [
        one
        for school in sorted(needed.keys() - untouched)
        if not school.startswith("KIPP")
        if (one := _of_city(school, school in done)) is not None
    ]
    rows = [
        _row(one, needed[one.school], today)
        for one in (*_kipp(today), *city)
        if one.school in needed
    ]
    if rows:
        await calls.post("/v1/check-results/bulk", {"results": rows})
    await _agree(calls, today)


async def _needed(calls: Calls) -> dict[str, float]:
    """Mbps that each school needs, of those where nothing was measured yet."""
    found = {}
    matrix = await calls.get("/v1/checks/matrix", {"check": INTERNET, "limit": "1000"})
    for row in matrix["items"]:
        (cell,) = row["checks"]
        if cell["measured_at"] is None and cell["needed"] is not None:
            found[row["school"]] = cell["needed"]
    return found


def _of_city(school: str, is_done: bool) -> Measured | None:
    """Whoever is done has passed; of the others some have measured the line that is to go."""
    if is_done:
        share = 1.05 + story.draw(school, "line", 40) / 100
        return Measured(school, INTERNET, share, 5 + story.draw(school, "measured", 20))
    if story.draw(school, "old line", 4):
        return None
    return Measured(school, INTERNET, 0.2 + story.draw(school, "line", 50) / 100, 30)


def _row(one: Measured, needed: float, today: date) -> dict[str, Any]:
    ten = datetime.combine(today - timedelta(days=one.days_ago), time(10), _CHICAGO)
    return {
        "school": one.school,
        "check": one.check,
        "value": round(needed * one.value) if one.check == INTERNET else one.value,
        "measured_at": ten.isoformat(),
        "evidence": one.evidence,
    }


async def _agree(calls: Calls, today: date) -> None:
    school, check, days = _RETEST
    path = f"/v1/schools/{school}/checks/{check}"
    if (await calls.get(path))["retest"] is None:
        given = {
            "scheduled_on": (today + timedelta(days=days)).isoformat(),
            "owner_email": "network@kipp-demo.example.org",
        }
        await calls.post(f"{path}/retests", given)
