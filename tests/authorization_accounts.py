"""The operations of accounts and who may call them, and what they are called on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from api import clock
from api.accounts.models import Account, AccountImport, AccountSource
from api.accounts.rules import ImportState
from api.db.pool import Database
from api.db.uow import writing
from tests.authorization_rules import LIMITED_TO_A_SCHOOL, Case, Reach

# A roster is a network's business: whoever is limited to schools has none, whatever it names.
_BARRED = LIMITED_TO_A_SCHOOL
_STATES = {
    "read": ImportState.applied,
    "approve": ImportState.held,
    "cancel": ImportState.held,
    "undo": ImportState.applied,
}
_CSV = "sourced_id,school,given_name,family_name,grade\nnew-{place},{school},Ada,Okafor,9\n"
_BATCH = {
    "network": "{network}",
    "source": "batch-{place}",
    "rows": [
        {
            "sourced_id": "batch-{place}",
            "school": "{school}",
            "given_name": "Ada",
            "family_name": "Okafor",
        }
    ],
}


def _read(path: str, **more: Any) -> Case:
    return Case("accounts:read", Reach.WHOLE, path, barred=_BARRED, **more)


def _write(path: str, body: Any = None, **more: Any) -> tuple[Case, ...]:
    return (Case("accounts:write", Reach.WHOLE, path, body, barred=_BARRED, **more),)


ACCOUNTS: dict[str, tuple[Case, ...]] = {
    "GET /v1/accounts": (
        Case("accounts:read", Reach.SCHOOL, "/v1/accounts?limit=1000", shows='"acc-{place}"'),
        Case("accounts:read", Reach.SCHOOL, "/v1/accounts?school={school}"),
        Case("accounts:read", Reach.NETWORK, "/v1/accounts?network={network}"),
    ),
    "GET /v1/accounts/{account_id}": (
        Case("accounts:read", Reach.SCHOOL, "/v1/accounts/{account}"),
    ),
    "PATCH /v1/accounts/{account_id}": (
        Case("accounts:write", Reach.SCHOOL, "/v1/accounts/{account}", {"grade": "10"}),
    ),
    "POST /v1/accounts/{account_id}/rekey": (
        Case(
            "accounts:write",
            Reach.SCHOOL,
            "/v1/accounts/{account}/rekey",
            {"sourced_id": "re-{place}"},
        ),
    ),
    "POST /v1/accounts/batch": _write("/v1/accounts/batch", _BATCH),
    "GET /v1/disclosures": (
        Case("audit:read", Reach.ANY, "/v1/disclosures"),
        Case("audit:read", Reach.NETWORK, "/v1/disclosures?network={network}"),
    ),
    "POST /v1/account-imports": _write(
        "/v1/account-imports?network={network}&source=file-{place}", _CSV, status=202, csv=True
    ),
    "GET /v1/account-imports": (
        _read("/v1/account-imports?limit=1000", shows='"read-{place}"'),
        Case("accounts:read", Reach.WHOLE, "/v1/account-imports?network={network}"),
    ),
    "GET /v1/account-imports/{import_id}": (_read("/v1/account-imports/{run_read}"),),
    "GET /v1/account-imports/{import_id}/issues": (_read("/v1/account-imports/{run_read}/issues"),),
    "POST /v1/account-imports/{import_id}/approve": _write(
        "/v1/account-imports/{run_approve}/approve", status=202
    ),
    "POST /v1/account-imports/{import_id}/cancel": _write(
        "/v1/account-imports/{run_cancel}/cancel"
    ),
    "POST /v1/account-imports/{import_id}/undo": _write(
        "/v1/account-imports/{run_undo}/undo", status=202
    ),
}


async def make_accounts(
    database: Database, names: Mapping[str, str], network_id: UUID, school_id: UUID
) -> dict[str, str]:
    """The ids of an account of the place, and of a run for each operation on one."""
    place, now = names["place"], clock.now()
    ids = {}
    async with writing(database, "job:test") as session:
        for name, state in _STATES.items():
            source = AccountSource(network_id=network_id, slug=f"{name}-{place}", created_at=now)
            session.add(source)
            await session.flush()
            run = AccountImport(
                network_id=network_id,
                source_id=source.id,
                source_slug=source.slug,
                state=state,
                digest=b"",
                body_bytes=0,
                query_key=source.slug,
                actor="job:test",
                created_at=now,
                finished_at=now,
            )
            session.add(run)
            ids[f"run_{name}"] = str(run.id)
        account = Account(
            network_id=network_id,
            source_id=source.id,
            sourced_id=f"acc-{place}",
            school_id=school_id,
            given_name="Ada",
            family_name="Okafor",
            created_at=now,
            updated_at=now,
        )
        session.add(account)
        ids["account"] = str(account.id)
    return ids
