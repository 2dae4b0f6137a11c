"""Student accounts as the API shows and changes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, ClassVar, Literal, get_args
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.accounts.models import Account, Disclosure
from api.accounts.rules import AccountStatus
from api.accounts.username_rules import username_fault
from api.http.strict import PatchIn, Strict
from api.schools.schemas import Line, PersonId, SchoolRef

Grade = Literal["PK", "K", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]
# Grades are stored as numbers, from -1 for PK.
GRADES: tuple[Grade, ...] = get_args(Grade)
_FIRST_GRADE = -1


def _username(text: str) -> str:
    fault = username_fault(text)
    if fault is not None:
        raise PydanticCustomError("username-invalid", "{fault}", {"fault": fault})
    return text


Username = Annotated[str, AfterValidator(_username), Field(max_length=100)]
# As rosters have it: nothing with which some file or header separates addresses.
StudentEmail = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=255,
        pattern=r"^[^\s@,;:\"<>()\[\]\\]{1,64}@[^\s@,;:\"<>()\[\]\\]{1,190}$",
    ),
]


class AccountPatch(PatchIn):
    """A merge patch: what is left out stays; null clears where null is allowed.

    What a person changes stands until the source itself says something new. `school` moves
    within the network.
    """

    never_null: ClassVar[frozenset[str]] = frozenset(
        {"school", "given_name", "family_name", "username", "status"}
    )

    school: SchoolRef | None = None
    given_name: Line | None = None
    family_name: Line | None = None
    grade: Grade | None = None
    username: Username | None = None
    email: StudentEmail | None = None
    status: Literal["active", "suspended"] | None = None


class RekeyIn(Strict):
    """The id by which the source calls the same student from now on."""

    sourced_id: PersonId


def grade_number(grade: Grade | None) -> int | None:
    return None if grade is None else GRADES.index(grade) + _FIRST_GRADE


def grade_name(grade: int | None) -> Grade | None:
    return None if grade is None else GRADES[grade - _FIRST_GRADE]


class AccountOut(BaseModel):
    """`given_name`, `family_name`, `username` and `email` are null for who may not see names.

    `edited` names the fields that a person has changed and the source has not since.
    """

    id: UUID
    source: str
    sourced_id: str
    school: str
    given_name: str | None
    family_name: str | None
    grade: Grade | None
    username: str | None
    email: str | None
    status: AccountStatus
    missing_since: datetime | None
    edited: list[str]
    import_id: UUID | None
    version: int
    created_at: datetime
    updated_at: datetime


class DisclosureOut(BaseModel):
    """Who was shown students' names: how many students, which fields, what for.

    `school` is null for a reading across schools; `recipient` for what left to nobody else.
    """

    id: UUID
    at: datetime
    actor: str
    purpose: str
    network: str | None
    school: str | None
    fields: list[str]
    students: int
    recipient: str | None
    basis: str | None


def account_out(account: Account, source: str, school_code: str, *, sees_names: bool) -> AccountOut:
    def named(value: str | None) -> str | None:
        return value if sees_names else None

    return AccountOut(
        id=account.id,
        source=source,
        sourced_id=account.sourced_id,
        school=school_code,
        given_name=named(account.given_name),
        family_name=named(account.family_name),
        grade=grade_name(account.grade),
        username=named(account.username),
        email=named(account.email),
        status=AccountStatus(account.status),
        missing_since=account.missing_since,
        edited=sorted("school" if name == "school_id" else name for name in account.edits or {}),
        import_id=account.import_id,
        version=account.version,
        created_at=account.created_at,
        updated_at=account.updated_at,
    )


def disclosure_out(
    one: Disclosure, networks: Mapping[UUID, str], schools: Mapping[UUID, str]
) -> DisclosureOut:
    return DisclosureOut(
        id=one.id,
        at=one.at,
        actor=one.actor,
        purpose=one.purpose,
        network=networks.get(one.network_id) if one.network_id else None,
        school=schools.get(one.school_id) if one.school_id else None,
        fields=one.fields,
        students=one.students,
        recipient=one.recipient,
        basis=one.basis,
    )
