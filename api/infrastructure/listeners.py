"""What the infrastructure room does when others say something happened: old results are judged
anew.
"""

from __future__ import annotations

from api.db.uow import WriteSession
from api.facts import (
    EnrollmentChanged,
    EnrollmentsChanged,
    EvidenceStated,
    PlaybookApplied,
    RolloutsChanged,
)
from api.infrastructure.progress import project
from api.tasks.rules import TaskKind


async def on_enrollment_changed(session: WriteSession, fact: EnrollmentChanged) -> None:
    await project(session, [fact.school_id], keep_word=True)


async def on_enrollments_changed(session: WriteSession, fact: EnrollmentsChanged) -> None:
    await project(session, [one.school_id for one in fact.schools], keep_word=True)


async def on_playbook_applied(session: WriteSession, fact: PlaybookApplied) -> None:
    await project(session, fact.school_ids, keep_word=True)


async def on_rollouts_changed(session: WriteSession, fact: RolloutsChanged) -> None:
    """Another model may be concerned by other checks."""
    await project(session, fact.school_ids, keep_word=True)


async def on_evidence_stated(session: WriteSession, fact: EvidenceStated) -> None:
    """Where something was measured it holds; where nothing was, a person's word does."""
    if fact.kind == TaskKind.CHECK:
        await project(session, [fact.school_id], keep_word=True)
