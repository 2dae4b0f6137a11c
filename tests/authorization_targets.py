"""The operations of targets and who may call them, and what they are called on."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from api import clock
from api.accounts.targets.models import Target, TargetAccount, TargetHandOff, TargetState
from api.db.pool import Database
from api.db.uow import writing
from tests.authorization_rules import LIMITED_TO_A_SCHOOL, Case, Reach

# A target is a network's business: whoever is limited to schools has none, whatever it is.
_BARRED = LIMITED_TO_A_SCHOOL
# Who may hand off, and sees no names.
_NAMELESS = frozenset({"ops", "admin", "admin_everywhere", "admin_elsewhere"})
_RESULTS = "account_id,result\n018f0000-0000-7000-8000-000000000000,ok\n"
_NEW = {
    "network": "{network}",
    "slug": "new-{place}",
    "base_url": "https://target.example.org/scim/v2",
    "required": False,
}


def _read(path: str, **more: Any) -> tuple[Case, ...]:
    return (Case("accounts:read", Reach.WHOLE, path, barred=_BARRED, **more),)


def _write(path: str, body: Any = None, **more: Any) -> tuple[Case, ...]:
    return (Case("accounts:write", Reach.WHOLE, path, body, barred=_BARRED, **more),)


_ONE, _CSV = "/v1/targets/{target}", "/v1/targets/{csv_target}/hand-offs"
TARGETS: dict[str, tuple[Case, ...]] = {
    "GET /v1/targets": (
        *_read("/v1/targets?limit=1000", shows='"pushed-{place}"'),
        *_read("/v1/targets?network={network}"),
    ),
    "POST /v1/targets": _write("/v1/targets", _NEW, status=201),
    "GET /v1/targets/{target_id}": _read(_ONE),
    "PATCH /v1/targets/{target_id}": _write(_ONE, {"paused": True}),
    "DELETE /v1/targets/{target_id}": _write("/v1/targets/{spare_target}", status=204),
    "GET /v1/targets/{target_id}/status": _read(_ONE + "/status"),
    "POST /v1/targets/{target_id}/sync": _write(_ONE + "/sync", status=202),
    "POST /v1/targets/{target_id}/drift": _write(_ONE + "/drift", status=202),
    "GET /v1/targets/{target_id}/accounts": _read(_ONE + "/accounts"),
    "POST /v1/targets/{target_id}/retry": _write(_ONE + "/retry", {}),
    "GET /v1/targets/{target_id}/hand-offs": _read(_CSV),
    "POST /v1/targets/{target_id}/hand-offs": _write(_CSV, status=201),
    "GET /v1/targets/{target_id}/hand-offs/{hand_off_id}/file": _write(
        _CSV + "/{hand_off}/file", refused=_NAMELESS
    ),
    "POST /v1/targets/{target_id}/hand-offs/{hand_off_id}/confirm": _write(
        _CSV + "/{hand_off}/confirm"
    ),
    "POST /v1/targets/{target_id}/hand-offs/{hand_off_id}/results": _write(
        _CSV + "/{hand_off}/results", _RESULTS, csv=True
    ),
}


async def make_targets(database: Database, place: str, network_id: UUID) -> dict[str, str]:
    """The ids of a target of each kind, and of a hand-off with something waiting for another.

    They are not required, so that what the network's schools count as done is what it was.
    """
    now = clock.now()
    common: dict[str, Any] = {
        "network_id": network_id,
        "required": False,
        "rate_per_minute": 60,
        "concurrency": 1,
        "paused": True,
        "created_at": now,
        "updated_at": now,
    }
    pushed = Target(
        slug=f"pushed-{place}",
        kind="scim",
        base_url="https://target.example.org/scim/v2",
        **common,
    )
    spare = Target(slug=f"spare-{place}", kind="csv", **common)
    handed = Target(slug=f"handed-{place}", kind="csv", **common)
    made = TargetHandOff(target_id=handed.id, created_at=now, created_by="job:test", students=0)
    waiting = TargetAccount(
        target_id=handed.id, account_id=uuid4(), desired="deleted", next_try_at=now
    )
    async with writing(database, "job:test") as session:
        session.add_all([pushed, handed, spare])
        await session.flush()
        session.add_all([TargetState(target_id=one.id) for one in (pushed, handed, spare)])
        session.add(made)
        await session.flush()
        session.add(waiting)
    return {
        "target": str(pushed.id),
        "csv_target": str(handed.id),
        "spare_target": str(spare.id),
        "hand_off": str(made.id),
    }
