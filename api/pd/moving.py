"""A session changed by a patch: another time or place for all who come, or for nobody."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update
from sqlmodel import col

from api.auth.caller import Caller
from api.db.uow import WriteSession
from api.pd.checking import warnings_out
from api.pd.errors import SeatsTaken, invalid
from api.pd.holding import nowhere_twice, require_open
from api.pd.models import Registration, Session
from api.pd.network_rules import read_settings
from api.pd.notices import everybody_in, tell
from api.pd.places import Place, find_place, require_planner
from api.pd.progress import project
from api.pd.rules import NoticeKind, RegistrationStatus
from api.pd.schemas import SessionPatch, WarningOut
from api.pd.sessions import (
    check_occasion,
    comers_of,
    put_at,
    require_not_held,
    revise,
    times_of,
)
from api.pd.times import usual_hours
from api.pd.waitlist import fill_seats, schools_of, shorten_offers
from api.schools.service import locked

_TIMES = ("starts_at", "ends_at", "timezone", "starts_local", "ends_local")
_PLACE = ("school_id", "site_id", "online", "room", "room_key")
# In another room of the same place nobody has to think again.
_TO_CONFIRM = frozenset({"starts_at", "ends_at", "school_id", "site_id", "online"})
_COUNTS = ("hours", "capacity", "minimum")


async def change_session(
    session: WriteSession, caller: Caller, held: Session, patch: SessionPatch
) -> list[WarningOut]:
    """Change a session; what the rules warn of where it moved.

    A move is all or nothing: if somebody or something cannot be there, nothing changes and the
    refusal names each. Who comes, waits or trains is told, and who comes keeps their seat and is
    asked to confirm. More seats go to who waits.
    Raises: PreconditionFailed; SessionClosed; Forbidden; AttendanceRecorded for a move of what
    was held; DoubleBooked; RuleRefused; SeatsTaken; Invalid.
    """
    require_planner(caller, held)
    held = await locked(session, held, held.id)
    require_open(held)
    before = _state(held)
    place = await _new_place(session, caller, held, patch)
    _set_times(held, patch)
    _set_place(held, patch, place)
    _set_counts(held, patch)
    changed = [name for name, value in _state(held).items() if value != before[name]]
    if not changed:
        return []
    moved = bool({*_TIMES, *_PLACE} & set(changed))
    if moved:
        await require_not_held(session, held)
    settings = await read_settings(session, held.network_id)
    comers = await comers_of(session, held)
    warned = await check_occasion(session, held, settings, comers) if moved else []
    revise(held, moved=moved)
    with nowhere_twice():
        await session.flush()
    if moved:
        await shorten_offers(session, held)
        details = {name: [_plain(before[name]), _plain(getattr(held, name))] for name in changed}
        people = await everybody_in(session, held)
        await tell(session, held, NoticeKind.rescheduled, people, details)
        if _TO_CONFIRM & set(changed):
            await _ask_to_confirm(session, held)
    seated = await fill_seats(session, held, settings)
    schools = {person.school_id for person in comers} if moved or "hours" in changed else set()
    await project(session, schools | await schools_of(session, seated))
    return warnings_out(warned)


async def _ask_to_confirm(session: WriteSession, held: Session) -> None:
    await session.execute(
        update(Registration)
        .where(
            col(Registration.session_id) == held.id,
            col(Registration.status) == RegistrationStatus.registered,
        )
        .values(to_confirm=True, version=col(Registration.version) + 1, updated_at=held.revised_at)
        .execution_options(synchronize_session=False)
    )


def _state(held: Session) -> dict[str, Any]:
    return {name: getattr(held, name) for name in (*_TIMES, *_PLACE, *_COUNTS)}


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | None) else str(value)


async def _new_place(
    session: WriteSession, caller: Caller, held: Session, patch: SessionPatch
) -> Place | None:
    """Raises: Invalid for more than one place; what `find_place` raises."""
    named = {"school", "site", "online"} & patch.model_fields_set
    if not named:
        return None
    if len(named) > 1:
        raise invalid(f"/{max(named)}", "place", "Say one of school, site, and online.")
    network = str(held.network_id)
    return await find_place(session, caller, network=network, school=patch.school, site=patch.site)


def _set_times(held: Session, patch: SessionPatch) -> None:
    """What is not said stays as the clock on the wall showed it, in the zone that holds now."""
    if not {"starts_at", "ends_at", "timezone"} & patch.model_fields_set:
        return
    timezone = patch.timezone or held.timezone
    same_zone = timezone == held.timezone
    starts = patch.starts_at or (held.starts_at if same_zone else held.starts_local)
    ends = patch.ends_at or (held.ends_at if same_zone else held.ends_local)
    times = times_of(starts, ends, timezone)
    usual = held.hours == usual_hours(_known_times(held))
    for name, value in times._asdict().items():
        setattr(held, name, value)
    if usual:
        held.hours = usual_hours(times)


def _known_times(held: Session) -> Any:
    return times_of(held.starts_at, held.ends_at, held.timezone)


def _set_place(held: Session, patch: SessionPatch, place: Place | None) -> None:
    """A room stays at its place: who moves the session names the new one's."""
    if place is not None:
        put_at(held, place, patch.room)
    elif "room" in patch.model_fields_set:
        here = Place(held.network_id, held.school_id, held.site_id, held.timezone)
        if held.online and patch.room is not None:
            raise invalid("/room", "place", "An online session is in no room.")
        put_at(held, here, patch.room)
    if held.online and held.room is not None:
        raise invalid("/room", "place", "An online session is in no room.")


def _set_counts(held: Session, patch: SessionPatch) -> None:
    """Raises: SeatsTaken; Invalid for a minimum above the capacity."""
    given = patch.changes()
    for name in _COUNTS:
        if name in given:
            setattr(held, name, given[name])
    if held.capacity < held.seats_taken:
        raise SeatsTaken(
            f"{held.seats_taken} seats are taken; take people out before there are fewer.",
            seats_taken=held.seats_taken,
        )
    if held.minimum > held.capacity:
        raise invalid("/minimum", "minimum", "The minimum is above the capacity.")
