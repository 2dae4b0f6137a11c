"""What an import would do, decided before anything is written. Pure.

A row means the school with its code; without a code, or when nobody has it, the school with its
sourced id in the network; without either, the one school of that name in the network. A row that
means none is a new school.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api.schools.csv_table import Issue, shown
from api.schools.import_csv import Row
from api.schools.rules import CodeMaker, folded_name, normal_code

# What a row says of the school itself; the last three columns are its rollout's.
_UPDATABLE = ("name", "timezone", "sourced_id", "enrollment", "teacher_count")
# Here an empty cell says "not known"; elsewhere it says nothing.
_CLEARABLE = frozenset({"enrollment", "teacher_count"})


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    id: UUID
    code: str
    timezone: str


@dataclass(frozen=True, slots=True)
class KnownSchool:
    id: UUID
    network_id: UUID
    code: str
    sourced_id: str | None
    name: str
    timezone: str
    enrollment: int | None
    teacher_count: int | None
    archived: bool


@dataclass(frozen=True, slots=True)
class Creation:
    """A school to be made; the code may still have to be made from the name."""

    row: Row
    network: KnownNetwork
    code: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """A row that means a known school, and the columns it would change."""

    row: Row
    school: KnownSchool
    changes: dict[str, Any]

    @property
    def has_wish(self) -> bool:
        return any((self.row.model, self.row.first_bell, self.row.wave))


@dataclass(slots=True)
class Plan:
    creations: list[Creation] = field(default_factory=list)
    matches: list[Match] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    rejected: int = 0


class _Refused(Exception):
    def __init__(self, issue: Issue) -> None:
        super().__init__(issue)
        self.issue = issue


class Known:
    """The schools there are, by each of the ways a row can mean one.

    `schools` holds all of the networks concerned, and those elsewhere whose code is named.
    """

    def __init__(
        self, networks: Mapping[str, KnownNetwork], schools: Iterable[KnownSchool]
    ) -> None:
        self.networks = networks
        self.by_code: dict[str, KnownSchool] = {}
        self.by_sourced_id: dict[tuple[UUID, str], KnownSchool] = {}
        self.by_name: dict[tuple[UUID, str], list[KnownSchool]] = {}
        for school in schools:
            self.by_code[school.code] = school
            if school.sourced_id is not None:
                self.by_sourced_id[school.network_id, school.sourced_id] = school
            names = self.by_name.setdefault((school.network_id, folded_name(school.name)), [])
            names.append(school)

    def meant(self, row: Row, network: KnownNetwork) -> KnownSchool | None:
        by_code = self.by_code.get(row.code) if row.code else None
        if by_code is not None:
            if by_code.network_id != network.id:
                raise _refused(
                    row, "code", "code-taken", row.code, "a code that no other network uses"
                )
            return by_code
        if row.sourced_id is not None:
            by_id = self.by_sourced_id.get((network.id, row.sourced_id))
            if by_id is not None and row.code:
                raise _refused(
                    row, "code", "code-differs", row.code, f"{by_id.code}, as it has that id"
                )
            return by_id
        if row.code is not None:
            return None
        named = self.by_name.get((network.id, folded_name(row.name)), [])
        if len(named) > 1:
            expected = "a code or sourced_id, since several schools have this name"
            raise _refused(row, "name", "name-ambiguous", row.name, expected)
        return named[0] if named else None


def _refused(row: Row, column: str, code: str, got: str | None, expected: str) -> _Refused:
    return _Refused(Issue(row.row, column, code, shown(got or ""), expected))


def plan(rows: Iterable[Row], columns: frozenset[str], known: Known) -> Plan:
    """Every row as a creation, a match or an issue; of rows that mean one school, the first."""
    made = Plan()
    seen: dict[tuple[str, Any, Any], int] = {}
    for row in rows:
        try:
            network = known.networks.get(normal_code(row.network))
            if network is None:
                expected = "the code of a network that you may see"
                raise _refused(row, "network", "network-unknown", row.network, expected)
            school = known.meant(row, network)
            if school is None:
                _claim(seen, row, _identities(row, network))
                made.creations.append(Creation(row, network, row.code))
            else:
                changes = _changes(row, school, columns, known)
                _claim(seen, row, [("name", "school", school.id), *_identities(row, network)])
                made.matches.append(Match(row, school, changes))
        except _Refused as refused:
            made.issues.append(refused.issue)
            made.rejected += 1
    return made


def _identities(row: Row, network: KnownNetwork) -> list[tuple[str, Any, Any]]:
    keys: list[tuple[str, Any, Any]] = []
    if row.code:
        keys.append(("code", "", row.code))
    if row.sourced_id:
        keys.append(("sourced_id", network.id, row.sourced_id))
    return keys or [("name", network.id, folded_name(row.name))]


def _claim(
    seen: dict[tuple[str, Any, Any], int], row: Row, keys: list[tuple[str, Any, Any]]
) -> None:
    for key in keys:
        if key in seen:
            column = key[0]
            expected = f"one row per school; line {seen[key]} is about it already"
            raise _refused(row, column, "row-twice", getattr(row, column), expected)
    seen.update(dict.fromkeys(keys, row.row))


def _changes(
    row: Row, school: KnownSchool, columns: frozenset[str], known: Known
) -> dict[str, Any]:
    if school.archived:
        raise _refused(row, "name", "school-archived", school.code, "a school not archived")
    changes = {}
    for column in _UPDATABLE:
        given = getattr(row, column)
        says_nothing = given is None and column not in _CLEARABLE
        if column in columns and not says_nothing and given != getattr(school, column):
            changes[column] = given
    if "sourced_id" in changes:
        owner = known.by_sourced_id.get((school.network_id, changes["sourced_id"]))
        if owner is not None:
            expected = f"an id of its own; {owner.code} has this one"
            raise _refused(row, "sourced_id", "sourced-id-taken", row.sourced_id, expected)
    return changes


def with_codes(creations: list[Creation], taken: Iterable[str]) -> list[tuple[Creation, str]]:
    """Each with its code; those made from names avoid every given one, in the file's order."""
    maker = CodeMaker({*taken, *(c.code for c in creations if c.code)})
    return [(c, c.code or maker.make(c.row.name)) for c in creations]
