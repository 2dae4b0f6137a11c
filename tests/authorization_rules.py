"""Who may do what, written out by hand: kinds of callers, the rights they have, and how far.

Not read from the service: a right that moves to another role has to be moved here too.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any


class Reach(Enum):
    """Whose the thing is, and so who is told that it is not there."""

    OPEN = auto()  # anybody, known or not
    ANY = auto()  # nobody's: everybody with the right
    SCHOOL = auto()  # a school's
    NETWORK = auto()  # a network's, and those limited to schools of it see it
    WHOLE = auto()  # a network's, and those limited to schools of it are refused
    EVERYWHERE = auto()  # every network's


READERS = frozenset(
    {
        "viewer",
        "viewer_with_names",
        "school_lead",
        "ops_of_school",
        "ops",
        "admin",
        "admin_everywhere",
        "admin_elsewhere",
    }
)
ADMINS = frozenset({"admin", "admin_everywhere", "admin_elsewhere"})
PLANNERS = ADMINS | {"ops", "ops_of_school"}
DOERS = PLANNERS | {"school_lead"}
SCOPES = ("schools:read", "tasks:act")
SCOPED = frozenset({"admin_scoped"})
LIMITED_TO_A_SCHOOL = frozenset({"school_lead", "ops_of_school"})
CALLERS = ("anonymous", *sorted(READERS | SCOPED))

HOLDERS: dict[str, frozenset[str]] = {
    "": READERS | SCOPED,
    "schools:read": READERS | SCOPED,
    "tasks:read": READERS,
    "readiness:read": READERS,
    "staff:read": READERS - {"viewer"},
    "tasks:act": DOERS | SCOPED,
    "tasks:write": PLANNERS,
    "schools:write": PLANNERS,
    "staff:write": PLANNERS,
    "waivers:approve": PLANNERS,
    "playbooks:write": PLANNERS,
    "audit:read": PLANNERS,
    "metrics:read": PLANNERS,
    "accounts:read": READERS - {"viewer"},
    "accounts:write": PLANNERS,
    "checks:read": READERS,
    "checks:write": DOERS,
    "orders:read": READERS,
    "orders:write": PLANNERS,
    "orders:receive": DOERS,
    "vendors:manage": PLANNERS,
    "pd:read": READERS,
    "pd:write": PLANNERS,
    "networks:write": ADMINS,
    "users:manage": ADMINS,
    "tokens:manage": ADMINS,
}


@dataclass(frozen=True, slots=True)
class Case:
    """One call. `status` is the answer to who may; `hidden` to who may not know that it is there,
    `hidden_sibling` where its network is theirs and only the school is not.

    `shows` makes it a list without a place: asked once, it holds this text of a place exactly
    when the caller may see that. `refused` see it and may not do this; `barred` are refused
    before anything is looked for.
    """

    right: str
    reach: Reach
    path: str
    body: Any = None
    status: int = 200
    hidden: int = 404
    hidden_sibling: int = 404
    shows: str = ""
    refused: frozenset[str] = frozenset()
    barred: frozenset[str] = frozenset()
    csv: bool = False
