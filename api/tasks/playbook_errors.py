"""What is wrong with a playbook, as the author should read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from api.errors import Invalid

MAX_LISTED = 200
"""How many problems one refusal spells out; `error_count` is always the true total."""


@dataclass(frozen=True, slots=True)
class PlaybookProblem:
    """One mistake: where it is (JSON pointer, 1-based line and column) and what to do about it."""

    pointer: str
    code: str
    detail: str
    line: int
    column: int


class PlaybookInvalid(Invalid):
    """The YAML is not a playbook (422). Carries every problem found, in order of line.

    Extra members: `errors: [{pointer, code, detail, line, column}]`, `error_count: int`.
    """

    code = "playbook-invalid"
    title = "The playbook is not valid"

    def __init__(self, problems: Sequence[PlaybookProblem]) -> None:
        if not problems:
            raise ValueError("a refusal needs at least one problem")
        self.problems = tuple(sorted(problems, key=lambda p: (p.line, p.column, p.code)))
        first, others = self.problems[0], len(self.problems) - 1
        more = f" ({others} more)" if others else ""
        super().__init__(
            f"Line {first.line}: {first.detail}{more}.",
            errors=[asdict(problem) for problem in self.problems[:MAX_LISTED]],
            error_count=len(self.problems),
        )
