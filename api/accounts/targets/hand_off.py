"""Targets without an interface: a file for their people, who then say what became of it.

Accounts in a file count as handed off from then on; confirmed, they are known to be there. What
changes after the file was made waits for the next one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.accounts.account_schemas import GRADES
from api.accounts.disclosures import Purpose, disclose_set
from api.accounts.models import Account
from api.accounts.progress import project
from api.accounts.targets.desire import DIGEST
from api.accounts.targets.errors import HandOffNotFound, NothingWaits, kind_differs
from api.accounts.targets.models import Target, TargetAccount, TargetHandOff
from api.accounts.targets.rules import TargetKind
from api.db.paging import Page, PageRequest, page_of
from api.db.pool import Database
from api.db.uow import ReadSession, WriteSession
from api.schools.csv_table import Reader, Shape, read_table
from api.schools.errors import unreadable

COLUMNS = (
    *("account_id", "status", "sourced_id", "username", "given_name", "family_name"),
    *("email", "grade", "school"),
)
_DISCLOSED = ("given_name", "family_name", "username", "email", "sourced_id", "grade", "school")
_CHUNK = 5_000
_MOST_RESULTS = 1_000_000
_GATHER: LiteralString = f"""
UPDATE target_accounts r SET hand_off_id = %(hand_off)s, observed = 'handed_off',
  desired_digest = n.digest, observed_digest = n.digest, observed_at = %(now)s, drifted = NULL,
  next_try_at = NULL, last_error = NULL, dead_at = NULL, attempts = 0
FROM (SELECT r.account_id, a.school_id, CASE WHEN a.id IS NOT NULL THEN {DIGEST} END AS digest
  FROM target_accounts r LEFT JOIN accounts a ON a.id = r.account_id
  WHERE r.target_id = %(target)s AND r.next_try_at IS NOT NULL) n
WHERE r.target_id = %(target)s AND r.account_id = n.account_id AND r.next_try_at IS NOT NULL
RETURNING n.school_id
"""  # noqa: S608 (put together from constants of this file)
_LINES: LiteralString = """
SELECT r.account_id, r.desired, a.sourced_id, a.username, a.given_name, a.family_name, a.email,
  a.grade, s.code
FROM target_accounts r LEFT JOIN accounts a ON a.id = r.account_id
LEFT JOIN schools s ON s.id = a.school_id
WHERE r.hand_off_id = %(hand_off)s AND r.account_id > %(after)s
ORDER BY r.account_id LIMIT %(most)s
"""
_WHOSE: LiteralString = """
SELECT DISTINCT a.school_id FROM target_accounts r JOIN accounts a ON a.id = r.account_id
WHERE r.hand_off_id = %(hand_off)s
"""
# What has changed since the file was made is known only once the next one is confirmed.
_OPEN: LiteralString = """r.hand_off_id = %(hand_off)s AND r.observed = 'handed_off'
  AND (%(ids)s::uuid[] IS NULL OR r.account_id = ANY(%(ids)s))"""
_FORGET: LiteralString = f"""
DELETE FROM target_accounts r WHERE {_OPEN} AND r.desired = 'deleted' AND r.next_try_at IS NULL
"""  # noqa: S608 (put together from constants of this file)
_CONFIRM: LiteralString = f"""
UPDATE target_accounts r SET observed = r.desired, observed_at = %(now)s, hand_off_id = NULL
WHERE {_OPEN} AND r.next_try_at IS NULL
"""  # noqa: S608 (put together from constants of this file)
_REFUSE: LiteralString = f"""
UPDATE target_accounts r SET observed = 'none', observed_digest = NULL, observed_at = %(now)s,
  last_error = 'refused-by-target', dead_at = %(now)s, hand_off_id = NULL, next_try_at = NULL
WHERE {_OPEN}
"""  # noqa: S608 (put together from constants of this file)


def _is_fine(cell: str) -> bool:
    word = cell.lower()
    if word not in ("ok", "refused"):
        raise ValueError(cell)
    return word == "ok"


_RESULTS = {
    "account_id": Reader(UUID, "account-id", "the account_id of the hand-off's file"),
    "result": Reader(_is_fine, "result-unknown", "ok or refused"),
    "detail": Reader(str, "detail", "anything"),
}


def require_files(target: Target) -> None:
    """Raises: TargetKindDiffers."""
    if target.kind != TargetKind.csv:
        raise kind_differs(target.slug, "it is called over HTTP and takes no files.")


async def hand_off(session: WriteSession, target: Target) -> TargetHandOff:
    """Put all that waits for a target into one file. Raises: TargetKindDiffers; NothingWaits."""
    require_files(target)
    now = clock.now()
    made = TargetHandOff(target_id=target.id, created_at=now, created_by=session.actor, students=0)
    session.add(made)
    await session.flush()
    connection = await session.psycopg()
    values = {"hand_off": made.id, "target": target.id, "now": now}
    schools = [row[0] for row in await (await connection.execute(_GATHER, values)).fetchall()]
    if not schools:
        raise NothingWaits(f"Nothing waits for {target.slug}: what was handed off is as it was.")
    made.students = len(schools)
    await session.flush()
    await project(session, {school for school in schools if school is not None})
    return made


async def find_hand_off(session: ReadSession, target: Target, hand_off_id: UUID) -> TargetHandOff:
    """Raises: HandOffNotFound."""
    statement = select(TargetHandOff).where(
        col(TargetHandOff.id) == hand_off_id, col(TargetHandOff.target_id) == target.id
    )
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise HandOffNotFound(f"There is no hand-off {hand_off_id} of {target.slug}.")
    return found


async def list_hand_offs(
    session: ReadSession, target: Target, page: PageRequest
) -> Page[TargetHandOff]:
    """The newest first."""
    statement = select(TargetHandOff).where(col(TargetHandOff.target_id) == target.id)
    asked = PageRequest(page.limit, page.cursor, page.sort or "-created_at")
    created: Any = TargetHandOff.created_at
    key: Any = TargetHandOff.id
    return await page_of(session, statement, asked, {"created_at": created}, key)


async def disclose_hand_off(session: WriteSession, target: Target, one: TargetHandOff) -> None:
    """Record that its students' names are handed to the target; before the file leaves."""
    students = select(col(Account.id)).where(
        col(Account.id).in_(
            select(col(TargetAccount.account_id)).where(col(TargetAccount.hand_off_id) == one.id)
        )
    )
    await disclose_set(
        session,
        session.actor,
        Purpose.synced,
        students,
        fields=_DISCLOSED,
        recipient=target.slug,
        basis=None,
        network_id=target.network_id,
    )


async def hand_off_csv(database: Database, hand_off_id: UUID) -> AsyncIterator[bytes]:
    """The file in pieces, exact and not guarded against formulas: a system reads it.

    Of an account that is gone there is only its id, by which the target knows it.
    """
    yield _written([COLUMNS])
    after = UUID(int=0)
    while True:
        values = {"hand_off": hand_off_id, "after": after, "most": _CHUNK}
        async with database.raw() as connection:
            rows = await (await connection.execute(_LINES, values)).fetchall()
        if not rows:
            return
        yield _written(_cells(row) for row in rows)
        after = rows[-1][0]


def _cells(row: tuple[Any, ...]) -> list[Any]:
    *cells, grade, school = row
    return [*cells, None if grade is None else GRADES[grade + 1], school]


def _written(lines: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return out.getvalue().encode()


async def confirm(session: WriteSession, one: TargetHandOff) -> int:
    """The target's people say that they have all of it; how many rows that settles."""
    settled = await _settle(session, one, None, refused=False)
    one.confirmed_at, one.confirmed_by = clock.now(), session.actor
    await session.flush()
    return settled


async def take_results(
    session: WriteSession, one: TargetHandOff, raw: bytes
) -> tuple[int, int, int]:
    """A target's result file: how many rows it confirmed and refused, and how many are unknown.

    Columns `account_id` and `result` (`ok` or `refused`); a `detail` is not kept, since it may
    name anybody. Raises: FileUnreadable (422) for a file with rows that cannot be read.
    """
    table = read_table(raw, Shape(_RESULTS, ("account_id", "result"), _MOST_RESULTS))
    if table.issues:
        first = table.issues[0]
        raise unreadable(first.code, f"Row {first.row}: expected {first.expected}.")
    said = {row["account_id"]: row["result"] for _, row in table.rows}
    fine = [account_id for account_id, is_fine in said.items() if is_fine]
    rest = [account_id for account_id, is_fine in said.items() if not is_fine]
    confirmed = await _settle(session, one, fine, refused=False)
    refused = await _settle(session, one, rest, refused=True)
    return confirmed, refused, len(said) - confirmed - refused


async def _settle(
    session: WriteSession, one: TargetHandOff, ids: list[UUID] | None, *, refused: bool
) -> int:
    connection = await session.psycopg()
    values = {"hand_off": one.id, "ids": ids, "now": clock.now()}
    schools = [row[0] for row in await (await connection.execute(_WHOSE, values)).fetchall()]
    statements = (_REFUSE,) if refused else (_FORGET, _CONFIRM)
    settled = 0
    for statement in statements:
        settled += (await connection.execute(statement, values)).rowcount
    await project(session, schools)
    return settled
