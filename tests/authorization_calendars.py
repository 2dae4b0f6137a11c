"""The operations of calendar links and credits and who may call them, and the links there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.authorization_rules import Case, Reach

# They see it, and it is neither theirs nor do they plan PD.
_ONLY_LOOK = frozenset({"viewer", "viewer_with_names", "school_lead"})

CALENDARS: dict[str, tuple[Case, ...]] = {
    # Open to whoever has the link; nobody here has one.
    "GET /v1/calendars/{token}.ics": (Case("", Reach.OPEN, "/v1/calendars/guess.ics", status=404),),
    "GET /v1/calendars": (
        Case("pd:read", Reach.SCHOOL, "/v1/calendars?limit=1000", shows='"calendar-{place}"'),
    ),
    "POST /v1/calendars": (
        Case(
            "pd:read",
            Reach.SCHOOL,
            "/v1/calendars",
            {"kind": "school", "school": "{school}"},
            status=201,
        ),
        Case(
            "pd:read",
            Reach.WHOLE,
            "/v1/calendars",
            {"kind": "network", "network": "{network}"},
            status=201,
        ),
        # A person's calendar is about a name.
        Case(
            "staff:read",
            Reach.SCHOOL,
            "/v1/calendars",
            {"kind": "person", "staff": "{staff}"},
            status=201,
        ),
    ),
    "GET /v1/pd/credits": (
        Case("pd:read", Reach.SCHOOL, "/v1/pd/credits?school={school}"),
        Case("pd:read", Reach.NETWORK, "/v1/pd/credits?network={network}"),
    ),
    "DELETE /v1/calendars/{calendar_id}": (
        Case("pd:read", Reach.SCHOOL, "/v1/calendars/{calendar}", status=204, refused=_ONLY_LOOK),
    ),
}


async def make_calendars(
    post: Callable[[str, dict[str, Any]], Awaitable[Any]], names: Mapping[str, str]
) -> dict[str, str]:
    """The id of a link to the place's calendar, which its label names."""
    body = {"kind": "school", "school": names["school"], "label": f"calendar-{names['place']}"}
    return {"calendar": (await post("/calendars", body))["id"]}
