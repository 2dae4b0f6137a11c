"""Who is a student, who is staff, and who is neither; which school a person is counted at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import compress
from typing import Any

from api.accounts.reading.archive import Archive
from api.accounts.reading.cells import Judge, LooseGrade, leaving
from api.accounts.reading.rows import Batch, Issue, Org, StaffRow
from api.accounts.reading.sheet import Columns, Sheet
from api.schools.csv_table import shown
from api.schools.errors import unreadable
from api.schools.rules import StaffRole

STUDENT = "student"
WITHOUT_ROLE = "without a role"
# Who changed without their role being told: a student, unless they leave and are staff.
UNTOLD = "UNTOLD"
_STAFF = {
    StaffRole.teacher: "teacher professor faculty instructor lecturer adjunct substitute",
    StaffRole.trainer: "coach trainer",
    StaffRole.leader: "principal administrator siteadministrator leader",
    StaffRole.tech: "itadmin systemadministrator tech",
}
# Roles of every system, in lower case; those not here are no account's and no trainee's.
KINDS: Mapping[str, str] = {STUDENT: STUDENT} | {
    word: role.value for role, words in _STAFF.items() for word in words.split()
}
# Who may be staff and leaves needs none of these: what is wrong with them keeps nobody.
_NEEDLESS = {"school": None, "given_name": None, "family_name": None} | dict.fromkeys(
    ("grade", "username", "email"), ""
)
# Organisations above the schools; of any other type is a school, or a part of one.
_TYPES_ABOVE = (
    "district local localauthority state province national region municipality academictrust"
    " ministryofeducation departmentofeducation"
)
_ABOVE = frozenset(_TYPES_ABOVE.split())
_MOST_ORGS = 200_000
_DEEPEST = 10
_LONGEST = 256
# Roles that may be told of by name; any other word may be what a shifted column has: a name.
_TOLD = (
    "aide counselor districtadministrator guardian parent proctor relative alumni chair researcher"
    " affiliate paraprofessional advisor nurse officestaff staff teacherassistant assistant other"
    " occupationaltherapist physicaltherapist speechtherapist visiontherapist specialservices"
)
_MAY_BE_TOLD = frozenset([*_TOLD.split(), WITHOUT_ROLE])


class Orgs(dict[str, Org]):
    """The organisations of a file by their sourced id, and where in them the schools are."""

    def __init__(self) -> None:
        super().__init__()
        self._parents: dict[str, str] = {}

    def read(self, sheet: Sheet) -> None:
        for _, cells, _ in sheet:
            columns = [cells.get(name) for name in ("id", "name", "type", "number", "parent")]
            rows = zip(*(column or [""] * len(cells["id"]) for column in columns), strict=True)
            for row in rows:
                # Longer than any id is none, and is not kept in memory either.
                key, name, kind, number, parent = (cell.strip()[:_LONGEST] for cell in row)
                self[key] = Org(key, name, kind.casefold(), number or None)
                self._parents[key] = parent
            if len(self) > _MOST_ORGS:
                raise unreadable(
                    "orgs-too-many", f"There are more than {_MOST_ORGS:,} organisations."
                )

    def school_of(self, key: str) -> tuple[str, bool]:
        """The organisation a person is counted at, and whether it may be a school."""
        for _ in range(_DEEPEST):
            org = self.get(key)
            if org is None or org.type != "department" or not self._parents[key]:
                break
            key = self._parents[key]
        org = self.get(key)
        return key, org is None or org.type not in _ABOVE

    def best_of(self, keys: str) -> str:
        """The first school of a list, else the first organisation."""
        found = [self.school_of(key) for key in filter(None, map(str.strip, keys.split(",")))]
        schools = [key for key, is_school in found if is_school]
        return (schools or [key for key, _ in found] or [""])[0]


class People:
    """Splits a sheet's people into students and staff, each checked; counts all others.

    Cells need `role` besides the columns of a row: a word of KINDS, or any other for nobody's.
    """

    def __init__(self, file: str, labels: Mapping[str, str], orgs: Orgs) -> None:
        self.grade = LooseGrade()
        self.file = file
        self.left_out: Counter[str] = Counter()
        self._orgs = orgs
        self._students = Judge(file, labels=labels, grade=self.grade)
        self._staff = Judge(file, labels=labels, resendable=False)

    def batch(self, columns: Columns, archive: Archive) -> Batch:
        numbers, cells, issues = columns
        words = cells["role"]
        kinds = [STUDENT if word == UNTOLD else KINDS.get(word) for word in words]
        own = {name: column for name, column in cells.items() if name != "role"}
        gone = [
            leaves and word != STUDENT
            for leaves, word in zip(leaving(cells.get("deleted", ())), words, strict=False)
        ]
        if any(gone):
            own |= {
                name: _where(gone, own[name], value)
                for name, value in _NEEDLESS.items()
                if name in own
            }
        mask = [kind == STUDENT for kind in kinds]
        if all(mask) and not any(gone):
            rows, wrong = self._students.rows(numbers, own)
            return Batch(rows, [], issues + wrong, archive.progress)
        rows, wrong = self._students.rows(*_chosen(numbers, own, mask))
        staff: list[StaffRow] = []
        mask = [kind is not None and kind != STUDENT for kind in kinds]
        if any(mask):
            roles = dict(zip(numbers, kinds, strict=True))
            staff = list(self._staff_of(*_chosen(numbers, own, mask), roles, wrong))
        if any(gone):
            mask = [
                leaves and kind in (None, STUDENT) for leaves, kind in zip(gone, kinds, strict=True)
            ]
            staff += self._perhaps_staff(*_chosen(numbers, own, mask))
        self.left_out.update(
            word if word in _MAY_BE_TOLD else "other"
            for word in compress(words, [kind is None for kind in kinds])
        )
        return Batch(rows, staff, issues + wrong, archive.progress)

    def _staff_of(
        self,
        numbers: Sequence[int],
        cells: Mapping[str, Sequence[Any]],
        roles: Mapping[int, str | None],
        issues: list[Issue],
    ) -> Iterator[StaffRow]:
        # Neither a teacher's grade nor their sign-in is anything we keep.
        kept = {name: cells[name] for name in cells if name not in ("grade", "username")}
        rows, wrong = self._staff.rows(numbers, kept)
        issues += wrong
        for number, key, school, given, family, _, _, email, deleted, moment in rows:
            if deleted:
                yield _leaver(number, key, roles[number], self.file, moment)
            elif school is None or not self._orgs.school_of(school)[1]:
                self.left_out["staff of no school"] += 1
            elif given is None or family is None:
                issues.append(_nameless(number, self.file))
            else:
                said = (given, family, email, roles[number] or "")
                yield StaffRow(number, key, school, *said, self.file, deleted, moment)

    def _perhaps_staff(
        self, numbers: Sequence[int], cells: Mapping[str, Sequence[Any]]
    ) -> Iterator[StaffRow]:
        """Those who leave and are staff if staff has them; what is wrong is told of them already,
        or of nobody.
        """
        kept = {name: cells[name] for name in cells if name not in _NEEDLESS}
        for row in self._staff.rows(numbers, kept)[0]:
            yield _leaver(row[0], row[1], None, self.file, row[-1])

    def details(self) -> dict[str, Any]:
        """Whom and what was passed over: words of roles and grades, and how many people."""
        found: dict[str, Any] = {}
        if self.left_out:
            found["people_left_out"] = dict(self.left_out.most_common(50))
        if self.grade.left_out:
            found["grades_left_out"] = sorted(self.grade.left_out)
        return found


def _nameless(number: int, file: str) -> Issue:
    return Issue(number, None, "required", None, "a given and a family name of staff", file)


def _leaver(
    number: int, key: str, role: str | None, file: str, moment: datetime | None
) -> StaffRow:
    return StaffRow(number, key, None, None, None, None, role, file, True, moment)


def _where(mask: Sequence[bool], column: Sequence[Any], value: str | None) -> list[Any]:
    """The column with the value in place of those cells."""
    return [value if marked else cell for marked, cell in zip(mask, column, strict=True)]


def _chosen(
    numbers: Sequence[int], cells: Mapping[str, Sequence[Any]], mask: Sequence[bool]
) -> tuple[list[int], dict[str, list[Any]]]:
    return (
        list(compress(numbers, mask)),
        {name: list(compress(column, mask)) for name, column in cells.items()},
    )


def role_word(cell: str) -> str:
    """A role as KINDS has it."""
    return shown(cell.strip()).casefold()
