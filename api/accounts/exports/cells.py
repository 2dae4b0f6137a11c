"""Cells that several formats have, as SQL: PostgreSQL makes the lines, Python passes them on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    Text,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlmodel import col

from api.accounts.cards.models import InitialPassword
from api.accounts.cards.rules import FIRST_OWN_GRADE
from api.accounts.exports.form import Cell, Unfit
from api.accounts.models import Account
from api.accounts.rules import AccountStatus
from api.schools.models import Network, School

# Lists of the states (CEDS) and School Data Sync: from PK (-1) to grade 12.
CODED = ("PK", "KG", *(f"{grade:02}" for grade in range(1, 13)))
_FIRST_GRADE = -1
_GOOGLE_ADDRESS = "^[A-Za-z0-9_'-]+(\\.[A-Za-z0-9_'-]+)*@[A-Za-z0-9.-]+$"
_LONGEST_GOOGLE_NAME = 60
_LAST_GRADE = 12

SOURCED_ID = col(Account.sourced_id)
GIVEN, FAMILY = col(Account.given_name), col(Account.family_name)
USERNAME, EMAIL = col(Account.username), col(Account.email)
GRADE = col(Account.grade)
SCHOOL_NAME = col(School.name)
# By the first of these an import finds a school again, whatever system the file went through.
SCHOOL_ID: ColumnElement[str] = func.coalesce(col(School.sourced_id), col(School.code))
NETWORK_NAME = col(Network.name)


def fixed(text: str) -> ColumnElement[str]:
    """The same in every row."""
    return literal(text, Text())


def district_id() -> ColumnElement[str]:
    """The network's code; with something before it where a school of it is called the same.

    Where districts and schools are in one file no two of them may have one id.
    """
    other = aliased(School)
    called = func.coalesce(col(other.sourced_id), col(other.code)) == col(Network.code)
    same = select(1).where(col(other.network_id) == col(Network.id), called).exists()
    return case((same, fixed("district-") + col(Network.code)), else_=col(Network.code))


def graded(words: Sequence[str]) -> ColumnElement[str]:
    """The word for the student's grade; `words` are those from PK to 12."""
    listed = literal_column(f"('{{{','.join(words)}}}'::text[])", ARRAY(Text))
    return listed[GRADE - _FIRST_GRADE + 1]


def graduation_year(first_year: int) -> ColumnElement[int | None]:
    """The year in which the student leaves grade 12, where those in it now leave in `first_year`.

    Null where the grade is not known.
    """
    return first_year + _LAST_GRADE - GRADE


def address(domain: str | None) -> ColumnElement[str]:
    """The name to sign in with where names are addresses.

    The email; else the username where it is an address or `domain` makes it one; else null.
    """
    own = case((USERNAME.contains("@"), USERNAME))
    made = USERNAME + literal(f"@{domain}", Text()) if domain else None
    return func.coalesce(EMAIL, own, *(() if made is None else (made,)))


def is_active() -> ColumnElement[bool]:
    return col(Account.status) == AccountStatus.active


def must_change() -> ColumnElement[bool]:
    """Whether the row has a password that its owner is old enough to replace at once."""
    old_enough = or_(GRADE.is_(None), GRADE >= FIRST_OWN_GRADE)
    return col(InitialPassword.sealed).is_not(None) & old_enough


def placed(template: str, first_year: int) -> ColumnElement[str]:
    """An organisational unit: the template with what it names of the student put in."""
    made: ColumnElement[str] = literal(template, Text())
    known: dict[str, Cell] = {
        "{school}": col(School.code),
        "{grade}": func.coalesce(graded(CODED), fixed("none")),
        "{grad_year}": func.coalesce(cast(graduation_year(first_year), Text), fixed("none")),
    }
    for placeholder, value in known.items():
        if placeholder in template:
            made = func.replace(made, placeholder, value, type_=Text())
    return made


def without_username() -> Unfit:
    return Unfit("no-username", "has no username", USERNAME.is_(None))


def without_address(where: ColumnElement[str]) -> Unfit:
    return Unfit(
        "no-address",
        "has no email, and no username that `domain` would make one of",
        where.is_(None),
    )


def malformed_address(
    where: ColumnElement[str], pattern: str, longest_domain: int | None = None
) -> Unfit:
    """`pattern` has no bounds, which PostgreSQL would spend most of the time on; none of ours has
    more than 64 characters before the sign.
    """
    wrong: ColumnElement[bool] = where.bool_op("!~")(pattern)
    if longest_domain is not None:
        wrong = or_(wrong, func.length(func.split_part(where, "@", 2)) > longest_domain)
    return Unfit("address-unfit", "has an address with what is refused there", wrong)


def unfit_ids(no_place_for: str, what: str) -> list[Unfit]:
    """Students and schools whose ids have one of these characters, or are not `what`."""
    found = (
        ("id-unfit", f"has a sourced id that is {what}", SOURCED_ID),
        ("school-unfit", f"has a school whose id is {what}", SCHOOL_ID),
    )
    return [Unfit(code, says, cell.bool_op("~")(no_place_for)) for code, says, cell in found]


def without(cell: ColumnElement[str], no_place_for: str) -> ColumnElement[bool]:
    return cell.bool_op("!~")(no_place_for)


def unfit_for_google(where: ColumnElement[str]) -> list[Unfit]:
    """What Google takes for no user (its help pages 33386 and 9193374), however it is sent."""
    return [
        without_address(where),
        malformed_address(where, _GOOGLE_ADDRESS),
        longer_names(_LONGEST_GOOGLE_NAME),
        Unfit("name-unfit", "has a name with < or >", _bracketed()),
    ]


def _bracketed() -> ColumnElement[bool]:
    return or_(*(name.contains(sign) for name in (GIVEN, FAMILY) for sign in "<>"))


def longer_names(longest: int) -> Unfit:
    too_long = or_(func.length(GIVEN) > longest, func.length(FAMILY) > longest)
    return Unfit("name-too-long", f"has a name of more than {longest} characters", too_long)
