"""`/v1/account-imports`: rosters in, and what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.accounts import imports
from api.accounts.batch_schemas import BatchIn, BatchOut
from api.accounts.disclosures import NAMED
from api.accounts.errors import UploadsBusy
from api.accounts.import_schemas import AccountImportOut, AccountIssueOut, issue_out
from api.accounts.inline import import_rows
from api.accounts.jobs import defer_import, secret_of
from api.accounts.rejected import rejected_csv
from api.accounts.rules import ImportState, Mode, OnError, Snapshot
from api.accounts.upload import Asked, take_in
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
from api.db.uow import WriteSession, writing
from api.errors import Forbidden
from api.http.idempotency import never_store
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.http.scope import request_id
from api.schools.queries import find_network

_COMMON: dict[str, Any] = {
    "prefix": "/v1",
    "tags": ["accounts"],
    "route_class": TransactionalRoute,
    "dependencies": [Depends(current_caller)],
}
router = APIRouter(**_COMMON)
# Apart, so that whoever includes it can allow a whole country's roster.
uploads = APIRouter(**_COMMON)

Reader = Annotated[Caller, Depends(allow(Right.accounts_read))]
Writer = Annotated[Caller, Depends(allow(Right.accounts_write))]
_FILE: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_TYPES = ("text/csv", "application/x-ndjson", "application/zip", "application/octet-stream")
_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": dict.fromkeys(_TYPES, _FILE)},
}
_RECEIVING = "rosters_receiving"
_SAVED = {"content-disposition": 'attachment; filename="rejected.csv"'}
_SLUG = "^[a-z0-9][a-z0-9_-]{0,39}$"
_SCOPE = "^(source|school:.{1,100})$"


async def _unkept(request: Request, caller: Writer) -> AsyncIterator[WriteSession]:
    """A session whose answer is not kept for an Idempotency-Key.

    For the key's sake the whole body would be held in memory; that the same file is running
    already is found out by its digest. It has its connection for as long as the sender takes, so
    half of the process's connections stay for everybody else. Raises: UploadsBusy.
    """
    state, named = request.app.state, request_id(request.scope)
    receiving = getattr(state, _RECEIVING, 0)
    if receiving >= settings_of(request).pool_size // 2:
        raise UploadsBusy("Send it again in a moment; nothing of it was kept.", retry_after=5)
    setattr(state, _RECEIVING, receiving + 1)
    try:
        async with writing(database_of(request), caller.actor, named) as session:
            yield session
    finally:
        setattr(state, _RECEIVING, getattr(state, _RECEIVING) - 1)


Streaming = Annotated[WriteSession, Depends(_unkept, scope="function")]


@uploads.post("/account-imports", status_code=202, openapi_extra=_BODY)
async def take_in_file(
    *,
    request: Request,
    response: Response,
    caller: Writer,
    session: Streaming,
    mode: Annotated[Mode, Query(description="`dry_run` ends `previewed`.")] = Mode.apply,
    on_error: Annotated[
        OnError, Query(description="`abort` writes nothing when any row is rejected.")
    ] = OnError.skip,
    snapshot: Annotated[
        Snapshot | None,
        Query(
            description="`full`: accounts of the scope that the file does not name are missing."
            " Left out, it is what the file says of itself, else `delta`."
        ),
    ] = None,
    scope: Annotated[
        str, Query(pattern=_SCOPE, description="`source`, or `school:CODE` for one school's file.")
    ] = "source",
    source: Annotated[
        str, Query(pattern=_SLUG, description="Which system the file is from; made on first use.")
    ] = "default",
    network: Annotated[
        str | None,
        Query(max_length=100, description="Id or code. Left out: told by source, else by schools."),
    ] = None,
) -> AccountImportOut:
    """Send a roster as the body: CSV, NDJSON, or a OneRoster, School Data Sync or Clever zip.

    It is stored before this answers 202, and then done in the background: see the import itself.
    The columns of our own CSV are `sourced_id,school,given_name,family_name,grade,username,email`
    in any order. The same file with the same query is one import while that one is not done.
    """
    asked = Asked(mode, on_error, snapshot, scope, source, network)
    run, is_new = await take_in(session, caller, asked, request.stream())
    if is_new:
        await defer_import(session, run)
    response.headers["location"] = f"/v1/account-imports/{run.id}"
    return (await imports.imports_out(session, [run]))[0]


@router.get("/account-imports")
async def list_all(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: Annotated[str | None, Query(max_length=100, description="Id or code.")] = None,
    source: Annotated[str | None, Query(max_length=100)] = None,
    state: ImportState | None = None,
) -> ListOut[AccountImportOut]:
    """Imports, the newest first."""
    owner = await find_network(session, caller, network) if network is not None else None
    which = imports.ImportFilter(owner.id if owner else None, source, state)
    found = await imports.list_imports(session, caller, which, page)
    set_link(request, response, found)
    return ListOut(items=await imports.imports_out(session, found.items))


# Sessions that write, since that names were shown is recorded before the answer is sent.
@router.get("/account-imports/{import_id}")
async def read(import_id: UUID, caller: Reader, session: Writing) -> AccountImportOut:
    """How far an import is, what it did, or why it is held."""
    run = await imports.find_import(session, caller, import_id)
    shown = [one["sourced_id"] for some in (run.samples or {}).values() for one in some]
    await imports.disclose_of_run(session, caller, run, len(shown), shown)
    return (await imports.imports_out(session, [run], names=caller.sees_names))[0]


@router.get(
    "/account-imports/{import_id}/issues",
    response_model=ListOut[AccountIssueOut],
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def issues(
    *,
    request: Request,
    response: Response,
    import_id: UUID,
    caller: Reader,
    session: Writing,
    page: PageParams,
    form: Annotated[
        Literal["json", "csv"] | None,
        Query(alias="format", description="Left out: as `Accept` says."),
    ] = None,
) -> ListOut[AccountIssueOut] | Response:
    """Why rows were rejected: one issue for each of them, in the order of the file.

    As CSV it is the rejected rows themselves, each with its reason, to be corrected and sent
    again; only for who may see names.
    """
    run = await imports.find_import(session, caller, import_id)
    if form == "csv" or (form is None and _wants_csv(request)):
        if not caller.sees_names:
            raise Forbidden("Rejected rows are students' names, which you may not see.")
        rows = await rejected_csv(database_of(request), run.id)
        await imports.disclose_of_run(session, caller, run, run.rejected)
        return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=_SAVED)
    found = await imports.list_issues(session, run, page)
    out = [issue_out(one, sees_names=caller.sees_names) for one in found.items]
    named = sum(one.got is not None and one.column in NAMED for one in out)
    await imports.disclose_of_run(session, caller, run, named)
    set_link(request, response, found)
    return ListOut(items=out)


def _wants_csv(request: Request) -> bool:
    return request.headers.get("accept", "").partition(";")[0].strip().lower() == "text/csv"


@router.post("/account-imports/{import_id}/approve", status_code=202)
async def approve(import_id: UUID, caller: Writer, session: Writing) -> AccountImportOut:
    """Let a held import go on, whatever it removes."""
    run = await imports.approve(session, caller, import_id)
    return (await imports.imports_out(session, [run]))[0]


@router.post("/account-imports/{import_id}/cancel")
async def cancel(import_id: UUID, caller: Writer, session: Writing) -> AccountImportOut:
    """End an import that is not applied yet; nothing of it is written."""
    run = await imports.cancel(session, caller, import_id)
    return (await imports.imports_out(session, [run]))[0]


@router.post("/account-imports/{import_id}/undo", status_code=202)
async def undo(import_id: UUID, caller: Writer, session: Writing) -> AccountImportOut:
    """Take back what an import did, but for what was edited since; its staff stay."""
    run = await imports.ask_to_undo(session, caller, import_id)
    return (await imports.imports_out(session, [run]))[0]


@router.post("/accounts/batch")
async def batch(request: Request, given: BatchIn, caller: Writer, session: Writing) -> BatchOut:
    """Make and change the accounts of at most 1,000 students, with an answer for each.

    The same rules as for a file; rows that are rejected do not stop the others.
    """
    never_store(request, *NAMED)
    return await import_rows(session, caller, given, secret_of(settings_of(request)))
