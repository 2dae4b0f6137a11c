"""What the schools room refuses, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from api.errors import Conflict, Invalid, NotFound, field_error


class SchoolNotFound(NotFound):
    code: ClassVar[str] = "school-not-found"
    title: ClassVar[str] = "There is no such school, or you may not see it"


class NetworkNotFound(NotFound):
    code: ClassVar[str] = "network-not-found"
    title: ClassVar[str] = "There is no such network, or you may not see it"


class SiteNotFound(NotFound):
    code: ClassVar[str] = "site-not-found"
    title: ClassVar[str] = "There is no such site, or you may not see it"


class StaffNotFound(NotFound):
    code: ClassVar[str] = "staff-not-found"
    title: ClassVar[str] = "There is no such person on the staff, or you may not see them"


class SchoolArchived(Conflict):
    code: ClassVar[str] = "school-archived"
    title: ClassVar[str] = "The school is archived"


class CodeTaken(Conflict):
    code: ClassVar[str] = "code-taken"
    title: ClassVar[str] = "The code is taken"


class SourcedIdTaken(Conflict):
    code: ClassVar[str] = "sourced-id-taken"
    title: ClassVar[str] = "The sourced id is taken in this network"


class SchoolsUnknown(Invalid):
    """Some of the schools of a list do not exist, or the caller may not see them."""

    code: ClassVar[str] = "school-unknown"
    title: ClassVar[str] = "Some of these schools are unknown"


class FileUnreadable(Invalid):
    """The file as a whole cannot be taken; nothing of it was."""

    code: ClassVar[str] = "file-unreadable"
    title: ClassVar[str] = "The file cannot be read"


class ImportAborted(Invalid):
    """`on_error=abort` and some rows were refused; nothing was written."""

    code: ClassVar[str] = "import-aborted"
    title: ClassVar[str] = "The import was stopped by its first problems; nothing was written"


def invalid(pointer: str, code: str, detail: str) -> Invalid:
    """Input with one wrong field."""
    return Invalid(detail, errors=[field_error(pointer, code, detail)])


def unreadable(code: str, *details: str) -> FileUnreadable:
    return FileUnreadable(" ".join(details), errors=[field_error("", code, d) for d in details])


def schools_unknown(
    unknown: Iterable[str], where: str | Mapping[str, str] = "/schools"
) -> SchoolsUnknown:
    """`where` is the pointer of their list, or of each by its name."""
    names = list(unknown)
    at = dict.fromkeys(names, where) if isinstance(where, str) else where
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return SchoolsUnknown(
        f"Unknown schools, or not yours to see: {shown}.",
        errors=[
            field_error(
                at[name], "school-unknown", f"There is no school {name}, or you may not see it."
            )
            for name in names[:100]
        ],
        unknown=names,
    )
