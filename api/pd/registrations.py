"""Registering people for a session, one or a thousand: a seat, a place in the waitlist, or why not.

Whoever comes takes a number while the session is held, so seats and places go by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Uuid, select, text
from sqlmodel import col

from api import clock
from api.auth.caller import Caller, visible
from api.db.columns import new_id
from api.db.uow import ReadSession, WriteSession
from api.errors import FirstBellError
from api.pd.checking import Checked, prepare_check, warnings_out
from api.pd.collisions import collisions_of
from api.pd.errors import (
    AttendanceRecorded,
    NothingOffered,
    OfferExpired,
    RegistrationNotFound,
    SessionStarted,
    StaffInactive,
    double_booked,
    rule_refused,
)
from api.pd.holding import hold_session, nowhere_twice, require_open, require_to_come
from api.pd.models import Registration, Session
from api.pd.network_rules import read_settings
from api.pd.progress import project
from api.pd.registration_schemas import PlaceOut
from api.pd.rules import PRESENT, RegistrationStatus
from api.pd.soft_rules import Warned, blocked
from api.pd.waitlist import fill_seats, positions_in, schools_of
from api.schools.errors import StaffNotFound
from api.schools.models import Staff
from api.schools.queries import is_among

# One statement for a thousand people; who was here before has their row written anew.
_WRITE = text("""
INSERT INTO pd_registrations AS r (id, session_id, network_id, staff_id, starts_at, ends_at, status,
  entry, entered_at, walk_in, called_off, to_confirm, version, created_at, updated_at)
SELECT n.id, CAST(:session AS uuid), CAST(:network AS uuid), n.staff_id,
  CAST(:starts_at AS timestamptz), CAST(:ends_at AS timestamptz), n.status, n.entry,
  CAST(:now AS timestamptz), false, false, false, 1, CAST(:now AS timestamptz),
  CAST(:now AS timestamptz)
FROM unnest(CAST(:ids AS uuid[]), CAST(:people AS uuid[]), CAST(:statuses AS text[]),
  CAST(:entries AS int[])) AS n(id, staff_id, status, entry)
ON CONFLICT (session_id, staff_id) DO UPDATE SET status = excluded.status, entry = excluded.entry,
  entered_at = excluded.entered_at, offer_expires_at = NULL, hours = NULL, walk_in = false,
  called_off = false, to_confirm = false, version = r.version + 1, updated_at = excluded.updated_at
""")
_KEPT = frozenset({*PRESENT, RegistrationStatus.offered, RegistrationStatus.waitlisted})


class Outcome(NamedTuple):
    """What came of one person: their place, or why they have none."""

    staff_id: UUID
    place: PlaceOut | None
    refused: FirstBellError | None = None


class _Entry(NamedTuple):
    staff_id: UUID
    status: RegistrationStatus
    entry: int


@dataclass(slots=True)
class _Seating:
    """Hands out numbers and seats, in the order in which people came."""

    held: Session
    now: datetime
    free: int
    entries: list[_Entry] = field(default_factory=list)
    warned: dict[UUID, list[Warned]] = field(default_factory=dict)

    def take(self, person: Staff, warned: list[Warned]) -> bool:
        """Give somebody a number, and a seat if there is one; whether there was."""
        self.held.last_entry += 1
        seated = self.free > 0
        self.free -= seated
        status = RegistrationStatus.registered if seated else RegistrationStatus.waitlisted
        self.entries.append(_Entry(person.id, status, self.held.last_entry))
        self.warned[person.id] = warned
        return seated


async def register(
    session: WriteSession, caller: Caller, session_id: UUID, staff_ids: Sequence[UUID]
) -> list[Outcome]:
    """Register people in the order given; each is answered, and none stops the others.

    Who is registered, waits or is offered a seat already stays as they are.
    Raises: SessionNotFound; SessionClosed; SessionStarted.
    """
    now = clock.now()
    held = await hold_session(session, caller, session_id)
    require_to_come(held, now)
    people = await _people(session, caller, held, staff_ids)
    known = await _known(session, held.id, people)
    settings = await read_settings(session, held.network_id)
    checked = await prepare_check(session, held, people.values(), settings)
    seating = _Seating(held, now, held.capacity - held.seats_taken)
    refused: dict[UUID, FirstBellError] = {}
    for staff_id in dict.fromkeys(staff_ids):
        if staff_id in known and known[staff_id].status in _KEPT:
            if known[staff_id].status == RegistrationStatus.trains:
                refused[staff_id] = _trains(held)
            continue
        fault = _one(seating, checked, people.get(staff_id))
        if fault is not None:
            refused[staff_id] = fault
    await _write(session, seating)
    seated = [one.staff_id for one in seating.entries if one.status in PRESENT]
    await project(session, {people[staff_id].school_id for staff_id in seated})
    places = await _places(session, held, known, seating)
    return [
        Outcome(one, None, refused[one]) if one in refused else Outcome(one, places[one])
        for one in staff_ids
    ]


def _one(seating: _Seating, checked: Checked, person: Staff | None) -> FirstBellError | None:
    """Take somebody in, or say why not."""
    if person is None:
        return StaffNotFound("There is no such person on the network's staff for you to register.")
    if not person.active:
        return StaffInactive("This person has left, so they cannot be registered.")
    held, going = seating.held, checked.going(person)
    stays = checked.stays.get(person.id, ())
    collisions = collisions_of(stays, held.starts_at, held.ends_at)
    # Who waits is nowhere yet: only a seat needs the time to be free.
    if collisions and seating.free > 0:
        return double_booked(collisions)
    warned = checked.checker.ask(going)
    if blocked(warned):
        shown = warnings_out(blocked(warned))
        return rule_refused([one.model_dump(mode="json") for one in shown])
    if seating.take(person, warned):
        checked.checker.send(going)
    return None


def _trains(held: Session) -> FirstBellError:
    return double_booked(
        [
            {
                "what": "person",
                "session": held.id,
                "course": "this session as its trainer",
                "starts_at": held.starts_at,
                "ends_at": held.ends_at,
                "when": f"{held.starts_local:%d %B %Y %H:%M}",
            }
        ]
    )


async def _people(
    session: ReadSession, caller: Caller, held: Session, staff_ids: Sequence[UUID]
) -> dict[UUID, Staff]:
    found = await session.scalars(
        select(Staff).where(
            is_among(col(Staff.id), set(staff_ids), Uuid()),
            col(Staff.network_id) == held.network_id,
            visible(caller, col(Staff.network_id), col(Staff.school_id)),
        )
    )
    return {person.id: person for person in found}


async def _known(
    session: ReadSession, session_id: UUID, staff_ids: Mapping[UUID, Staff]
) -> dict[UUID, Registration]:
    found = await session.scalars(
        select(Registration).where(
            col(Registration.session_id) == session_id,
            is_among(col(Registration.staff_id), staff_ids, Uuid()),
        )
    )
    return {one.staff_id: one for one in found}


async def _write(session: WriteSession, seating: _Seating) -> None:
    await session.flush()
    held, entries = seating.held, seating.entries
    if not entries:
        return
    with nowhere_twice():
        await session.execute(
            _WRITE,
            {
                "session": held.id,
                "network": held.network_id,
                "starts_at": held.starts_at,
                "ends_at": held.ends_at,
                "now": seating.now,
                "ids": [new_id() for _ in entries],
                "people": [one.staff_id for one in entries],
                "statuses": [one.status.value for one in entries],
                "entries": [one.entry for one in entries],
            },
        )


async def _places(
    session: ReadSession,
    held: Session,
    known: Mapping[UUID, Registration],
    seating: _Seating,
) -> dict[UUID, PlaceOut]:
    """The place of everybody who has one now."""
    standing = {
        one.staff_id: (one.status, one.offer_expires_at, one.to_confirm) for one in known.values()
    }
    standing |= {one.staff_id: (one.status, None, False) for one in seating.entries}
    waits = any(status == RegistrationStatus.waitlisted for status, *_ in standing.values())
    positions = await positions_in(session, held.id) if waits else {}
    return {
        staff_id: PlaceOut(
            staff=staff_id,
            status=RegistrationStatus(status),
            position=positions.get(staff_id),
            offer_expires_at=expires,
            to_confirm=to_confirm,
            warnings=warnings_out(seating.warned.get(staff_id, ())),
        )
        for staff_id, (status, expires, to_confirm) in standing.items()
    }


async def find_registration(
    session: ReadSession, caller: Caller, held: Session, staff_id: UUID
) -> tuple[Registration, Staff]:
    """Somebody's registration as it is now, and who it is.

    Raises: StaffNotFound; RegistrationNotFound.
    """
    person = (await _people(session, caller, held, [staff_id])).get(staff_id)
    if person is None:
        raise StaffNotFound("There is no such person on the network's staff, or not for you.")
    known = await _known(session, held.id, {staff_id: person})
    if staff_id not in known or known[staff_id].status == RegistrationStatus.trains:
        raise RegistrationNotFound("This person is not registered for this session.")
    return known[staff_id], person


async def withdraw(session: WriteSession, caller: Caller, session_id: UUID, staff_id: UUID) -> None:
    """Take somebody out of a session or off its waitlist; the seat goes to who waits.

    Again, it changes nothing. Raises: SessionNotFound; SessionClosed; StaffNotFound;
    RegistrationNotFound; AttendanceRecorded; SessionStarted, since then it is a no-show.
    """
    held = await hold_session(session, caller, session_id)
    require_open(held)
    found, person = await find_registration(session, caller, held, staff_id)
    if found.status == RegistrationStatus.cancelled:
        return
    if found.status not in _KEPT:
        raise AttendanceRecorded("Attendance is recorded for this person; correct it there.")
    if held.starts_at <= clock.now():
        raise SessionStarted("The session has started; record a no-show as its attendance.")
    _set(found, RegistrationStatus.cancelled)
    await session.flush()
    settings = await read_settings(session, held.network_id)
    seated = await fill_seats(session, held, settings)
    await project(session, {person.school_id, *await schools_of(session, seated)})


async def accept_offer(
    session: WriteSession, caller: Caller, session_id: UUID, staff_id: UUID
) -> PlaceOut:
    """Take the seat that is kept for somebody, or say that they come to where and when the session
    moved. Again, it answers the same.

    Raises: SessionNotFound; SessionClosed; StaffNotFound; RegistrationNotFound; NothingOffered;
    OfferExpired; DoubleBooked; RuleRefused.
    """
    now = clock.now()
    held = await hold_session(session, caller, session_id)
    require_open(held)
    found, person = await find_registration(session, caller, held, staff_id)
    if found.status == RegistrationStatus.registered:
        if found.to_confirm:
            _set(found, RegistrationStatus.registered)
        return PlaceOut(staff=staff_id, status=RegistrationStatus.registered)
    if found.status != RegistrationStatus.offered or found.offer_expires_at is None:
        raise NothingOffered("No seat is offered to this person; register them to wait for one.")
    if found.offer_expires_at <= now:
        raise OfferExpired(
            "The offer has expired and the seat goes to the next; register to wait anew.",
            expired_at=found.offer_expires_at.isoformat(),
        )
    warned = await _may_go(session, held, person)
    _set(found, RegistrationStatus.registered)
    with nowhere_twice():
        await session.flush()
    await project(session, [person.school_id])
    return PlaceOut(
        staff=staff_id, status=RegistrationStatus.registered, warnings=warnings_out(warned)
    )


async def _may_go(session: ReadSession, held: Session, person: Staff) -> list[Warned]:
    """Raises: DoubleBooked; RuleRefused."""
    settings = await read_settings(session, held.network_id)
    checked = await prepare_check(session, held, [person], settings)
    stays = checked.stays.get(person.id, ())
    collisions = collisions_of(stays, held.starts_at, held.ends_at)
    if collisions:
        raise double_booked(collisions)
    warned = checked.checker.ask(checked.going(person))
    if blocked(warned):
        shown = warnings_out(blocked(warned))
        raise rule_refused([one.model_dump(mode="json") for one in shown])
    return warned


def _set(found: Registration, status: RegistrationStatus) -> None:
    found.status, found.offer_expires_at, found.to_confirm = status, None, False
    found.version += 1
    found.updated_at = clock.now()
