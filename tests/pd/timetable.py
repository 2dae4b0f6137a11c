"""Sessions straight into the tables, for tests of what only reads them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.db.pool import Database
from api.db.uow import WriteSession, writing
from api.pd.models import Course, Registration, Session

STARTS = datetime(2027, 3, 9, 15, tzinfo=UTC)


class Timetable:
    """Courses and sessions of a network; each session a day after the one before."""

    def __init__(self, database: Database, network_id: str) -> None:
        self.database, self.network_id = database, UUID(network_id)
        self._held = 0

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[WriteSession]:
        async with writing(self.database, "job:test") as session:
            yield session

    async def course(self, code: str = "basics", title: str = "Basics") -> UUID:
        now = clock.now()
        course = Course(
            network_id=self.network_id,
            code=code,
            title=title,
            hours=Decimal(2),
            required_share=Decimal(1),
            roles=["teacher"],
            created_at=now,
            updated_at=now,
        )
        async with self._writing() as session:
            session.add(course)
        return course.id

    async def session(self, course_id: UUID, **given: Any) -> UUID:
        """Two hours online, for ten."""
        now, starts = clock.now(), given.pop("starts_at", STARTS + timedelta(days=self._held))
        self._held += 1
        place = {"school_id", "site_id"} & given.keys()
        usual = {
            "online": not place,
            "starts_at": starts,
            "ends_at": starts + timedelta(hours=2),
            "timezone": "UTC",
            "starts_local": starts.replace(tzinfo=None),
            "ends_local": (starts + timedelta(hours=2)).replace(tzinfo=None),
            "hours": Decimal(2),
            "capacity": 10,
            "revised_at": now,
            "created_at": now,
            "updated_at": now,
        }
        made = Session(network_id=self.network_id, course_id=course_id, **{**usual, **given})
        async with self._writing() as session:
            session.add(made)
        return made.id

    async def change(self, session_id: UUID, **given: Any) -> None:
        """As a reschedule does: revised, with the next SEQUENCE."""
        async with self._writing() as session:
            found = await session.get_one(Session, session_id)
            for name, value in given.items():
                setattr(found, name, value)
            found.sequence += 1
            found.version += 1
            found.revised_at = clock.now()

    async def place(self, session_id: UUID, staff_id: str, status: str, **given: Any) -> None:
        """Somebody's registration, or its new status."""
        now = clock.now()
        async with self._writing() as session:
            held = await session.get_one(Session, session_id)
            found = await _registration(session, session_id, UUID(staff_id))
            if found is None:
                found = Registration(
                    session_id=session_id,
                    staff_id=UUID(staff_id),
                    network_id=self.network_id,
                    starts_at=held.starts_at,
                    ends_at=held.ends_at,
                    status=status,
                    entry=1,
                    entered_at=now,
                    created_at=now,
                    updated_at=now,
                )
                session.add(found)
            found.status = status
            for name, value in given.items():
                setattr(found, name, value)


async def _registration(
    session: WriteSession, session_id: UUID, staff_id: UUID
) -> Registration | None:
    statement = select(Registration).where(
        col(Registration.session_id) == session_id, col(Registration.staff_id) == staff_id
    )
    return (await session.scalars(statement)).one_or_none()
