"""Waivers: permission to open without a task's evidence, asked for, decided, revoked."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.auth.queries import same_person
from api.auth.rules import Right
from api.db.uow import ReadSession, WriteSession
from api.errors import Forbidden, Invalid, field_error
from api.schools.models import Network
from api.tasks import queries
from api.tasks.errors import WaiverNotFound, WaiverRefused
from api.tasks.gate import lock
from api.tasks.models import Waiver
from api.tasks.queries import Owner
from api.tasks.rules import TaskStatus, WaiverState
from api.tasks.schemas import WaiverIn


async def request_waiver(
    session: WriteSession,
    caller: Caller,
    owner: Owner,
    task_id: UUID,
    given: WaiverIn,
) -> Waiver:
    """Ask for a waiver. Where the network has no four-eyes rule, whoever may approve one
    approves by asking.

    Raises: WaiverRefused when one is open already, or for a cancelled task; Invalid for an
    expiry in the past.
    """
    await lock(session, owner)
    task = await queries.get_task(session, task_id)
    if task.status == TaskStatus.CANCELLED:
        raise WaiverRefused(f"{task.key} is cancelled: nothing waits for it.")
    today, expires_on = clock.today(owner.timezone), given.expires_on
    if expires_on is not None and expires_on < today:
        detail = f"{expires_on} is past; a waiver lasts at least through today, {today}."
        raise Invalid(detail, errors=[field_error("/expires_on", "past", detail)])
    now_open = await queries.open_waiver(session, task_id)
    if now_open is not None:
        if now_open.expires_on is None or now_open.expires_on >= today:
            raise WaiverRefused(
                f"The task has a waiver that is {now_open.state}; revoke it first.",
                waiver_id=str(now_open.id),
            )
        # It has run out: the new one takes its place.
        now_open.state = WaiverState.REVOKED
        _stamp(now_open)
        await session.flush()
    network = await session.get_one(Network, owner.network_id)
    alone = not network.four_eyes and caller.may(Right.waivers_approve)
    now = clock.now()
    waiver = Waiver(
        task_id=task_id,
        network_id=owner.network_id,
        school_id=owner.school_id,
        state=WaiverState.APPROVED if alone else WaiverState.REQUESTED,
        reason=given.reason,
        expires_on=expires_on,
        requested_by=caller.actor,
        decided_by=caller.actor if alone else None,
        created_at=now,
        updated_at=now,
    )
    session.add(waiver)
    await session.flush()
    return waiver


def _stamp(waiver: Waiver) -> None:
    waiver.version += 1
    waiver.updated_at = clock.now()


async def find_waiver(session: ReadSession, caller: Caller, waiver_id: UUID) -> Waiver:
    """Raises: WaiverNotFound, also for one the caller may not see."""
    statement = select(Waiver).where(
        col(Waiver.id) == waiver_id,
        queries.shown_to(caller, Waiver),
    )
    waiver = (await session.execute(statement)).scalar_one_or_none()
    if waiver is None:
        raise WaiverNotFound(f"There is no waiver {waiver_id}, or you may not see it.")
    return waiver


async def _held(session: WriteSession, caller: Caller, waiver_id: UUID) -> tuple[Waiver, Owner]:
    waiver = await find_waiver(session, caller, waiver_id)
    owner = await queries.owner_to_change(session, caller, waiver.task_id)
    await lock(session, owner)
    await session.refresh(waiver)
    return waiver, owner


async def approve_waiver(session: WriteSession, caller: Caller, waiver_id: UUID) -> Waiver:
    """Raises: WaiverRefused when it is not waiting, or by the person who asked under four eyes."""
    waiver, owner = await _held(session, caller, waiver_id)
    if waiver.state != WaiverState.REQUESTED:
        raise WaiverRefused(f"The waiver is {waiver.state}, not waiting for approval.")
    if waiver.expires_on is not None and waiver.expires_on < clock.today(owner.timezone):
        raise WaiverRefused(f"The waiver ran out on {waiver.expires_on}; ask for a new one.")
    network = await session.get_one(Network, waiver.network_id)
    if network.four_eyes and await same_person(session, waiver.requested_by, caller.actor):
        raise WaiverRefused("You asked for this waiver; another person has to approve it.")
    waiver.state, waiver.decided_by = WaiverState.APPROVED, caller.actor
    _stamp(waiver)
    await session.flush()
    return waiver


async def revoke_waiver(session: WriteSession, caller: Caller, waiver_id: UUID) -> Waiver:
    """Take it back, whether it was waiting or approved. Whoever asked may, and who may approve.

    Raises: WaiverRefused, Forbidden.
    """
    waiver, _ = await _held(session, caller, waiver_id)
    asked = await same_person(session, waiver.requested_by, caller.actor)
    if not asked and not caller.may(Right.waivers_approve):
        raise Forbidden("Only who asked for the waiver, or who may approve one, revokes it.")
    if waiver.state not in (WaiverState.REQUESTED, WaiverState.APPROVED):
        raise WaiverRefused(f"The waiver is {waiver.state} already.")
    waiver.state, waiver.decided_by = WaiverState.REVOKED, caller.actor
    _stamp(waiver)
    await session.flush()
    return waiver
