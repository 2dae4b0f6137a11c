"""What a privacy officer asks, and who may ask it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from api import clock
from api.accounts.models import Account, AccountSource, Erasure
from api.db.columns import new_id
from api.db.pool import Database
from api.db.uow import writing
from tests.authorization_rules import LIMITED_TO_A_SCHOOL, Case, Reach

PRIVACY: dict[str, tuple[Case, ...]] = {
    "GET /v1/accounts/{account_id}/report": (
        Case("audit:read", Reach.SCHOOL, "/v1/accounts/{account}/report"),
    ),
    "POST /v1/accounts/{account_id}/erase": (
        Case(
            "accounts:write",
            Reach.WHOLE,
            "/v1/accounts/{leaving}/erase",
            {"case_number": "14"},
            # An open import comes first, and there the runs of the other rows are open.
            status=409,
            barred=LIMITED_TO_A_SCHOOL,
        ),
    ),
    "GET /v1/erasures": (
        Case(
            "audit:read",
            Reach.WHOLE,
            "/v1/erasures",
            shows="{erased}",
            barred=LIMITED_TO_A_SCHOOL,
        ),
        Case("audit:read", Reach.WHOLE, "/v1/erasures?network={network}"),
    ),
    "POST /v1/erasures/{erasure_id}/lift": (
        Case(
            "accounts:write",
            Reach.WHOLE,
            "/v1/erasures/{erased}/lift",
            barred=LIMITED_TO_A_SCHOOL,
        ),
    ),
}


async def make_erasures(
    database: Database, names: Mapping[str, str], network_id: UUID, school_id: UUID
) -> dict[str, str]:
    """The ids of a student of the place who is to be erased, and of one's erasure."""
    place, now = names["place"], clock.now()
    async with writing(database, "job:test") as session:
        source = AccountSource(network_id=network_id, slug=f"leaving-{place}", created_at=now)
        session.add(source)
        await session.flush()
        await session.touch_schools({school_id})
        leaving = Account(
            network_id=network_id,
            source_id=source.id,
            sourced_id=f"leaving-{place}",
            school_id=school_id,
            given_name="Ada",
            family_name="Okafor",
            created_at=now,
            updated_at=now,
        )
        erased = Erasure(
            at=now,
            actor="job:test",
            network_id=network_id,
            source_id=source.id,
            account_id=new_id(),
            digest=b"",
        )
        session.add_all([leaving, erased])
        await session.flush()
    return {"leaving": str(leaving.id), "erased": str(erased.id)}
