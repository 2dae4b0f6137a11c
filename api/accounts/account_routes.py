"""`/v1/accounts`: students, one by one; names only for who may see them, and recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from api.accounts.account_schemas import (
    AccountOut,
    AccountPatch,
    DisclosureOut,
    RekeyIn,
    account_out,
    disclosure_out,
)
from api.accounts.accounts import change_account, rekey
from api.accounts.disclosures import NAMED, Purpose, disclose, ids_of, list_disclosures
from api.accounts.jobs import secret_of
from api.accounts.models import Account
from api.accounts.queries import AccountFilter, find_account, list_accounts, slugs_of_sources
from api.accounts.rules import AccountStatus
from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller, settings_of
from api.auth.rules import Right
from api.db.uow import WriteSession
from api.http.conditional import (
    check_if_match,
    etag_of,
    mark,
    not_modified,
    not_modified_response,
)
from api.http.idempotency import never_store
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools.queries import codes_of_schools, find_network, find_school, networks_by_id

router = APIRouter(
    prefix="/v1",
    tags=["accounts"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.accounts_read))]
Writer = Annotated[Caller, Depends(allow(Right.accounts_write))]
Auditor = Annotated[Caller, Depends(allow(Right.audit_read))]
NetworkRef = Annotated[str | None, Query(max_length=100, description="Id or code.")]


def _etag(account: Account, caller: Caller) -> str:
    """Who sees names is shown another document of the same version."""
    return etag_of("Account", account.id, account.version, caller.sees_names)


async def _shown(
    session: WriteSession, caller: Caller, purpose: Purpose, accounts: Sequence[Account]
) -> list[AccountOut]:
    """Accounts as the caller may see them; that they were shown is recorded."""
    await disclose(session, caller, purpose, accounts)
    sources = await slugs_of_sources(session, (account.source_id for account in accounts))
    codes = await codes_of_schools(session, (account.school_id for account in accounts))
    return [
        account_out(
            account,
            sources[account.source_id],
            codes[account.school_id],
            sees_names=caller.sees_names,
        )
        for account in accounts
    ]


# A session that writes, since the record of the reading is committed before the answer is sent.
@router.get("/accounts")
async def accounts(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Writing,
    page: PageParams,
    network: NetworkRef = None,
    school: NetworkRef = None,
    source: Annotated[str | None, Query(max_length=40, description="A source's slug.")] = None,
    status: AccountStatus | None = None,
    q: Annotated[
        str | None,
        Query(max_length=100, description="Part of a sourced id or, for who sees names, a name."),
    ] = None,
) -> ListOut[AccountOut]:
    """Student accounts, sorted by id, sourced_id or family_name.

    Names are null for who may not see them; for who may, the reading is recorded.
    """
    owner = await find_network(session, caller, network) if network is not None else None
    place = await find_school(session, caller, school) if school is not None else None
    which = AccountFilter(
        owner.id if owner else None, place.id if place else None, source, status, q
    )
    found = await list_accounts(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await _shown(session, caller, Purpose.listed, found.items))


@router.get("/accounts/{account_id}", response_model=AccountOut)
async def read_account(
    request: Request, response: Response, account_id: UUID, caller: Reader, session: Writing
) -> AccountOut | Response:
    """One student's account."""
    found = await find_account(session, caller, account_id)
    if not_modified(request, _etag(found, caller)):
        return not_modified_response(_etag(found, caller))
    mark(response, _etag(found, caller))
    return (await _shown(session, caller, Purpose.read, [found]))[0]


@router.patch("/accounts/{account_id}")
async def patch_account(
    *,
    request: Request,
    response: Response,
    account_id: UUID,
    given: AccountPatch,
    caller: Writer,
    session: Writing,
) -> AccountOut:
    """Change an account by hand. It stands until the source says something new of that field;
    a username that is given up is never given to anybody else.
    """
    found = await find_account(session, caller, account_id)
    check_if_match(request, _etag(found, caller))
    secret = secret_of(settings_of(request))
    changed = await change_account(session, caller, found, given, secret)
    mark(response, _etag(changed, caller))
    return (await _shown(session, caller, Purpose.changed, [changed]))[0]


@router.post("/accounts/{account_id}/rekey")
async def rekey_account(
    *,
    request: Request,
    response: Response,
    account_id: UUID,
    given: RekeyIn,
    caller: Writer,
    session: Writing,
) -> AccountOut:
    """Say that the source calls this student by another id now, so that the next roster finds
    the account under it and makes no second one.
    """
    never_store(request, *NAMED)
    found = await find_account(session, caller, account_id)
    changed = await rekey(session, found, given.sourced_id, secret_of(settings_of(request)))
    mark(response, _etag(changed, caller))
    return (await _shown(session, caller, Purpose.changed, [changed]))[0]


@router.get("/disclosures")
async def disclosures(
    *,
    request: Request,
    response: Response,
    caller: Auditor,
    session: Reading,
    page: PageParams,
    network: NetworkRef = None,
    account: Annotated[
        UUID | None, Query(description="Only those of this student, erased or not.")
    ] = None,
) -> ListOut[DisclosureOut]:
    """Who was shown students' names, when, and of how many; the newest first."""
    owner = await find_network(session, caller, network) if network is not None else None
    found = await list_disclosures(session, caller, owner.id if owner else None, page, account)
    set_link(request, response, found)
    networks = await networks_by_id(session, ids_of(one.network_id for one in found.items))
    codes = {network_id: one.code for network_id, one in networks.items()}
    schools = await codes_of_schools(session, ids_of(one.school_id for one in found.items))
    return ListOut(items=[disclosure_out(one, codes, schools) for one in found.items])
