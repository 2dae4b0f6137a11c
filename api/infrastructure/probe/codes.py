"""The codes that schools' probes sign with: sealed at rest, shown once, two good at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select
from sqlmodel import col

from api import clock
from api.db.uow import ReadSession, WriteSession
from api.errors import Invalid
from api.infrastructure.models import ProbeCode
from api.infrastructure.probe.rules import OVERLAP, make_code
from api.schools.models import School
from api.schools.rules import as_id, is_code, normal_code
from api.sealing import Sealer, sealer_of
from api.settings import Settings


class Speaker(NamedTuple):
    """A school, and the codes that its probes may sign with."""

    id: UUID
    code: str
    codes: Sequence[str]


def sealer_for(settings: Settings) -> Sealer:
    """Raises: Invalid without a secret key, which every command that serves makes sure of."""
    if settings.secret_key is None:
        raise Invalid("FIRSTBELL_SECRET_KEY is not set: it encrypts the codes of probes.")
    return sealer_of(settings.secret_key.get_secret_value())


def _purpose(school_id: UUID) -> bytes:
    return b"probe code " + school_id.bytes


async def replace_code(
    session: WriteSession, sealer: Sealer, school: School
) -> tuple[str, ProbeCode, datetime | None]:
    """A new code beside the newest, which stays good for a while; older ones end now.

    Gives the code, its row, and when the one before ends (None: there is none).
    """
    # Two who make one at the same moment would each leave the other's code out.
    await session.execute(
        select(col(School.id)).where(col(School.id) == school.id).with_for_update(key_share=True)
    )
    now, code = clock.now(), make_code()
    newest = await session.scalar(
        select(ProbeCode)
        .where(col(ProbeCode.school_id) == school.id, _is_good(now))
        .order_by(col(ProbeCode.created_at).desc(), col(ProbeCode.id).desc())
        .limit(1)
    )
    older = delete(ProbeCode).where(col(ProbeCode.school_id) == school.id)
    if newest is not None:
        older = older.where(col(ProbeCode.id) != newest.id)
    await session.execute(older)
    until = None
    if newest is not None:
        until = min(newest.retired_at or now + OVERLAP, now + OVERLAP)
        newest.retired_at = until
    row = ProbeCode(
        school_id=school.id,
        sealed=sealer.seal(code.encode(), _purpose(school.id)),
        created_at=now,
        actor=session.actor,
    )
    session.add(row)
    await session.flush()
    return code, row, until


def _is_good(now: datetime) -> ColumnElement[bool]:
    return or_(col(ProbeCode.retired_at).is_(None), col(ProbeCode.retired_at) > now)


async def find_speaker(session: ReadSession, sealer: Sealer, id_or_code: str) -> Speaker | None:
    """A school by its id or code, with its codes; None where it has none or is none.

    Nobody is asked who they are: what is signed with one of the codes is the school's.
    """
    given = id_or_code.strip()
    school_id, code = as_id(given), normal_code(given)
    if school_id is None and not is_code(code):
        return None
    named = col(School.id) == school_id if school_id else col(School.code) == code
    rows = await session.execute(
        select(col(School.id), col(School.code), col(ProbeCode.sealed))
        .join(ProbeCode, col(ProbeCode.school_id) == col(School.id))
        .where(named, col(School.archived_at).is_(None), _is_good(clock.now()))
    )
    found = rows.all()
    if not found:
        return None
    codes = [sealer.open(sealed, _purpose(row_id)).decode() for row_id, _, sealed in found]
    return Speaker(found[0][0], found[0][1], codes)


async def purge_retired(session: WriteSession, now: datetime) -> int:
    """Delete the codes that have ended by `now`; gives how many."""
    gone = await session.execute(
        delete(ProbeCode).where(col(ProbeCode.retired_at) <= now).returning(col(ProbeCode.id))
    )
    return len(gone.all())
