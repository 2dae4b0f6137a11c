"""The operations of checks and who may call them, and what they are called on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from tests.authorization_rules import Case, Reach

_OF_SCHOOL = "/v1/schools/{school}/checks/{check}"
DEFINITION = {
    "title": "A check",
    "unit": "percent",
    "comparator": ">=",
    "threshold": {"kind": "constant", "value": 95},
    "freshness_days": 90,
    "method": "Look at it.",
    "source": "Ourselves",
}
_DAY = {"scheduled_on": "2099-06-01"}


def _read(reach: Reach, path: str, **more: Any) -> tuple[Case, ...]:
    return (Case("checks:read", reach, path, **more),)


def _write(reach: Reach, path: str, body: Any = None, status: int = 200) -> tuple[Case, ...]:
    return (Case("checks:write", reach, path, body, status),)


INFRASTRUCTURE: dict[str, tuple[Case, ...]] = {
    "GET /v1/checks": _read(Reach.NETWORK, "/v1/checks?limit=1000", shows='"own_{place}"')
    + _read(Reach.NETWORK, "/v1/checks?network={network}"),
    "POST /v1/checks": _write(
        Reach.WHOLE,
        "/v1/checks",
        DEFINITION | {"slug": "new_{place}", "network": "{network}"},
        201,
    )
    + _write(Reach.EVERYWHERE, "/v1/checks", DEFINITION | {"slug": "shared_{place}"}, 201),
    "GET /v1/checks/matrix": _read(Reach.SCHOOL, "/v1/checks/matrix?limit=1000", shows='"{school}"')
    + _read(Reach.NETWORK, "/v1/checks/matrix?network={network}"),
    "GET /v1/checks/{check}": _read(Reach.NETWORK, "/v1/checks/{check}"),
    "GET /v1/checks/{check}/versions": _read(Reach.NETWORK, "/v1/checks/{check}/versions"),
    "PATCH /v1/checks/{check}": _write(
        Reach.WHOLE, "/v1/checks/{check}", {"title": "Renamed", "freshness_days": None}
    ),
    "GET /v1/schools/{school}/checks": _read(Reach.SCHOOL, "/v1/schools/{school}/checks"),
    "GET /v1/schools/{school}/checks/{check}": _read(Reach.SCHOOL, _OF_SCHOOL),
    "GET /v1/schools/{school}/checks/{check}/results": _read(Reach.SCHOOL, f"{_OF_SCHOOL}/results"),
    "POST /v1/schools/{school}/checks/{check}/results": _write(
        Reach.SCHOOL, f"{_OF_SCHOOL}/results", {"value": 97}, 201
    ),
    "POST /v1/check-results/bulk": (
        Case(
            "checks:write",
            Reach.SCHOOL,
            "/v1/check-results/bulk",
            {"results": [{"school": "{school}", "check": "{check}", "value": 97}]},
            hidden=422,
            hidden_sibling=422,
        ),
    ),
    "POST /v1/schools/{school}/checks/{check}/retests": _write(
        Reach.SCHOOL, f"{_OF_SCHOOL}/retests", _DAY, 201
    ),
    "DELETE /v1/schools/{school}/checks/{check}/retests": _write(
        Reach.SCHOOL, f"{_OF_SCHOOL}/retests", None, 204
    ),
    "POST /v1/schools/{school}/checks/{check}/exemption": (
        Case(
            "waivers:approve",
            Reach.SCHOOL,
            f"{_OF_SCHOOL}/exemption",
            {"reason": "Because."},
            201,
        ),
    ),
    "DELETE /v1/schools/{school}/checks/{check}/exemption": (
        Case("waivers:approve", Reach.SCHOOL, f"{_OF_SCHOOL}/exemption", None, 204),
    ),
    "GET /v1/schools/{school}/premises": _read(Reach.SCHOOL, "/v1/schools/{school}/premises"),
    "PUT /v1/schools/{school}/premises": _write(
        Reach.SCHOOL, "/v1/schools/{school}/premises", {"rooms": 20}
    ),
}


async def make_checks(
    post: Callable[[str, Any], Awaitable[Any]], names: dict[str, str]
) -> dict[str, str]:
    """A check of the place's network."""
    given = DEFINITION | {"slug": f"own_{names['place']}", "network": names["network"]}
    return {"check": (await post("/checks", given))["id"]}
