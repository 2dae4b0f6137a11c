"""What the PD room does when others say something happened: the tasks move at once."""

from __future__ import annotations

from api.db.uow import WriteSession
from api.facts import (
    EnrollmentChanged,
    EnrollmentsChanged,
    EvidenceStated,
    PlaybookApplied,
    RolloutsChanged,
    StaffChanged,
    StaffsChanged,
)
from api.pd.progress import project
from api.tasks.rules import TaskKind


async def on_enrollment_changed(session: WriteSession, fact: EnrollmentChanged) -> None:
    """Teachers were recounted with the students."""
    await project(session, [fact.school_id], keep_word=True)


async def on_enrollments_changed(session: WriteSession, fact: EnrollmentsChanged) -> None:
    await project(session, [one.school_id for one in fact.schools], keep_word=True)


async def on_staff_changed(session: WriteSession, fact: StaffChanged) -> None:
    await project(session, [fact.school_id], keep_word=True)


async def on_staffs_changed(session: WriteSession, fact: StaffsChanged) -> None:
    await project(session, fact.school_ids, keep_word=True)


async def on_playbook_applied(session: WriteSession, fact: PlaybookApplied) -> None:
    """The playbook's courses exist from then on, and its tasks say what they lack."""
    await project(session, fact.school_ids, keep_word=True)


async def on_rollouts_changed(session: WriteSession, fact: RolloutsChanged) -> None:
    await project(session, fact.school_ids, keep_word=True)


async def on_evidence_stated(session: WriteSession, fact: EvidenceStated) -> None:
    """Where attendance is kept it holds; where none is, a person's word does."""
    if fact.kind == TaskKind.PD:
        await project(session, [fact.school_id], keep_word=True)
