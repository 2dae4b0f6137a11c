"""What a format is: its files, their columns, its limits, and what it cannot hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped

from api.accounts.rules import AccountStatus

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
DOMAIN = rf"^{_LABEL}(\.{_LABEL})+$"
ORG_UNIT = r"^/[^{}\x00-\x1f]*(\{(school|grade|grad_year)\}[^{}\x00-\x1f]*)*$"
# An expression over an account and its school, or null: the column is there and stays empty.
Cell = ColumnElement[Any] | Mapped[Any] | None


class ExportFormat(StrEnum):
    google = "google"
    microsoft = "microsoft"
    sds = "sds"
    clever = "clever"
    apple = "apple"
    oneroster = "oneroster"
    gam = "gam"


class Audience(StrEnum):
    """`machine`: each cell exactly; `people`: nothing that a spreadsheet takes for a formula."""

    machine = "machine"
    people = "people"


class OnUnfit(StrEnum):
    """What to do about an account that the format cannot hold."""

    refuse = "refuse"
    skip = "skip"


class Written(StrEnum):
    """How lines are written for a machine: as RFC 4180 has it, or as Apple's templates ask.

    For people it is always the former, which is what spreadsheets read.
    """

    rfc4180 = "rfc4180"
    apple = "apple"


class Of(StrEnum):
    """What a row of a file is of; `nothing`: the file is there and has only its header."""

    account = "account"
    school = "school"
    network = "network"
    nothing = "nothing"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked of the cells; null where nothing was.

    `domain` completes usernames to addresses, `org_unit` is a template with `{school}`, `{grade}`
    and `{grad_year}`, `first_year` the year in which grade 12 of this school year leaves.
    """

    domain: str | None = None
    org_unit: str | None = None
    passwords: bool = False
    first_year: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """One file. `columns` are its header in order; rows of another kind may follow (`then`).

    `lines` are rows that are always the same. `reveals` names the column in which a password
    stands, and `instead` what does without one.
    """

    name: str
    of: Of
    columns: Mapping[str, Cell]
    then: tuple[Of, Mapping[str, Cell]] | None = None
    lines: Sequence[Sequence[str]] = ()
    reveals: str | None = None
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class Unfit:
    """Accounts that the format cannot hold: a stable code, what is wrong with them, and which."""

    code: str
    sentence: str
    when: ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Form:
    """A format, made for one export.

    `fields` are what it says of a student, as disclosures name them. A form of one sheet is a
    CSV, split where `most_rows` or `most_bytes` is reached; one of several is a zip. `keyed`:
    students are told apart by their sourced id, so two sources may not share one. `named` is the
    address by which others are, whatever the case of its letters. `judges_schools`: whether what
    is unfit looks at the school; `lists_schools` says of which a file may tell, if not of all.
    """

    sheets: Sequence[Sheet]
    fields: Sequence[str]
    recipient: str | None
    unfit: Sequence[Unfit] = ()
    most_rows: int | None = None
    most_bytes: int | None = None
    keyed: bool = False
    named: ColumnElement[str] | None = None
    judges_schools: bool = False
    lists_schools: ColumnElement[bool] | None = None
    written: Written = Written.rfc4180
    statuses: frozenset[AccountStatus] = frozenset({AccountStatus.active})


def filled(header: str, known: Mapping[str, Cell]) -> dict[str, Cell]:
    """The columns of a header as it is published, separated by commas; those not known empty."""
    names = header.split(",")
    assert known.keys() <= set(names)
    return {name: known.get(name) for name in names}


@dataclass(frozen=True, slots=True)
class Format:
    """How a form is made, and which wishes it can fulfil."""

    make: Callable[[Wishes], Form]
    takes: frozenset[str] = frozenset()
