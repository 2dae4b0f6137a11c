"""`/v1/accounts/export`: accounts in the formats of the systems where they are used."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse
from starlette.types import Send

from api.accounts.account_errors import NamesHidden
from api.accounts.cards.routes import sealer_from
from api.accounts.exports.form import DOMAIN, ORG_UNIT, Audience, ExportFormat, OnUnfit
from api.accounts.exports.sending import Senders
from api.accounts.exports.service import Asked, Export, export_accounts
from api.accounts.rules import AccountStatus
from api.auth.caller import Caller
from api.auth.dependencies import allow, current_caller, database_of, settings_of
from api.auth.rules import Right
from api.db.uow import WriteSession, writing
from api.http.route import TransactionalRoute
from api.http.scope import request_id

router = APIRouter(
    prefix="/v1",
    tags=["accounts"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.accounts_read))]
Named = Annotated[str | None, Query(max_length=100, description="Id or code.")]
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, in pieces as it is made.",
        "content": {"text/csv": _FILE, "application/zip": _FILE},
    }
}
_SENDERS = "account_export_senders"


async def _of_one_snapshot(request: Request, caller: Reader) -> AsyncIterator[WriteSession]:
    """A session that records exactly what will be sent."""
    named = request_id(request.scope)
    async with writing(database_of(request), caller.actor, named, one_snapshot=True) as session:
        yield session


OneSnapshot = Annotated[WriteSession, Depends(_of_one_snapshot, scope="function")]


def _senders(request: Request) -> Senders:
    """Of this process; each of them takes a connection, so most are left for everybody else."""
    state = request.app.state
    found: Senders | None = getattr(state, _SENDERS, None)
    database = database_of(request)
    if found is None or found.database is not database:
        found = Senders(database, max(1, settings_of(request).pool_size // 4))
        setattr(state, _SENDERS, found)
    return found


FormatOf = Annotated[ExportFormat, Query(alias="format", description="Whose file it is.")]
Source = Annotated[str | None, Query(max_length=40, description="A source's slug.")]
Status = Annotated[AccountStatus, Query(description="`suspended` where the format can say so.")]
For = Annotated[Audience, Query(description="`people`: safe to open in a spreadsheet.")]
Unfit = Annotated[OnUnfit, Query(description="About accounts that the format cannot hold.")]
Domain = Annotated[
    str | None,
    Query(
        max_length=48,
        pattern=DOMAIN,
        description="Makes addresses of the usernames of those who have no email.",
    ),
]
OrgUnit = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=ORG_UNIT,
        description="Google's path, such as `/Students/{school}/{grad_year}`; also `{grade}`.",
    ),
]
Passwords = Annotated[
    bool, Query(description="With the initial passwords that wait; needs `accounts:write`.")
]
Recipient = Annotated[str | None, Query(max_length=200, description="Who is told, for the record.")]
Basis = Annotated[str | None, Query(max_length=500, description="On what ground, for the record.")]


class Sent(StreamingResponse):
    """An answer whose making ends with its sending, also where the client hangs up."""

    def __init__(self, found: Export) -> None:
        super().__init__(
            found.pieces,
            media_type="application/zip" if found.zipped else "text/csv; charset=utf-8",
            headers={
                "content-disposition": f'attachment; filename="{found.name}"',
                "firstbell-students": str(found.students),
                "firstbell-left-out": str(found.left_out),
            },
        )
        self._pieces = found.pieces

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._pieces):
            await super().stream_response(send)


@router.get("/accounts/export", response_class=StreamingResponse, responses=_FILES)
async def export(
    *,
    request: Request,
    caller: Reader,
    session: OneSnapshot,
    form: FormatOf,
    network: Named = None,
    school: Named = None,
    source: Source = None,
    status: Status = AccountStatus.active,
    audience: For = Audience.machine,
    on_unfit: Unfit = OnUnfit.refuse,
    domain: Domain = None,
    org_unit: OrgUnit = None,
    passwords: Passwords = False,
    recipient: Recipient = None,
    basis: Basis = None,
) -> StreamingResponse:
    """Student accounts as a file for Google, Microsoft, Clever, Apple and others.

    One file is answered as CSV, several as a zip. That they were told is recorded first.
    `firstbell-students` says how many are in it, `firstbell-left-out` whom it could not hold.
    """
    if not caller.sees_names:
        raise NamesHidden("An export is students' names, which you may not see.")
    if passwords:
        caller.require(Right.accounts_write)
    asked = Asked(form, network, school, source, status, audience, on_unfit)
    asked = replace(asked, domain=domain, org_unit=org_unit, passwords=passwords)
    asked = replace(asked, recipient=recipient, basis=basis)
    found = await export_accounts(session, _senders(request), caller, asked, sealer_from(request))
    return Sent(found)
