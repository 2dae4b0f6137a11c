"""Rollouts and playbooks over HTTP, for one school and for many."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from api.auth.caller import Caller
from api.auth.dependencies import Reading, Writing, allow
from api.auth.rules import Right
from api.db.uow import ReadSession
from api.http.conditional import check_if_match, etag_of, mark
from api.http.paging import ListOut
from api.http.route import TransactionalRoute
from api.schools.queries import find_network, find_school
from api.tasks import library, queries, rollouts
from api.tasks.apply import Wishes, apply_playbook
from api.tasks.models import PlaybookVersion, Rollout
from api.tasks.schemas import (
    FirstBellIn,
    ManyOut,
    NetworkRolloutsIn,
    PlaybookIn,
    PlaybookOut,
    RolloutIn,
    RolloutOut,
    RolloutPatchIn,
)

router = APIRouter(prefix="/v1", tags=["rollouts"], route_class=TransactionalRoute)

Reader = Annotated[Caller, Depends(allow(Right.tasks_read))]
Planner = Annotated[Caller, Depends(allow(Right.tasks_write))]
Librarian = Annotated[Caller, Depends(allow(Right.playbooks_write))]


async def _out(session: ReadSession, response: Response, rollout: Rollout) -> RolloutOut:
    mark(response, etag_of(rollout.id, rollout.version))
    out = RolloutOut.model_validate(rollout)
    if rollout.playbook_id is not None:
        playbook = await session.get_one(PlaybookVersion, rollout.playbook_id)
        out.playbook, out.playbook_version = playbook.name, playbook.version
    return out


@router.post("/schools/{school}/rollouts", status_code=201)
async def open_rollout(
    school: str, given: RolloutIn, response: Response, caller: Planner, session: Writing
) -> RolloutOut:
    """Open the school's rollout, or give the playbook to the one that a school's import opened.

    Applying is idempotent: the same call again changes nothing.
    """
    found = await find_school(session, caller, school)
    if given.playbook is None:
        await rollouts.open_rollout(session, found, given)
    else:
        version = await library.find_playbook(session, given.playbook, found.network_id)
        wishes = Wishes(given.first_bell, given.model, given.wave)
        await apply_playbook(session, [found], version, wishes, alone=True)
    response.headers["location"] = f"/v1/schools/{found.code}/rollout"
    return await _out(session, response, await queries.the_rollout(session, found))


@router.get("/schools/{school}/rollout")
async def read_rollout(
    school: str, response: Response, caller: Reader, session: Reading
) -> RolloutOut:
    found = await find_school(session, caller, school)
    return await _out(session, response, await queries.the_rollout(session, found))


@router.patch("/schools/{school}/rollout")
async def edit_rollout(
    school: str,
    given: RolloutPatchIn,
    request: Request,
    response: Response,
    caller: Planner,
    session: Writing,
) -> RolloutOut:
    """Change first bell, model or wave; `{"state": "closed"}` ends it."""
    found = await find_school(session, caller, school)
    await session.touch_schools([found.id])
    rollout = await queries.the_rollout(session, found)
    check_if_match(request, etag_of(rollout.id, rollout.version))
    await rollouts.edit_rollout(session, found, rollout, given)
    return await _out(session, response, await session.get_one(Rollout, rollout.id))


@router.post("/networks/{network}/rollouts")
async def open_rollouts(
    network: str, given: NetworkRolloutsIn, caller: Planner, session: Writing
) -> ManyOut:
    """Apply a playbook to many schools in one transaction; idempotent."""
    found = await find_network(session, caller, network)
    version = await library.find_playbook(session, given.playbook, found.id)
    # Named schools are put into the wave; without names it says which schools are meant.
    among, wave = (None, given.wave) if given.schools else (given.wave, None)
    schools = await rollouts.schools_meant(session, caller, found, among, given.schools)
    wishes = Wishes(first_bell=given.first_bell, wave=wave)
    return await apply_playbook(session, schools, version, wishes)


@router.post("/networks/{network}/first-bell")
async def shift_first_bell(
    network: str, given: FirstBellIn, caller: Planner, session: Writing
) -> ManyOut:
    """Move the first bell of many schools at once; planned dates follow."""
    found = await find_network(session, caller, network)
    schools = await rollouts.schools_meant(session, caller, found, given.wave, given.schools)
    return await rollouts.shift_first_bell(session, schools, given)


async def _playbook_out(row: PlaybookVersion, *, with_source: bool = False) -> PlaybookOut:
    playbook = await library.read_source(row.source)
    shipped = await asyncio.to_thread(library.shipped_names)
    return PlaybookOut(
        id=row.id,
        name=row.name,
        version=row.version,
        title=row.title,
        summary=playbook.summary,
        model=row.model,
        network_id=row.network_id,
        shipped=row.network_id is None and row.name in shipped,
        tasks=len(playbook.tasks),
        gates=sum(task.gate for task in playbook.tasks),
        devices_per_student=float(playbook.devices_per_student),
        devices_per_teacher=float(playbook.devices_per_teacher),
        spare_percent=playbook.spare_percent,
        default_lead_days=playbook.default_lead_days,
        source=row.source if with_source else None,
    )


@router.get("/playbooks")
async def list_playbooks(caller: Reader, session: Reading) -> ListOut[PlaybookOut]:
    """The newest version of every playbook the caller may use."""
    rows = await library.list_playbooks(session, caller)
    return ListOut(items=[await _playbook_out(row) for row in rows])


@router.get("/playbooks/{playbook_id}")
async def read_playbook(playbook_id: UUID, caller: Reader, session: Reading) -> PlaybookOut:
    """One version with its YAML, to start a playbook of one's own from."""
    row = await library.read_playbook(session, caller, playbook_id)
    return await _playbook_out(row, with_source=True)


@router.post("/playbooks", status_code=201)
async def add_playbook(given: PlaybookIn, caller: Librarian, session: Writing) -> PlaybookOut:
    """Keep a playbook, or a newer version of one; every problem comes with its line."""
    network_id = None
    if given.network is not None:
        network = await find_network(session, caller, given.network)
        caller.require_network(network.id)
        network_id = network.id
    else:
        caller.require_everywhere()
    return await _playbook_out(await library.add_playbook(session, given.source, network_id))
