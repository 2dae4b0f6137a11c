"""`/v1/checks`: the catalogue, and the matrix of schools and checks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow, current_caller
from api.auth.queries import names_of_actors
from api.auth.rules import Right
from api.db.uow import ReadSession
from api.http.conditional import (
    check_if_match,
    etag_of,
    mark,
    not_modified,
    not_modified_response,
)
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.infrastructure.catalogue import all_versions, find_check, list_checks, versions_of
from api.infrastructure.check_schemas import CheckIn, CheckOut, CheckPatch, CheckVersionOut
from api.infrastructure.defining import add_check, change_check
from api.infrastructure.matrix import MatrixFilter, read_matrix
from api.infrastructure.models import Check
from api.infrastructure.result_schemas import MatrixRowOut
from api.infrastructure.rules import Verdict
from api.schools.queries import SchoolFilter, find_network, networks_by_id

router = APIRouter(
    prefix="/v1",
    tags=["checks"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.checks_read))]
Writer = Annotated[Caller, Depends(allow(Right.checks_write))]
NetworkRef = Annotated[str | None, Query(max_length=100, description="Id or code.")]


def _etag(check: Check) -> str:
    return etag_of("Check", check.id, check.version)


async def _checks_out(session: ReadSession, *checks: Check) -> list[CheckOut]:
    versions = await versions_of(session, checks)
    networks = await networks_by_id(session, {one.network_id for one in checks if one.network_id})
    shown = []
    for check in checks:
        version = versions[check.id]
        network = networks[check.network_id].code if check.network_id else None
        shown.append(
            CheckOut.model_validate(
                version.model_dump(exclude={"created_at"})
                | check.model_dump(exclude={"network_id"})
                | {"network": network}
            )
        )
    return shown


@router.get("/checks")
async def checks(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: NetworkRef = None,
    archived: bool = False,
) -> ListOut[CheckOut]:
    """Checks, sorted by slug, title, updated_at or id. With `network` those that hold there: its
    own, and the shared ones that it has not replaced.
    """
    owner = await find_network(session, caller, network) if network is not None else None
    found = await list_checks(session, caller, owner.id if owner else None, archived, page)
    set_link(request, response, found)
    return ListOut(items=await _checks_out(session, *found.items))


@router.post("/checks", status_code=201)
async def post_check(
    given: CheckIn, response: Response, caller: Writer, session: Writing
) -> CheckOut:
    """Define a check for a network, or for everybody."""
    check = await add_check(session, caller, given)
    mark(response, _etag(check))
    response.headers["location"] = f"/v1/checks/{check.id}"
    return (await _checks_out(session, check))[0]


@router.get("/checks/matrix")
async def matrix(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: NetworkRef = None,
    check: Annotated[str | None, Query(max_length=63, description="Only this slug.")] = None,
    verdict: Annotated[
        list[Verdict] | None, Query(max_length=7, description="Only cells that stand so.")
    ] = None,
    q: Annotated[str | None, Query(max_length=100, description="In names and codes.")] = None,
) -> ListOut[MatrixRowOut]:
    """Where schools stand with checks, sorted by name, code or enrollment. With `verdict` only
    schools that have such a cell; a page may then hold fewer than `limit` and have a next one.
    """
    owner = await find_network(session, caller, network) if network is not None else None
    which = MatrixFilter(
        SchoolFilter(network_id=owner.id if owner else None, q=q),
        check,
        frozenset(verdict) if verdict else None,
    )
    found = await read_matrix(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=list(found.items))


@router.get("/checks/{check}", response_model=CheckOut)
async def read_check(
    request: Request, response: Response, check: str, caller: Reader, session: Reading
) -> CheckOut | Response:
    """One check with its newest definition, by id, or by slug as the caller's network knows it."""
    found = await find_check(session, caller, check)
    if not_modified(request, _etag(found)):
        return not_modified_response(_etag(found))
    mark(response, _etag(found))
    return (await _checks_out(session, found))[0]


@router.get("/checks/{check}/versions")
async def read_versions(check: str, caller: Reader, session: Reading) -> ListOut[CheckVersionOut]:
    """Every definition that results were ever held to, the newest first."""
    found = await all_versions(session, await find_check(session, caller, check))
    names = await names_of_actors(session, {one.actor for one in found})
    return ListOut(
        items=[
            CheckVersionOut.model_validate(one.model_dump() | {"by": names[one.actor]})
            for one in found
        ]
    )


@router.patch("/checks/{check}")
async def patch_check(
    *,
    request: Request,
    response: Response,
    check: str,
    given: CheckPatch,
    caller: Writer,
    session: Writing,
) -> CheckOut:
    """Give a check its next version; what was measured is judged by it at once."""
    found = await find_check(session, caller, check)
    check_if_match(request, _etag(found))
    changed = await change_check(session, caller, found, given)
    mark(response, _etag(changed))
    return (await _checks_out(session, changed))[0]
