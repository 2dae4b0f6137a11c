"""What the devices room does when others say something happened: need moves at once."""

from __future__ import annotations

from sqlalchemy import select
from sqlmodel import col

from api.db.uow import WriteSession
from api.devices.progress import project
from api.facts import (
    EnrollmentChanged,
    EnrollmentsChanged,
    EvidenceStated,
    PlaybookApplied,
    ReceivingChanged,
    RolloutsChanged,
)
from api.schools.models import School
from api.tasks.rules import TaskKind


async def on_enrollment_changed(session: WriteSession, fact: EnrollmentChanged) -> None:
    await project(session, [fact.school_id], begin=False)


async def on_enrollments_changed(session: WriteSession, fact: EnrollmentsChanged) -> None:
    await project(session, [one.school_id for one in fact.schools], begin=False)


async def on_playbook_applied(session: WriteSession, fact: PlaybookApplied) -> None:
    await project(session, fact.school_ids, begin=False)


async def on_rollouts_changed(session: WriteSession, fact: RolloutsChanged) -> None:
    """Without `begin`: a rollout that was just closed is not followed by one nobody asked for."""
    await project(session, fact.school_ids, begin=False)


async def on_receiving_changed(session: WriteSession, fact: ReceivingChanged) -> None:
    """Every school of the network and not only those that wait for an order: whoever places one
    at this moment has read the network as it was, and holds its schools.
    """
    of_network = select(col(School.id)).where(
        col(School.network_id) == fact.network_id, col(School.archived_at).is_(None)
    )
    await project(session, await session.scalars(of_network), begin=False)


async def on_evidence_stated(session: WriteSession, fact: EvidenceStated) -> None:
    """Where orders are kept their counts hold; where none are, a person's word does."""
    if fact.kind in (TaskKind.DEVICES, TaskKind.ORDER):
        await project(session, [fact.school_id], begin=False)
