"""Tasks over HTTP: lists, edits, decisions, dependencies, evidence, waivers, bulk."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import select
from sqlmodel import col

from api.auth.caller import Caller, visible
from api.auth.dependencies import Reading, Writing, allow
from api.auth.rules import Right
from api.db.paging import page_of
from api.db.uow import WriteSession
from api.http.conditional import check_if_match, etag_of, mark
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools.queries import find_network, find_school
from api.tasks import bulk, edges, evidence, queries, service, waivers
from api.tasks.gate import lock
from api.tasks.models import Task, Waiver
from api.tasks.queries import Owner
from api.tasks.rules import TaskStatus, Transition
from api.tasks.schemas import (
    BulkIn,
    BulkOut,
    DependencyIn,
    DependencyOut,
    EvidenceIn,
    OptionalReasonIn,
    OverrideIn,
    ReasonIn,
    TaskIn,
    TaskOut,
    TaskPatchIn,
    WaiverIn,
    WaiverOut,
)

router = APIRouter(prefix="/v1", tags=["tasks"], route_class=TransactionalRoute)

Reader = Annotated[Caller, Depends(allow(Right.tasks_read))]
Planner = Annotated[Caller, Depends(allow(Right.tasks_write))]
Actor = Annotated[Caller, Depends(allow(Right.tasks_act))]
Approver = Annotated[Caller, Depends(allow(Right.waivers_approve))]
_SORTS = {
    name: getattr(Task, name)
    for name in ("id", "key", "title", "workstream", "status", "planned_finish", "updated_at")
}


def _tagged(response: Response, task: Task) -> TaskOut:
    """The task with the ETag of what people edit: evidence does not change it."""
    mark(response, etag_of(task.id, task.version))
    return TaskOut.model_validate(task)


@router.get("/schools/{school}/tasks")
async def list_school_tasks(
    school: str,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    workstream: Annotated[str | None, Query(max_length=40)] = None,
    status: TaskStatus | None = None,
    gate: bool | None = None,
) -> ListOut[TaskOut]:
    """The tasks of a school's current rollout."""
    found = await find_school(session, caller, school)
    rollout = await queries.the_rollout(session, found)
    statement = select(Task).where(col(Task.rollout_id) == rollout.id)
    if workstream is not None:
        statement = statement.where(col(Task.workstream) == workstream)
    if status is not None:
        statement = statement.where(col(Task.status) == status)
    if gate is not None:
        statement = statement.where(col(Task.gate).is_(gate))
    rows = await page_of(session, statement, page, _SORTS, _SORTS["id"])
    set_link(request, response, rows)
    return ListOut(items=[TaskOut.model_validate(row) for row in rows.items])


@router.post("/schools/{school}/tasks", status_code=201)
async def create_school_task(
    school: str, given: TaskIn, response: Response, caller: Planner, session: Writing
) -> TaskOut:
    """Add a task to the school's rollout; a school without one gets an empty rollout."""
    found = await find_school(session, caller, school)
    task = await service.create_school_task(session, found, given)
    response.headers["location"] = f"/v1/tasks/{task.id}"
    return _tagged(response, task)


@router.get("/networks/{network}/tasks")
async def list_network_tasks(
    network: str,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
) -> ListOut[TaskOut]:
    """Tasks of the network itself, that schools' tasks wait for."""
    found = await find_network(session, caller, network)
    statement = select(Task).where(
        col(Task.network_id) == found.id,
        col(Task.rollout_id).is_(None),
        visible(caller, col(Task.network_id)),
    )
    rows = await page_of(session, statement, page, _SORTS, _SORTS["id"])
    set_link(request, response, rows)
    return ListOut(items=[TaskOut.model_validate(row) for row in rows.items])


@router.post("/networks/{network}/tasks", status_code=201)
async def create_network_task(
    network: str, given: TaskIn, response: Response, caller: Planner, session: Writing
) -> TaskOut:
    """Add a task of the network; connect schools' tasks to it with PUT .../dependencies."""
    found = await find_network(session, caller, network)
    caller.require_network(found.id)
    owner = Owner(found.id, None, None, found.timezone)
    task = await service.create_task(session, owner, given)
    response.headers["location"] = f"/v1/tasks/{task.id}"
    return _tagged(response, task)


@router.post("/tasks/bulk")
async def bulk_action(given: BulkIn, caller: Actor, session: Writing) -> BulkOut:
    """Start, complete, reopen, skip or assign many tasks, at most one transaction."""
    if given.action in ("assign", Transition.SKIP, Transition.CANCEL):
        caller.require(Right.tasks_write)
    network = await find_network(session, caller, given.network) if given.network else None
    return await bulk.act_on_many(session, caller, network, given)


@router.get("/tasks/{task_id}")
async def read_task(task_id: UUID, response: Response, caller: Reader, session: Reading) -> TaskOut:
    await queries.task_owner(session, caller, task_id)
    return _tagged(response, await queries.get_task(session, task_id))


@router.patch("/tasks/{task_id}")
async def edit_task(
    task_id: UUID,
    given: TaskPatchIn,
    request: Request,
    response: Response,
    caller: Planner,
    session: Writing,
) -> TaskOut:
    owner = await queries.owner_to_change(session, caller, task_id)
    await lock(session, owner)
    task = await queries.get_task(session, task_id)
    check_if_match(request, etag_of(task.id, task.version))
    return _tagged(response, await service.edit_task(session, caller, owner, task_id, given))


async def _move(
    session: WriteSession,
    caller: Caller,
    task_id: UUID,
    move: Transition,
    reason: str | None,
) -> Task:
    owner = await queries.owner_to_change(session, caller, task_id)
    return await service.transition(session, caller, owner, task_id, move, reason=reason)


@router.post("/tasks/{task_id}/start")
async def start_task(
    task_id: UUID,
    response: Response,
    caller: Actor,
    session: Writing,
    given: OverrideIn | None = None,
) -> TaskOut:
    reason = given.override_reason if given else None
    return _tagged(response, await _move(session, caller, task_id, Transition.START, reason))


@router.post("/tasks/{task_id}/complete")
async def complete_task(
    task_id: UUID,
    response: Response,
    caller: Actor,
    session: Writing,
    given: OverrideIn | None = None,
) -> TaskOut:
    reason = given.override_reason if given else None
    return _tagged(response, await _move(session, caller, task_id, Transition.COMPLETE, reason))


@router.post("/tasks/{task_id}/reopen")
async def reopen_task(
    task_id: UUID,
    response: Response,
    caller: Actor,
    session: Writing,
    given: OptionalReasonIn | None = None,
) -> TaskOut:
    """Open it again. A cancelled task comes back without the dependencies it had."""
    reason = given.reason if given else None
    return _tagged(response, await _move(session, caller, task_id, Transition.REOPEN, reason))


@router.post("/tasks/{task_id}/skip")
async def skip_task(
    task_id: UUID, response: Response, caller: Planner, session: Writing, given: ReasonIn
) -> TaskOut:
    reason = given.reason
    return _tagged(response, await _move(session, caller, task_id, Transition.SKIP, reason))


@router.post("/tasks/{task_id}/cancel")
async def cancel_task(
    task_id: UUID, response: Response, caller: Planner, session: Writing, given: ReasonIn
) -> TaskOut:
    """Take a task out of its graph; what it connected stays in order."""
    reason = given.reason
    return _tagged(response, await _move(session, caller, task_id, Transition.CANCEL, reason))


@router.post("/tasks/{task_id}/evidence")
async def record_evidence(
    task_id: UUID, given: EvidenceIn, response: Response, caller: Actor, session: Writing
) -> TaskOut:
    """State what is known now: it replaces what was known before, and is never refused."""
    owner = await queries.owner_to_change(session, caller, task_id)
    await lock(session, owner)
    progress = evidence.Progress(task_id=task_id, **given.model_dump())
    await evidence.state_evidence(session, owner, progress)
    return _tagged(response, await queries.get_task(session, task_id))


@router.put("/tasks/{task_id}/dependencies/{predecessor_id}")
async def connect_tasks(
    task_id: UUID,
    predecessor_id: UUID,
    caller: Planner,
    session: Writing,
    given: DependencyIn | None = None,
) -> DependencyOut:
    """Let the task wait for the predecessor, `lag_days` working days after its finish."""
    owner = await queries.owner_to_change(session, caller, task_id)
    lag = given.lag_days if given else 0
    await queries.task_owner(session, caller, predecessor_id)
    edge = await edges.connect(session, owner, predecessor_id, task_id, lag)
    return DependencyOut.model_validate(edge)


@router.delete("/tasks/{task_id}/dependencies/{predecessor_id}", status_code=204)
async def disconnect_tasks(
    task_id: UUID, predecessor_id: UUID, caller: Planner, session: Writing
) -> None:
    owner = await queries.owner_to_change(session, caller, task_id)
    await edges.disconnect(session, owner, predecessor_id, task_id)


@router.get("/tasks/{task_id}/waivers")
async def list_waivers(task_id: UUID, caller: Reader, session: Reading) -> ListOut[WaiverOut]:
    await queries.task_owner(session, caller, task_id)
    statement = select(Waiver).where(col(Waiver.task_id) == task_id).order_by(col(Waiver.id))
    rows = (await session.execute(statement)).scalars()
    return ListOut(items=[WaiverOut.model_validate(row) for row in rows])


@router.post("/tasks/{task_id}/waivers", status_code=201)
async def request_waiver(
    task_id: UUID, given: WaiverIn, caller: Actor, session: Writing
) -> WaiverOut:
    """Ask to open without this task's evidence."""
    owner = await queries.owner_to_change(session, caller, task_id)
    waiver = await waivers.request_waiver(session, caller, owner, task_id, given)
    return WaiverOut.model_validate(waiver)


@router.post("/waivers/{waiver_id}/approve")
async def approve_waiver(waiver_id: UUID, caller: Approver, session: Writing) -> WaiverOut:
    return WaiverOut.model_validate(await waivers.approve_waiver(session, caller, waiver_id))


@router.post("/waivers/{waiver_id}/revoke")
async def revoke_waiver(waiver_id: UUID, caller: Actor, session: Writing) -> WaiverOut:
    """Whoever asked may take it back; taking back another's needs the right to approve."""
    return WaiverOut.model_validate(await waivers.revoke_waiver(session, caller, waiver_id))
