"""Children whose data somebody answers for."""

from __future__ import annotations

from tests.accounts.conftest import (
    admin,
    calling,
    database,
    lead,
    network,
    rosters,
    schools,
    shipped,
)
from tests.accounts.targets.conftest import scene, scim, settings

__all__ = [
    "admin",
    "calling",
    "database",
    "lead",
    "network",
    "rosters",
    "scene",
    "schools",
    "scim",
    "settings",
    "shipped",
]
