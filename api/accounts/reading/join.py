"""People whose school stands in a second file: each is given one role, in bounded memory.

A large file of roles is read in several passes, a share of the people in each, so that what is
remembered of it stays small however long it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from api.accounts.reading.archive import Archive
from api.accounts.reading.people import (
    KINDS,
    STUDENT,
    UNTOLD,
    WITHOUT_ROLE,
    Orgs,
    People,
    role_word,
)
from api.accounts.reading.rows import LONGEST_CELL, Batch, Issue
from api.accounts.reading.sheet import Columns, Sheet
from api.schools.csv_table import shown
from api.schools.errors import unreadable

# Some 400,000 roles.
BYTES_PER_PASS = 32 * 1024 * 1024
# In all passes together. A country's ten million roles are half of that; what was packed to
# become more would keep a worker for days.
MOST_READ = 64 * 1024**3
# Where rows are numbered that stand only in the file of roles.
MOVED = 1_000_000_000
_MOST_REMEMBERED = 100_000
_YES = frozenset({"primary", "true", "yes", "1"})
_SAID = ("org", "role", "grade", "primary", "begins", "ends")


class Role(NamedTuple):
    school: str
    word: str
    grade: str | None
    # Of two roles of a person the higher one counts, of two equal ones the one that began first.
    rank: int
    begins: str


class Roles:
    """Which role of a person counts.

    In this order: one of KINDS before any other, as a student (a child who helps is still a
    child) before as staff, at a school before above it, one that has not ended, the primary one.
    """

    def __init__(self, sheet: Sheet, orgs: Orgs, today: date | None) -> None:
        self.sheet = sheet
        self.ended = 0
        self._orgs = orgs
        self._today = today.isoformat() if today else ""
        self._remembered: dict[tuple[str, ...], Role] = {}

    def read(self, mine: Callable[[str], bool]) -> dict[str, Role]:
        """The role of each person of a share."""
        found: dict[str, Role] = {}
        for columns in self.sheet:
            for user, said in self._rows(columns):
                if not mine(user):
                    continue
                role = self._remembered.get(said) or self._remember(said)
                known = found.get(user)
                if known is None or (-role.rank, role.begins) < (-known.rank, known.begins):
                    found[user] = role
        return found

    def _rows(self, columns: Columns) -> Iterator[tuple[str, tuple[str, ...]]]:
        cells = columns.cells
        users = cells["user"]
        blank = [""] * len(users)
        status = cells.get("status", blank)
        said = zip(*(cells.get(name, blank) for name in _SAID), strict=True)
        for user, state, rest in zip(users, status, said, strict=True):
            if state and state.strip().casefold() != "active":
                # A person leaves by their own row; an ended role alone takes nobody's account.
                self.ended += 1
            else:
                yield user.strip(), rest

    def _remember(self, said: tuple[str, ...]) -> Role:
        org, role, grade, primary, begins, ends = map(str.strip, said)
        word = role_word(role)
        kind = KINDS.get(word)
        school, is_school = self._orgs.school_of(org)
        bits = (
            kind is not None,
            kind == STUDENT,
            is_school,
            not (ends and ends < self._today),
            primary.casefold() in _YES,
        )
        rank = sum(bit << place for place, bit in enumerate(reversed(bits)))
        made = Role(school, word, grade or None, rank, begins)
        if sum(map(len, said)) > LONGEST_CELL:
            return made
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered[said] = made
        return made


class Joined:
    """Batches of people with their roles; `delta` says that who is not there has not changed.

    Raises: FileUnreadable for files so large that reading them would never end.
    """

    def __init__(
        self, archive: Archive, users: Sheet | None, roles: Roles, people: People, delta: bool
    ) -> None:
        self._archive = archive
        self._users = users
        self._roles = roles
        self._people = people
        self._delta = delta
        self._passes = 1 + archive.bytes_of("roles.csv") // BYTES_PER_PASS
        sizes = (archive.bytes_of(name) for name in ("users.csv", "roles.csv"))
        self._to_read = self._passes * sum(sizes)
        if self._to_read > MOST_READ:
            raise unreadable(
                "zip-too-large",
                "roles.csv and users.csv are larger than those of any country; send them in parts.",
            )
        self.left_out: Counter[str] = Counter()

    def batches(self, prepared: Callable[[Columns], Columns]) -> Iterator[Batch]:
        """`prepared` makes a file's cells ours before they are judged."""
        self._archive.expect(self._to_read)
        for number in range(self._passes):
            waiting = self._roles.read(self._share(number))
            met: dict[str, Role] = {}
            for columns in self._users or ():
                mine = self._mine(columns, number)
                joined = self._with_roles(prepared(mine), waiting, met)
                yield self._people.batch(joined, self._archive)
            if waiting:
                yield from self._alone(waiting)

    def _share(self, number: int) -> Callable[[str], bool]:
        if self._passes == 1:
            return lambda _: True
        return lambda user: hash(user) % self._passes == number

    def _mine(self, columns: Columns, number: int) -> Columns:
        if self._passes == 1:
            return columns
        keys = columns.cells["sourced_id"]
        kept = [i for i, key in enumerate(keys) if hash(key.strip()) % self._passes == number]
        return Columns(
            [columns.numbers[i] for i in kept],
            {name: [column[i] for i in kept] for name, column in columns.cells.items()},
            columns.issues if number == 0 else [],
        )

    def _with_roles(
        self, columns: Columns, waiting: dict[str, Role], met: dict[str, Role]
    ) -> Columns:
        nobody = Role("", UNTOLD if self._delta else WITHOUT_ROLE, None, 0, "")
        roles: list[Role] = []
        for key in map(str.strip, columns.cells["sourced_id"]):
            role = waiting.pop(key, None)
            if role is None:
                role = met.get(key, nobody)
            else:
                met[key] = role
            roles.append(role)
        cells: dict[str, Sequence[Any]] = {
            **columns.cells,
            "school": [role.school or None for role in roles],
            "role": [role.word for role in roles],
        }
        if "grade" not in cells:
            cells["grade"] = [role.grade for role in roles]
        return Columns(columns.numbers, cells, columns.issues)

    def _alone(self, waiting: Mapping[str, Role]) -> Iterator[Batch]:
        """Roles of people who are not in the file: in a delta they moved, else they are faults."""
        seen: set[str] = set()
        for columns in self._roles.sheet:
            rows = [
                (number, key)
                for number, key in zip(
                    columns.numbers, map(str.strip, columns.cells["user"]), strict=True
                )
                if key in waiting
            ]
            if self._delta:
                moved = dict.fromkeys(key for _, key in rows if key not in seen)
                first = {key: number for number, key in reversed(rows)}
                seen |= moved.keys()
                yield self._moved({key: first[key] for key in moved}, waiting)
            else:
                yield Batch([], [], [self._unknown(*row) for row in rows], self._archive.progress)

    def _moved(self, lines: Mapping[str, int], waiting: Mapping[str, Role]) -> Batch:
        students = [key for key in lines if KINDS.get(waiting[key].word) == STUDENT]
        if len(students) < len(lines):
            self._people.left_out["staff who only moved"] += len(lines) - len(students)
        cells: dict[str, Sequence[Any]] = {
            "sourced_id": students,
            "school": [waiting[key].school for key in students],
            "grade": [waiting[key].grade for key in students],
            "role": [STUDENT] * len(students),
        }
        numbers = [MOVED + lines[key] for key in students]
        return self._people.batch(Columns(numbers, cells, []), self._archive)

    def _unknown(self, number: int, key: str) -> Issue:
        sheet = self._roles.sheet
        label = sheet.labels["user"]
        return Issue(number, label, "user-unknown", shown(key), "somebody of users.csv", sheet.file)
