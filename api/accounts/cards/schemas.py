"""Initial passwords and login cards as the API shows and takes them."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from api.accounts.account_schemas import Grade, grade_name
from api.accounts.cards.service import Card, Made
from api.http.strict import Strict


class PasswordsIn(Strict):
    """`renew` also replaces passwords that wait or were handed out."""

    grade: Grade | None = Field(None, description="Left out: every grade.")
    renew: bool = False


class PasswordsOut(BaseModel):
    """How many were made; `kept` students have one already. None works after `expires_at`."""

    made: int
    kept: int
    expires_at: datetime


class CardsIn(Strict):
    """`undelivered` hands out passwords too that no system was told."""

    grade: Grade | None = Field(None, description="Left out: every grade.")
    undelivered: bool = False


class CardOut(BaseModel):
    given_name: str
    family_name: str
    grade: Grade | None
    username: str | None
    email: str | None
    password: str


class CardsOut(BaseModel):
    """The cards of a school, by grade and name; they are answered once."""

    school: str
    cards: list[CardOut]


class CardCountsOut(BaseModel):
    """Of a school's active students: how many have a password `waiting` to be handed out, how
    many of those some system was told (`delivered`), who were `handed_out` theirs, whose
    `expired` before that, and who are `without` any.
    """

    school: str
    students: int
    waiting: int
    delivered: int
    handed_out: int
    expired: int
    without: int


def passwords_out(made: Made) -> PasswordsOut:
    return PasswordsOut(made=made.made, kept=made.kept, expires_at=made.expires_at)


def card_out(one: Card) -> CardOut:
    return CardOut(
        given_name=one.given_name,
        family_name=one.family_name,
        grade=grade_name(one.grade),
        username=one.username,
        email=one.email,
        password=one.password,
    )
