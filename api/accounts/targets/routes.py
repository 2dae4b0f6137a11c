"""`/v1/targets`: the systems that accounts reach, their queues, and what people do about them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.accounts.targets import hand_off, queries, service
from api.accounts.targets.credentials import sealer_for
from api.accounts.targets.models import Target, TargetHandOff
from api.accounts.targets.rules import RowState
from api.accounts.targets.schemas import (
    HandOffOut,
    HandOffResultOut,
    RetriedOut,
    RetryIn,
    TargetAccountOut,
    TargetIn,
    TargetOut,
    TargetPatch,
    TargetStatusOut,
    hand_off_out,
)
from api.auth.caller import Caller
from api.auth.dependencies import (
    Reading,
    Writing,
    allow,
    current_caller,
    database_of,
    settings_of,
)
from api.auth.rules import Right
from api.db.uow import ReadSession
from api.errors import Forbidden
from api.http.conditional import check_if_match, etag_of, mark
from api.http.csv_upload import CSV_BODY, read_csv
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools.queries import find_network

_COMMON: dict[str, Any] = {
    "prefix": "/v1/targets",
    "tags": ["targets"],
    "route_class": TransactionalRoute,
    "dependencies": [Depends(current_caller)],
}
router = APIRouter(**_COMMON)
# Apart, so that whoever includes it can allow files larger than other bodies.
uploads = APIRouter(**_COMMON)

Reader = Annotated[Caller, Depends(allow(Right.accounts_read))]
Writer = Annotated[Caller, Depends(allow(Right.accounts_write))]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}}
}


def _etag(target: Target) -> str:
    return etag_of("target", target.id, target.version)


async def _shown(session: ReadSession, response: Response, target: Target) -> TargetOut:
    mark(response, _etag(target))
    return (await queries.targets_out(session, [target]))[0]


@router.get("")
async def read_targets(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: Annotated[str | None, Query(max_length=100, description="Id or code.")] = None,
) -> ListOut[TargetOut]:
    """Targets, sorted by slug or created_at."""
    caller.require_whole_networks()
    owner = await find_network(session, caller, network) if network is not None else None
    found = await queries.list_targets(session, caller, owner.id if owner else None, page)
    set_link(request, response, found)
    return ListOut(items=await queries.targets_out(session, found.items))


@router.post("", status_code=201)
async def add_target(
    request: Request, response: Response, given: TargetIn, caller: Writer, session: Writing
) -> TargetOut:
    """A target. All active accounts of its network wait for it from now on: begin with
    `"dry_run": true` or `"paused": true` to see first what would be done.
    """
    settings = settings_of(request)
    target = await service.add_target(
        session, caller, sealer_for(settings), given, may_be_private=settings.private_targets
    )
    response.headers["location"] = f"/v1/targets/{target.id}"
    return await _shown(session, response, target)


@router.get("/{target_id}")
async def read_target(
    response: Response, target_id: UUID, caller: Reader, session: Reading
) -> TargetOut:
    """How a target is set up; its token is never shown."""
    target = await queries.find_target(session, caller, target_id)
    return await _shown(session, response, target)


@router.patch("/{target_id}")
async def change_target(
    *,
    request: Request,
    response: Response,
    target_id: UUID,
    given: TargetPatch,
    caller: Writer,
    session: Writing,
) -> TargetOut:
    """Change how a target is set up, pause it, or give it new credentials."""
    target = await queries.find_target(session, caller, target_id)
    check_if_match(request, _etag(target))
    settings = settings_of(request)
    target = await service.change_target(
        session, sealer_for(settings), target, given, may_be_private=settings.private_targets
    )
    return await _shown(session, response, target)


@router.delete("/{target_id}", status_code=204)
async def remove_target(
    *,
    request: Request,
    target_id: UUID,
    caller: Writer,
    session: Writing,
    abandon: Annotated[
        bool, Query(description="Also where erased students have yet to be deleted there.")
    ] = False,
) -> None:
    """Forget a target, its queue and its files. Its accounts stay there as they are."""
    target = await queries.find_target(session, caller, target_id)
    if "if-match" in request.headers:
        check_if_match(request, _etag(target))
    await service.remove_target(session, target, abandons=abandon)


@router.get("/{target_id}/status")
async def read_status(target_id: UUID, caller: Reader, session: Reading) -> TargetStatusOut:
    """What waits, what was given up, what differs, and when the queue will be empty."""
    return await queries.status_of(session, await queries.find_target(session, caller, target_id))


@router.post("/{target_id}/sync", status_code=202)
async def sync(target_id: UUID, caller: Writer, session: Writing) -> TargetStatusOut:
    """Try what waits now, whatever pause it is in; of a dry run, read the target instead.

    Accounts are synced by themselves as they change: this is for who does not want to wait.
    """
    target = await queries.find_target(session, caller, target_id)
    await service.ask_to_sync(session, target)
    return await queries.status_of(session, target)


@router.post("/{target_id}/drift", status_code=202)
async def look_for_drift(target_id: UUID, caller: Writer, session: Writing) -> TargetStatusOut:
    """Read everything back from the target; what differs is queued to be put right."""
    target = await queries.find_target(session, caller, target_id)
    await service.ask_for_drift(session, target)
    return await queries.status_of(session, target)


@router.get("/{target_id}/accounts")
async def read_rows(
    *,
    request: Request,
    response: Response,
    target_id: UUID,
    caller: Reader,
    session: Reading,
    page: PageParams,
    state: RowState | None = None,
) -> ListOut[TargetAccountOut]:
    """The target's queue, by account id: all rows, or those of one state."""
    target = await queries.find_target(session, caller, target_id)
    found = await queries.list_rows(session, target, state, page)
    set_link(request, response, found)
    names = caller.sees_names
    return ListOut(items=await queries.rows_out(session, found.items, sees_names=names))


@router.post("/{target_id}/retry")
async def retry(target_id: UUID, given: RetryIn, caller: Writer, session: Writing) -> RetriedOut:
    """Try again what was given up, all of it or these accounts."""
    target = await queries.find_target(session, caller, target_id)
    return RetriedOut(retried=await service.retry(session, target, given.account_ids))


async def _hand_offs(session: ReadSession, *some: TargetHandOff) -> list[HandOffOut]:
    waiting = await queries.count_rows_of(session, [one.id for one in some])
    return [hand_off_out(one, waiting.get(one.id, 0)) for one in some]


@router.get("/{target_id}/hand-offs")
async def read_hand_offs(
    *,
    request: Request,
    response: Response,
    target_id: UUID,
    caller: Reader,
    session: Reading,
    page: PageParams,
) -> ListOut[HandOffOut]:
    """Files that were made for a target of kind csv, the newest first."""
    target = await queries.find_target(session, caller, target_id)
    found = await hand_off.list_hand_offs(session, target, page)
    set_link(request, response, found)
    return ListOut(items=await _hand_offs(session, *found.items))


@router.post("/{target_id}/hand-offs", status_code=201)
async def make_hand_off(
    response: Response, target_id: UUID, caller: Writer, session: Writing
) -> HandOffOut:
    """Put all that waits for a target of kind csv into one file, which is then fetched."""
    target = await queries.find_target(session, caller, target_id)
    made = await hand_off.hand_off(session, target)
    response.headers["location"] = f"/v1/targets/{target.id}/hand-offs/{made.id}/file"
    return (await _hand_offs(session, made))[0]


# A session that writes, since the record of what leaves is committed before it does.
@router.get("/{target_id}/hand-offs/{hand_off_id}/file", responses=_FILE, response_class=Response)
async def read_file(
    request: Request, target_id: UUID, hand_off_id: UUID, caller: Writer, session: Writing
) -> Response:
    """The file, for who may see names. `status` says what each account is to be there."""
    target = await queries.find_target(session, caller, target_id)
    found = await hand_off.find_hand_off(session, target, hand_off_id)
    if not caller.sees_names:
        raise Forbidden("A hand-off is students' names, which you may not see.")
    await hand_off.disclose_hand_off(session, target, found)
    name = f'attachment; filename="{target.slug}.csv"'
    return StreamingResponse(
        hand_off.hand_off_csv(database_of(request), found.id),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": name},
    )


@router.post("/{target_id}/hand-offs/{hand_off_id}/confirm")
async def confirm(
    target_id: UUID, hand_off_id: UUID, caller: Writer, session: Writing
) -> HandOffOut:
    """Say that the target's people have all of the file in."""
    target = await queries.find_target(session, caller, target_id)
    found = await hand_off.find_hand_off(session, target, hand_off_id)
    await hand_off.confirm(session, found)
    return (await _hand_offs(session, found))[0]


@uploads.post("/{target_id}/hand-offs/{hand_off_id}/results", openapi_extra=CSV_BODY)
async def take_results(
    request: Request, target_id: UUID, hand_off_id: UUID, caller: Writer, session: Writing
) -> HandOffResultOut:
    """Send a result file as the body: columns `account_id` and `result`, `ok` or `refused`."""
    target = await queries.find_target(session, caller, target_id)
    found = await hand_off.find_hand_off(session, target, hand_off_id)
    counts = await hand_off.take_results(session, found, await read_csv(request))
    return HandOffResultOut(confirmed=counts[0], refused=counts[1], unknown=counts[2])
