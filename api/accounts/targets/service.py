"""Setting targets up, and what people do about their queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, delete, func, select, update
from sqlmodel import col

from api import clock
from api.accounts.models import Account
from api.accounts.progress import project
from api.accounts.targets.addresses import origin_of, url_fault
from api.accounts.targets.breaker import close
from api.accounts.targets.credentials import sealed_token
from api.accounts.targets.desire import CHANNEL, desire, want_gone
from api.accounts.targets.errors import DeletionsWait, TargetSlugTaken, kind_differs
from api.accounts.targets.models import Target, TargetAccount, TargetHandOff, TargetState
from api.accounts.targets.passwords import queue_waiting
from api.accounts.targets.rules import TAKES_PASSWORDS, Desired, TargetKind
from api.accounts.targets.schemas import TargetIn, TargetPatch
from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.errors import Invalid, field_error
from api.schools.queries import find_network, is_among
from api.schools.service import changed_fields, flush, locked, write_changes
from api.sealing import Sealer

__all__ = [
    "add_target",
    "ask_for_drift",
    "ask_to_sync",
    "change_target",
    "remove_target",
    "retry",
    "want_gone",
]


# What schools' tasks say of a target: whether it counts, and when it will have everybody.
_FORECAST = frozenset({"required", "paused", "dry_run", "rate_per_minute"})


def _invalid(pointer: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, errors=[field_error(pointer, code, detail)])


async def add_target(
    session: WriteSession, caller: Caller, sealer: Sealer, given: TargetIn, *, may_be_private: bool
) -> Target:
    """A target; every active account of its network waits for it from now on.

    Raises: NetworkNotFound; Forbidden for a caller limited to schools; TargetSlugTaken; Invalid.
    """
    caller.require_whole_networks()
    network = await find_network(session, caller, given.network)
    caller.require_network(network.id)
    _check(given.kind, given.base_url, given.token is not None, may_be_private=may_be_private)
    _check_passwords(given.kind, given.sends_passwords)
    now = clock.now()
    values = given.model_dump(exclude={"network", "token"})
    target = Target(network_id=network.id, created_at=now, updated_at=now, **values)
    token = None if given.token is None else given.token.get_secret_value()
    target.sealed = sealed_token(sealer, target.id, token)
    session.add(target)
    taken = TargetSlugTaken(f"Another target of {network.code} is called {given.slug}.")
    await flush(session, {"uq_targets_network_id_slug": taken})
    session.add(TargetState(target_id=target.id))
    await session.flush()
    await desire(session, network.id, targets=[target.id])
    if target.sends_passwords:
        await queue_waiting(session, target)
    if target.required:
        await _project_network(session, network.id)
    return target


def _check(kind: TargetKind, url: str | None, has_token: bool, *, may_be_private: bool) -> None:
    if kind is TargetKind.csv:
        if url is not None or has_token:
            detail = "A target of kind csv is handed files by people: no address, no token."
            raise _invalid("/base_url", "not-used", detail)
        return
    if url is None:
        raise _invalid("/base_url", "missing", "Give the address of the target's SCIM service.")
    fault = url_fault(url, may_be_private=may_be_private)
    if fault is not None:
        raise _invalid("/base_url", "address-refused", fault)


def _check_passwords(kind: TargetKind, sends: bool) -> None:
    if sends and kind not in TAKES_PASSWORDS:
        detail = (
            f"A target of kind {kind} cannot be sent initial passwords; an export with"
            " `passwords=true` hands them to its people."
        )
        raise _invalid("/sends_passwords", "not-of-kind", detail)


async def change_target(
    session: WriteSession,
    sealer: Sealer,
    target: Target,
    patch: TargetPatch,
    *,
    may_be_private: bool,
) -> Target:
    """Raises: PreconditionFailed when it changed since it was read; Invalid."""
    given = patch.changes()
    has_new_token = "token" in given
    token = given.pop("token", None)
    _check_passwords(TargetKind(target.kind), given.get("sends_passwords", False))
    if has_new_token or "base_url" in given:
        url = given.get("base_url", target.base_url)
        _check(TargetKind(target.kind), url, token is not None, may_be_private=may_be_private)
        _require_token_for(target, url, has_new_token=has_new_token)
    target = await locked(session, target, target.id)
    changes: dict[str, Any] = changed_fields(target, given)
    if has_new_token:
        secret = None if token is None else token.get_secret_value()
        changes["sealed"] = sealed_token(sealer, target.id, secret)
    if not changes:
        return target
    write_changes(target, changes)
    await session.flush()
    if changes.keys() & {"sealed", "base_url"}:
        await close(session, target.id)
    if "base_url" in changes:
        await _forget_offers(session, target.id)
    if changes.get("sends_passwords"):
        await queue_waiting(session, target)
    if changes.keys() & _FORECAST and (target.required or "required" in changes):
        await _project_network(session, target.network_id)
    await _wake(session)
    return target


async def remove_target(session: WriteSession, target: Target, *, abandons: bool) -> None:
    """Forget a target with its queue and its files. Its accounts stay there as they are, and what
    was disclosed to it stays recorded.

    Raises: PreconditionFailed when it changed since it was read; DeletionsWait where erased
    students have yet to be deleted there, unless they are abandoned.
    """
    target = await locked(session, target, target.id)
    if not abandons:
        await _require_no_deletions(session, target)
    # Rows before the target: whoever adds rows meanwhile has locked those, and needs that.
    for table in (TargetAccount, TargetHandOff):
        await session.execute(delete(table).where(col(table.target_id) == target.id))
    await session.execute(delete(Target).where(col(Target.id) == target.id))
    if target.required:
        await _project_network(session, target.network_id)


async def _require_no_deletions(session: WriteSession, target: Target) -> None:
    rows = col(TargetAccount.target_id) == target.id
    wanted = rows & (col(TargetAccount.desired) == Desired.deleted)
    waiting = await session.scalar(select(func.count()).select_from(TargetAccount).where(wanted))
    if waiting:
        raise DeletionsWait(
            f"{target.slug} has yet to delete {waiting:,} who were erased here. Let it, or have its"
            " own people delete them and send `abandon=true`."
        )


def _require_token_for(target: Target, url: str | None, *, has_new_token: bool) -> None:
    """A stored token goes only where it was given for. Raises: Invalid."""
    if target.sealed is None or has_new_token or url is None or target.base_url is None:
        return
    if origin_of(url) != origin_of(target.base_url):
        detail = "Give the token again: one that was given for another server is not sent there."
        raise _invalid("/token", "missing", detail)


async def _forget_offers(session: WriteSession, target_id: UUID) -> None:
    await session.execute(
        update(TargetState).where(col(TargetState.target_id) == target_id).values(offers=None)
    )


async def _project_network(session: WriteSession, network_id: UUID) -> None:
    """What counts as done is another thing from now on, at every school with accounts."""
    schools = select(col(Account.school_id)).where(col(Account.network_id) == network_id)
    await project(session, list(await session.scalars(schools.distinct())))


async def ask_to_sync(session: WriteSession, target: Target) -> None:
    """Have what waits tried now, whatever pause it is in; in a dry run, have the target read.

    Raises: TargetKindDiffers for one that is handed files.
    """
    _require_pushed(target, "its accounts are handed off as a file; it is not called.")
    await close(session, target.id)
    now = clock.now()
    await session.execute(
        update(TargetAccount)
        .where(
            col(TargetAccount.target_id) == target.id,
            col(TargetAccount.next_try_at) > now,
            col(TargetAccount.lease_id).is_(None),
        )
        .values(next_try_at=now)
    )
    if target.dry_run:
        await ask_for_drift(session, target)
    await _wake(session)


async def ask_for_drift(session: WriteSession, target: Target) -> None:
    """Have the target read back. Raises: TargetKindDiffers for one that is handed files."""
    _require_pushed(target, "nothing can be read back of a target that is handed files.")
    await session.execute(
        update(TargetState)
        .where(col(TargetState.target_id) == target.id)
        .values(drift_asked_at=clock.now())
    )
    await _wake(session)


async def retry(session: WriteSession, target: Target, account_ids: Sequence[UUID] | None) -> int:
    """Try dead rows again, all or those of these accounts; how many that are."""
    statement = (
        update(TargetAccount)
        .where(col(TargetAccount.target_id) == target.id, col(TargetAccount.dead_at).is_not(None))
        .values(dead_at=None, attempts=0, next_try_at=clock.now())
        .returning(col(TargetAccount.account_id))
    )
    if account_ids is not None:
        statement = statement.where(is_among(col(TargetAccount.account_id), account_ids, Uuid()))
    tried = len((await session.execute(statement)).all())
    await _wake(session)
    return tried


def _require_pushed(target: Target, sentence: str) -> None:
    if target.kind == TargetKind.csv:
        raise kind_differs(target.slug, sentence)


async def _wake(session: WriteSession) -> None:
    connection = await session.psycopg()
    await connection.execute("SELECT pg_notify(%s, '')", (CHANNEL,))
