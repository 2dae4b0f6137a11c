"""The credit report as the API shows it."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import BaseModel


class CreditOut(BaseModel):
    """Hours that somebody earned by being at a session; `held_on` is the day there.

    `school` is where they work now. Names are null for who may not see staff.
    """

    staff: UUID
    sourced_id: str
    given_name: str | None
    family_name: str | None
    email: str | None
    school: str
    course: str
    title: str
    session: UUID
    held_on: date
    hours: float
