"""Reading targets and their queues, always as a caller may see them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, LiteralString, cast
from uuid import UUID

from sqlalchemy import Select, Uuid, func, select
from sqlalchemy.orm import InstrumentedAttribute
from sqlmodel import col

from api import clock
from api.accounts.models import Account
from api.accounts.targets.errors import TargetNotFound
from api.accounts.targets.models import Target, TargetAccount, TargetState
from api.accounts.targets.rules import (
    Action,
    Backlog,
    Breaker,
    Desired,
    Observed,
    RowState,
    action_of,
    remaining,
    spoken,
)
from api.accounts.targets.schemas import (
    BreakerOut,
    DriftOut,
    PlannedOut,
    TargetAccountOut,
    TargetOut,
    TargetStatusOut,
    target_out,
)
from api.auth.caller import Caller, visible
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession
from api.schools.queries import codes_of_schools, is_among, networks_by_id

_SHOWN_ERRORS = 20
_COUNTS: LiteralString = """
SELECT observed, desired, next_try_at IS NOT NULL AS waits, dead_at IS NOT NULL AS dead,
  drifted IS NOT NULL AS drifts, remote_id IS NOT NULL AS known, last_error, count(*),
  count(*) FILTER (WHERE next_try_at <= %(now)s)
FROM target_accounts WHERE target_id = %(target)s GROUP BY 1, 2, 3, 4, 5, 6, 7
"""


def _column(attribute: object) -> InstrumentedAttribute[Any]:
    """A table's attribute as the column that it is, which SQLModel's types do not say."""
    return cast("InstrumentedAttribute[Any]", attribute)


async def find_target(session: ReadSession, caller: Caller, target_id: UUID) -> Target:
    """Raises: TargetNotFound; Forbidden for a caller limited to schools."""
    caller.require_whole_networks()
    statement = select(Target).where(
        col(Target.id) == target_id, visible(caller, col(Target.network_id))
    )
    found = (await session.scalars(statement)).one_or_none()
    if found is None:
        raise TargetNotFound(f"There is no target {target_id}, or you may not see it.")
    return found


async def list_targets(
    session: ReadSession, caller: Caller, network_id: UUID | None, page: PageRequest
) -> Page[Target]:
    """Raises: Forbidden for a caller limited to schools."""
    caller.require_whole_networks()
    statement = select(Target).where(visible(caller, col(Target.network_id)))
    if network_id is not None:
        statement = statement.where(col(Target.network_id) == network_id)
    sorts = {name: _column(getattr(Target, name)) for name in ("slug", "created_at")}
    return await page_of(session, statement, page, sorts, _column(Target.id))


async def targets_out(session: ReadSession, targets: Sequence[Target]) -> list[TargetOut]:
    networks = await networks_by_id(session, (one.network_id for one in targets))
    return [target_out(one, networks[one.network_id].code) for one in targets]


async def status_of(session: ReadSession, target: Target) -> TargetStatusOut:
    """Counts of one target's queue, in one pass over it."""
    state = (
        await session.scalars(select(TargetState).where(col(TargetState.target_id) == target.id))
    ).one()
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    found = await driver.execute(_COUNTS, {"target": target.id, "now": clock.now()})
    counts = _Counts(await found.fetchall())
    moves = moves_by_itself(target, state)
    left = remaining(Backlog(counts.waiting, target.rate_per_minute)) if moves else None
    now = clock.now()
    return TargetStatusOut(
        target=(await targets_out(session, [target]))[0],
        waiting=counts.waiting,
        due=counts.due,
        dead=counts.dead,
        drifted=counts.drifted,
        accounts=counts.accounts,
        planned=PlannedOut(**counts.planned),
        errors=dict(sorted(counts.errors.items(), key=lambda one: -one[1])[:_SHOWN_ERRORS]),
        breaker=BreakerOut(
            state=Breaker(state.breaker), open_until=state.open_until, error=state.last_error
        ),
        drift=DriftOut(
            asked=state.drift_asked_at is not None,
            read_at=state.drift_read_at,
            found=state.drift_found,
            strangers=state.strangers,
            clashes=state.clashes,
        ),
        running=state.runner_until is not None and state.runner_until > now,
        remaining_seconds=None if left is None else round(left.total_seconds()),
        remaining=None if left is None else spoken(left) if counts.waiting else "nothing waits",
        ends_at=None if left is None else now + left + _held(state.paced_until),
    )


def _held(paced_until: Any) -> timedelta:
    """How long the target itself asked to be left alone."""
    left: timedelta = (paced_until or clock.now()) - clock.now()
    return max(left, timedelta(0))


def moves_by_itself(target: Target, state: TargetState) -> bool:
    """Whether a queue goes down without anybody doing anything."""
    stands = target.paused or target.dry_run or state.breaker == Breaker.refused
    return target.base_url is not None and not stands


class _Counts:
    """A queue's rows, counted by what they are."""

    def __init__(self, groups: Iterable[tuple[Any, ...]]) -> None:
        self.waiting = self.due = self.dead = self.drifted = 0
        self.accounts: dict[Observed, int] = {}
        self.planned: dict[str, int] = {}
        self.errors: dict[str, int] = {}
        for observed, desired, waits, dead, drifts, known, error, count, due in groups:
            seen = Observed(observed)
            self.due += due
            self.accounts[seen] = self.accounts.get(seen, 0) + count
            self.dead += count if dead else 0
            self.drifted += count if drifts else 0
            if error is not None:
                self.errors[error] = self.errors.get(error, 0) + count
            if waits:
                self.waiting += count
                action = action_of(Desired(desired), seen, known=known)
                self.planned[action] = self.planned.get(action, 0) + count


async def list_rows(
    session: ReadSession, target: Target, state: RowState | None, page: PageRequest
) -> Page[TargetAccount]:
    """Rows of a target's queue by account id, all or those of one state."""
    statement: Select[TargetAccount] = select(TargetAccount).where(
        col(TargetAccount.target_id) == target.id
    )
    waits, dead = col(TargetAccount.next_try_at), col(TargetAccount.dead_at)
    drifts = col(TargetAccount.drifted)
    if state is RowState.waiting:
        statement = statement.where(waits.is_not(None))
    elif state is RowState.dead:
        statement = statement.where(dead.is_not(None))
    elif state is RowState.drifted:
        statement = statement.where(drifts.is_not(None))
    elif state is RowState.settled:
        statement = statement.where(waits.is_(None), dead.is_(None))
    key = _column(TargetAccount.account_id)
    return await page_of(session, statement, page, {"account_id": key}, key)


async def rows_out(
    session: ReadSession, rows: Sequence[TargetAccount], *, sees_names: bool
) -> list[TargetAccountOut]:
    wanted = is_among(col(Account.id), [row.account_id for row in rows], Uuid())
    columns = (col(Account.id), col(Account.sourced_id), col(Account.school_id))
    accounts = {row[0]: row for row in await session.execute(select(*columns).where(wanted))}
    codes = await codes_of_schools(session, (one[2] for one in accounts.values()))
    return [
        _row_out(
            row,
            accounts[row.account_id][1] if row.account_id in accounts else None,
            codes[accounts[row.account_id][2]] if row.account_id in accounts else None,
            sees_names=sees_names,
        )
        for row in rows
    ]


def _row_out(
    row: TargetAccount, sourced_id: str | None, school: str | None, *, sees_names: bool
) -> TargetAccountOut:
    desired, observed = Desired(row.desired), Observed(row.observed)
    action: Action | None = None
    if row.next_try_at is not None or row.dead_at is not None:
        action = action_of(desired, observed, known=row.remote_id is not None)
    return TargetAccountOut(
        account_id=row.account_id,
        sourced_id=sourced_id,
        school=school,
        state=_state_of(row),
        desired=desired,
        observed=observed,
        action=action,
        remote_id=row.remote_id,
        remote_name=row.remote_name if sees_names else None,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        error=row.last_error,
        dead_at=row.dead_at,
        drifted=row.drifted or [],
    )


def _state_of(row: TargetAccount) -> RowState:
    if row.dead_at is not None:
        return RowState.dead
    if row.drifted is not None:
        return RowState.drifted
    return RowState.waiting if row.next_try_at is not None else RowState.settled


async def count_rows_of(session: ReadSession, hand_offs: Iterable[UUID]) -> dict[UUID, int]:
    """How many rows of each hand-off are neither confirmed nor refused."""
    rows = await session.execute(
        select(col(TargetAccount.hand_off_id), func.count())
        .where(
            is_among(col(TargetAccount.hand_off_id), hand_offs, Uuid()),
            col(TargetAccount.observed) == Observed.handed_off,
        )
        .group_by(col(TargetAccount.hand_off_id))
    )
    return {row[0]: row[1] for row in rows if row[0] is not None}
