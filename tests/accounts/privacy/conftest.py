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

__all__ = [
    "admin",
    "calling",
    "database",
    "lead",
    "network",
    "rosters",
    "schools",
    "shipped",
]
