"""What the accounts room does when others say something happened: the gate moves at once."""

from __future__ import annotations

from api.accounts.progress import project
from api.db.uow import WriteSession
from api.facts import (
    EnrollmentChanged,
    EnrollmentsChanged,
    EvidenceStated,
    PlaybookApplied,
    RolloutsChanged,
)
from api.tasks.rules import TaskKind


async def on_enrollment_changed(session: WriteSession, fact: EnrollmentChanged) -> None:
    await project(session, [fact.school_id], keep_word=True)


async def on_enrollments_changed(session: WriteSession, fact: EnrollmentsChanged) -> None:
    await project(session, [one.school_id for one in fact.schools], keep_word=True)


async def on_playbook_applied(session: WriteSession, fact: PlaybookApplied) -> None:
    await project(session, fact.school_ids, keep_word=True)


async def on_rollouts_changed(session: WriteSession, fact: RolloutsChanged) -> None:
    await project(session, fact.school_ids, keep_word=True)


async def on_evidence_stated(session: WriteSession, fact: EvidenceStated) -> None:
    """Where accounts are kept their number holds; where none are, a person's word does."""
    if fact.kind == TaskKind.ACCOUNTS:
        await project(session, [fact.school_id], keep_word=True)
