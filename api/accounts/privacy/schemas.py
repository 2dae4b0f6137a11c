"""What is told of one student, and of those who were erased, as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from api.accounts.account_schemas import AccountOut, DisclosureOut
from api.accounts.models import Erasure
from api.accounts.targets.rules import Desired, Observed
from api.http.strict import Strict


class EraseIn(Strict):
    """`case_number` is by what your own files know the request; never write a name there."""

    case_number: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9./_#-]{0,39}$", description="No name.")
    ] = None


class ErasureOut(BaseModel):
    """A student who was erased: by whom and when, and nothing of who they were.

    `account_id` is what `GET /v1/disclosures?account=` still finds.
    """

    id: UUID
    at: datetime
    actor: str
    case_number: str | None
    network: str
    account_id: UUID
    lifted_at: datetime | None
    lifted_by: str | None


class EditOut(BaseModel):
    """A field that a person changed: `source` is what the roster says; null where names are
    hidden.
    """

    field: str
    at: datetime
    by: str
    source: Any


class ReportedChangeOut(BaseModel):
    """What an import did to the account, with the fields as they were before it."""

    import_id: UUID
    kind: str
    at: datetime | None
    before: dict[str, Any] | None


class ReportedTargetOut(BaseModel):
    """A system that has the account or is to have it; `remote_name` where it is another there."""

    target: str
    desired: Desired
    observed: Observed
    observed_at: datetime | None
    remote_name: str | None


class ReportedPasswordOut(BaseModel):
    """That an initial password was made; it is told to nobody but on the student's card."""

    made_at: datetime
    expires_at: datetime
    delivered_at: datetime | None
    handed_out_at: datetime | None


class KeptOut(BaseModel):
    """A line of the schedule: `days` after `since` it is deleted; null: it names nobody."""

    what: str
    days: int | None
    since: str


class ReportOut(BaseModel):
    """All that is kept of one student.

    `disclosures` are the newest hundred of `disclosures_total`; `GET /v1/disclosures?account=`
    pages through all.
    """

    account: AccountOut
    edits: list[EditOut]
    changes: list[ReportedChangeOut]
    targets: list[ReportedTargetOut]
    initial_password: ReportedPasswordOut | None
    disclosures: list[DisclosureOut]
    disclosures_total: int
    schedule: list[KeptOut]


def erasure_out(one: Erasure, networks: Mapping[UUID, str]) -> ErasureOut:
    return ErasureOut(
        id=one.id,
        at=one.at,
        actor=one.actor,
        case_number=one.case_number,
        network=networks[one.network_id],
        account_id=one.account_id,
        lifted_at=one.lifted_at,
        lifted_by=one.lifted_by,
    )
