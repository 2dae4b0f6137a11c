"""What the infrastructure room refuses, as sentences."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, Invalid, NotFound, field_error


class CheckNotFound(NotFound):
    code: ClassVar[str] = "check-not-found"
    title: ClassVar[str] = "There is no such check, or you may not see it"


class NothingScheduled(NotFound):
    code: ClassVar[str] = "retest-not-found"
    title: ClassVar[str] = "No re-test of this check is scheduled"


class ExemptionNotFound(NotFound):
    code: ClassVar[str] = "exemption-not-found"
    title: ClassVar[str] = "The school is not exempt from this check"


class CheckTaken(Conflict):
    code: ClassVar[str] = "check-taken"
    title: ClassVar[str] = "A check has this slug"


class CatalogueFull(Conflict):
    code: ClassVar[str] = "catalogue-full"
    title: ClassVar[str] = "The network has as many checks as it can have"


class ExemptAlready(Conflict):
    code: ClassVar[str] = "exempt-already"
    title: ClassVar[str] = "The school is exempt from this check"


class ResultsRefused(Invalid):
    """Some rows of a bulk call cannot be kept; nothing of it was."""

    code: ClassVar[str] = "results-refused"
    title: ClassVar[str] = "Some results cannot be kept; none of them was"


def check_not_found(given: object) -> CheckNotFound:
    return CheckNotFound(f"There is no check {str(given)[:80]!r}, or you may not see it.")


def invalid(pointer: str, code: str, detail: str) -> Invalid:
    """Input with one wrong field."""
    return Invalid(detail, errors=[field_error(pointer, code, detail)])
