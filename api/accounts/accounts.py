"""One account changed by a person, whose word then stands against what the source said before."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlmodel import col

from api.accounts.account_errors import StudentErased, UsernameBurnt, UsernameTaken
from api.accounts.account_schemas import AccountPatch, grade_number
from api.accounts.burning import burn, name_digest, owner_digest
from api.accounts.models import Account, BurntUsername, Erasure
from api.accounts.progress import project
from api.accounts.targets.desire import desire
from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.schools.edits import with_edits
from api.schools.errors import SourcedIdTaken, invalid
from api.schools.queries import find_school
from api.schools.service import changed_fields, flush, locked, require_open, write_changes

_COUNTED = frozenset({"school_id", "status"})


async def change_account(
    session: WriteSession, caller: Caller, account: Account, patch: AccountPatch, secret: bytes
) -> Account:
    """Change what a source says of a student; `secret` is what names are burnt with.

    Raises: PreconditionFailed when it changed since `account` was read; SchoolNotFound;
    SchoolArchived; Invalid for a school of another network; UsernameTaken; UsernameBurnt.
    """
    given = await _as_columns(session, caller, account, patch)
    left = account.school_id
    if given.keys() & _COUNTED:
        # The gate comes before the row, as for every writer, or two of them could deadlock.
        await session.touch_schools({left, given.get("school_id", left)})
    account = await locked(session, account, account.id)
    changes = changed_fields(account, given)
    if not changes:
        return account
    if "username" in changes:
        await _rename(session, account, changes["username"], secret)
    edits = with_edits(account, changes, caller.actor)
    if "status" in changes:
        changes["missing_since"] = None
    changes["edits"] = edits
    write_changes(account, changes)
    taken = UsernameTaken("Another student of the network has this username; choose another.")
    await flush(session, {"uq_accounts_network_id_username": taken})
    await desire(session, account.network_id, ids=[account.id])
    if changes.keys() & _COUNTED:
        await project(session, {left, account.school_id})
    return account


async def _as_columns(
    session: WriteSession, caller: Caller, account: Account, patch: AccountPatch
) -> dict[str, Any]:
    given = patch.changes()
    if "grade" in given:
        given["grade"] = grade_number(given["grade"])
    if "school" in given:
        school = await find_school(session, caller, given.pop("school"))
        if school.network_id != account.network_id:
            detail = "A student can only move within their network."
            raise invalid("/school", "network-differs", detail)
        require_open(school)
        given["school_id"] = school.id
    return given


async def _rename(session: WriteSession, account: Account, username: str, secret: bytes) -> None:
    """Keep others from the name that is given up. Raises: UsernameBurnt."""
    before = account.username
    if before is not None and before.lower() == username.lower():
        return
    found = await session.get(BurntUsername, (account.network_id, name_digest(secret, username)))
    owner = owner_digest(secret, account.source_id, account.sourced_id)
    if found is not None and found.owner != owner:
        raise UsernameBurnt(
            "Another student of the network had this username once, and their mail and files may"
            " still be there; choose another."
        )
    if before is not None:
        await burn(
            session, secret, account.network_id, account.source_id, account.sourced_id, before
        )


async def rekey(session: WriteSession, account: Account, sourced_id: str, secret: bytes) -> Account:
    """Let the source call the same student by another id from now on.

    Without it the new id would be a second person, with a second username.
    Raises: PreconditionFailed; SourcedIdTaken; StudentErased.
    """
    account = await locked(session, account, account.id)
    before = account.sourced_id
    if before == sourced_id:
        return account
    await _require_not_erased(session, owner_digest(secret, account.source_id, sourced_id), account)
    write_changes(account, {"sourced_id": sourced_id})
    taken = SourcedIdTaken(
        f"Another account of this source has the sourced id {sourced_id}. Where a roster made it"
        " of the same student, undo that import first."
    )
    await flush(session, {"uq_accounts_source_id_sourced_id": taken})
    # What they were called once stays theirs, and nobody else's.
    await session.execute(
        update(BurntUsername)
        .where(
            col(BurntUsername.network_id) == account.network_id,
            col(BurntUsername.owner) == owner_digest(secret, account.source_id, before),
        )
        .values(owner=owner_digest(secret, account.source_id, sourced_id))
    )
    await desire(session, account.network_id, ids=[account.id])
    return account


async def _require_not_erased(session: WriteSession, digest: bytes, account: Account) -> None:
    erased = select(col(Erasure.id)).where(
        col(Erasure.source_id) == account.source_id,
        col(Erasure.digest) == digest,
        col(Erasure.lifted_at).is_(None),
    )
    found = (await session.scalars(erased)).one_or_none()
    if found is not None:
        raise StudentErased(
            f"The student of this id was erased; lift the erasure {found} first.",
            erasure_id=str(found),
        )
