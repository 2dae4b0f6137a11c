"""What a privacy officer asks: all that is kept of a student, and that it be kept no more."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.accounts.jobs import secret_of
from api.accounts.privacy.erasing import erase, lift, list_erasures
from api.accounts.privacy.report import report_on
from api.accounts.privacy.schemas import EraseIn, ErasureOut, ReportOut, erasure_out
from api.accounts.queries import find_account
from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller, settings_of
from api.auth.rules import Right
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools.queries import find_network, networks_by_id

router = APIRouter(
    prefix="/v1",
    tags=["accounts"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Writer = Annotated[Caller, Depends(allow(Right.accounts_write))]
Auditor = Annotated[Caller, Depends(allow(Right.audit_read))]


# A session that writes, since that the report was given is recorded before it is sent.
@router.get("/accounts/{account_id}/report")
async def report(account_id: UUID, caller: Auditor, session: Writing) -> ReportOut:
    """All that is kept of one student, what changed it, and who was told of them.

    Also needs the right `accounts:read`; who may not see names is told the rest.
    """
    caller.require(Right.accounts_read)
    found = await find_account(session, caller, account_id)
    return await report_on(session, caller, found)


@router.post("/accounts/{account_id}/erase")
async def erase_account(
    request: Request, account_id: UUID, given: EraseIn, caller: Writer, session: Writing
) -> ErasureOut:
    """Delete a student for good: the account, its traces in imports, and its accounts elsewhere.

    It cannot be undone. Uploads, previews and rejected values of the network's ended imports go
    with it, and the next roster's row of the student is refused as `erased-student`.
    """
    caller.require_whole_networks()
    found = await find_account(session, caller, account_id)
    secret = secret_of(settings_of(request))
    erasure = await erase(session, caller, found, secret, given.case_number)
    networks = await networks_by_id(session, [erasure.network_id])
    return erasure_out(erasure, {erasure.network_id: networks[erasure.network_id].code})


@router.get("/erasures")
async def erasures(
    *,
    request: Request,
    response: Response,
    caller: Auditor,
    session: Reading,
    page: PageParams,
    network: Annotated[str | None, Query(max_length=100, description="Id or code.")] = None,
) -> ListOut[ErasureOut]:
    """Students who were erased, the newest first; who they were is not kept."""
    owner = await find_network(session, caller, network) if network is not None else None
    found = await list_erasures(session, caller, owner.id if owner else None, page)
    set_link(request, response, found)
    networks = await networks_by_id(session, {one.network_id for one in found.items})
    codes = {network_id: one.code for network_id, one in networks.items()}
    return ListOut(items=[erasure_out(one, codes) for one in found.items])


@router.post("/erasures/{erasure_id}/lift")
async def lift_erasure(erasure_id: UUID, caller: Writer, session: Writing) -> ErasureOut:
    """Let rosters make an account of this student again; what was erased does not come back."""
    lifted = await lift(session, caller, erasure_id)
    networks = await networks_by_id(session, [lifted.network_id])
    return erasure_out(lifted, {lifted.network_id: networks[lifted.network_id].code})
