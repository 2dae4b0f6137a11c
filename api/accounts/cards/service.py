"""Initial passwords: made, told to a system, handed out once as login cards, forgotten."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import Select, Uuid, delete, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlmodel import col

from api import clock
from api.accounts.account_errors import NamesHidden
from api.accounts.cards.errors import NoPasswordsWait, PasswordsUndelivered
from api.accounts.cards.models import InitialPassword
from api.accounts.cards.rules import make_password
from api.accounts.disclosures import NAMED, Purpose, disclose_set
from api.accounts.models import Account
from api.accounts.rules import AccountStatus
from api.accounts.targets.passwords import queue_made
from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.schools.models import School
from api.schools.queries import find_school
from api.sealing import Sealer

# From the day they are made: over the holidays before a first bell, not over a school year.
PASSWORD_DAYS = 60
_AT_ONCE = 2_000
_HAND_OUT = text("""
UPDATE initial_passwords p SET sealed = NULL, handed_out_at = :now
FROM accounts a
WHERE a.id = p.account_id AND a.school_id = :school AND a.status = 'active'
  AND (CAST(:grade AS smallint) IS NULL OR a.grade = :grade)
  AND p.sealed IS NOT NULL AND p.expires_at > :now
RETURNING a.id, a.given_name, a.family_name, a.grade, a.username, a.email,
  old.sealed, old.delivered_at IS NOT NULL AS delivered
""")
# Of this very password: another may have been made since it was sent. In the order of who makes
# passwords, so that neither waits for the other for ever.
_TOLD: LiteralString = """
WITH told AS (
  SELECT p.account_id FROM initial_passwords p
  JOIN unnest(%(ids)s::uuid[], %(made_at)s::timestamptz[]) AS n(id, made_at)
    ON n.id = p.account_id AND n.made_at = p.made_at
  WHERE p.delivered_at IS NULL ORDER BY p.account_id FOR UPDATE OF p
)
UPDATE initial_passwords p SET delivered_at = %(now)s FROM told WHERE told.account_id = p.account_id
"""


@dataclass(frozen=True, slots=True)
class Made:
    """How many passwords were made, and how many students keep what they have."""

    made: int
    kept: int
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Card:
    """What stands on a login card; never kept anywhere."""

    given_name: str
    family_name: str
    grade: int | None
    username: str | None
    email: str | None
    password: str


def revealer(sealer: Sealer) -> Callable[[UUID, bytes], str]:
    """What opens sealed passwords: each under its own account only, so none can be swapped."""

    def reveal(account_id: UUID, sealed: bytes) -> str:
        return sealer.open(sealed, _purpose(account_id)).decode()

    return reveal


def _purpose(account_id: UUID) -> bytes:
    return b"initial password " + account_id.bytes


async def make_passwords(
    session: WriteSession, school: School, grade: int | None, sealer: Sealer, *, renew: bool
) -> Made:
    """Make passwords for active students of a school, or of one grade of it, who have none, and
    queue them at targets that are sent them.

    Who was handed one, or has one waiting, keeps it unless they are to be renewed.
    """
    now = clock.now()
    waiting = (col(InitialPassword.sealed).is_not(None)) & (col(InitialPassword.expires_at) > now)
    has_one = or_(waiting, col(InitialPassword.handed_out_at).is_not(None))
    statement = (
        select(col(Account.id), col(Account.grade), func.coalesce(has_one, False))
        .outerjoin(InitialPassword, col(InitialPassword.account_id) == col(Account.id))
        .where(*_students(school.id, grade))
        # Two who make some at once wait for one another instead of deadlocking.
        .order_by(col(Account.id))
        .with_for_update(of=Account)
    )
    found = (await session.execute(statement)).all()
    wanting = [(row[0], row[1]) for row in found if renew or not row[2]]
    expires_at = now + timedelta(days=PASSWORD_DAYS)
    for start in range(0, len(wanting), _AT_ONCE):
        some = wanting[start : start + _AT_ONCE]
        rows = await asyncio.to_thread(_sealed, some, sealer, now, expires_at)
        await _put(session, rows)
    if wanting:
        await queue_made(session, school.network_id, [account_id for account_id, _ in wanting])
    return Made(len(wanting), len(found) - len(wanting), expires_at)


def _sealed(
    students: Iterable[tuple[UUID, int | None]], sealer: Sealer, now: datetime, until: datetime
) -> list[dict[str, Any]]:
    return [
        {
            "account_id": account_id,
            "sealed": sealer.seal(
                make_password(grade, secrets.choice).encode(), _purpose(account_id)
            ),
            "made_at": now,
            "expires_at": until,
        }
        for account_id, grade in students
    ]


async def _put(session: WriteSession, rows: list[dict[str, Any]]) -> None:
    statement = insert(InitialPassword)
    fresh: dict[str, Any] = {name: statement.excluded[name] for name in ("sealed", "expires_at")}
    # Later than the one before, whatever the clocks of two hosts say: so targets know it for new.
    later = col(InitialPassword.made_at) + timedelta(microseconds=1)
    fresh["made_at"] = func.greatest(statement.excluded["made_at"], later)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id"],
            set_={**fresh, "delivered_at": None, "handed_out_at": None},
        ),
        rows,
    )


async def hand_out(
    session: WriteSession,
    caller: Caller,
    id_or_code: str,
    grade: int | None,
    sealer: Sealer,
    *,
    undelivered: bool,
) -> tuple[School, list[Card]]:
    """The school's cards for whose password waits, by grade and name; nobody has them again.

    Raises: NamesHidden; SchoolNotFound; NoPasswordsWait; PasswordsUndelivered where no system
    was told some of them, unless those too are asked for.
    """
    if not caller.sees_names:
        raise NamesHidden("Login cards are students' names, which you may not see.")
    school = await find_school(session, caller, id_or_code)
    values = {"now": clock.now(), "school": school.id, "grade": grade}
    rows = (await session.execute(_HAND_OUT, values)).all()
    if not rows:
        raise NoPasswordsWait(
            "No password waits for these students: all were handed out, or none was made."
            " POST to initial-passwords of the school makes some."
        )
    untold = sum(not row.delivered for row in rows)
    if untold and not undelivered:
        raise PasswordsUndelivered(
            f"No system that students sign in to knows {untold:,} of these passwords: wait for a"
            " target that is sent them, send them there with an export that has `passwords=true`,"
            " or ask for `undelivered`.",
            undelivered=untold,
        )
    await disclose_set(
        session,
        caller.actor,
        Purpose.carded,
        _those({row.id for row in rows}),
        fields=[*NAMED, "grade", "password"],
        recipient="the students",
        basis=None,
        network_id=school.network_id,
        school_id=school.id,
    )
    return school, await asyncio.to_thread(_cards, rows, sealer)


def _cards(rows: Sequence[Any], sealer: Sealer) -> list[Card]:
    reveal = revealer(sealer)
    cards = [
        Card(
            row.given_name,
            row.family_name,
            row.grade,
            row.username,
            row.email,
            reveal(row.id, row.sealed),
        )
        for row in rows
    ]
    # Those whose grade is not known come last.
    return sorted(
        cards,
        key=lambda one: (
            one.grade is None,
            one.grade or 0,
            one.family_name.casefold(),
            one.given_name.casefold(),
        ),
    )


async def mark_delivered(session: WriteSession, accounts: Select[UUID]) -> None:
    """Say that a system the students sign in to was told their passwords."""
    ids = accounts.order_by(None).subquery()
    await session.execute(
        update(InitialPassword)
        .where(
            col(InitialPassword.account_id).in_(select(ids)),
            col(InitialPassword.sealed).is_not(None),
            col(InitialPassword.delivered_at).is_(None),
        )
        .values(delivered_at=clock.now())
        .execution_options(synchronize_session=False)
    )


async def mark_told(session: WriteSession, told: Sequence[tuple[UUID, datetime]]) -> None:
    """Say that a target took these passwords: of whom, and when each was made."""
    if not told:
        return
    ids, made_at = ([one[at] for one in told] for at in (0, 1))
    values = {"ids": ids, "made_at": made_at, "now": clock.now()}
    await (await session.psycopg()).execute(_TOLD, values)


async def forget(session: WriteSession, account_ids: Iterable[UUID]) -> None:
    """Delete what there is of these accounts' passwords, as if none had ever been made."""
    await session.execute(
        delete(InitialPassword)
        .where(col(InitialPassword.account_id).in_(_those(set(account_ids))))
        .execution_options(synchronize_session=False)
    )


async def purge_passwords(session: WriteSession, now: datetime) -> None:
    """Delete the passwords that nobody was handed in time."""
    await session.execute(
        update(InitialPassword)
        .where(col(InitialPassword.sealed).is_not(None), col(InitialPassword.expires_at) <= now)
        .values(sealed=None)
        .execution_options(synchronize_session=False)
    )


def _students(school_id: UUID, grade: int | None) -> list[Any]:
    found = [col(Account.school_id) == school_id, col(Account.status) == AccountStatus.active]
    return found if grade is None else [*found, col(Account.grade) == grade]


def _those(ids: set[UUID]) -> Select[UUID]:
    given = literal(sorted(ids), ARRAY(Uuid()))
    return select(col(Account.id)).where(col(Account.id) == func.any(given))
