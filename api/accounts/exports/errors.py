"""What is refused about exports, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, Unavailable


class ExportUnfit(Conflict):
    """`unfit` counts accounts by reason, `examples` names some of them by sourced id."""

    code: ClassVar[str] = "export-unfit"
    title: ClassVar[str] = "The format cannot hold some of the accounts"


class SourcedIdsShared(Conflict):
    """`examples` are sourced ids that accounts of two sources have."""

    code: ClassVar[str] = "sourced-ids-shared"
    title: ClassVar[str] = "Two sources call different students by the same id"


class SchoolIdsShared(Conflict):
    """`examples` are ids that two schools have."""

    code: ClassVar[str] = "school-ids-shared"
    title: ClassVar[str] = "Two schools are told apart by nothing"


class ExportsBusy(Unavailable):
    code: ClassVar[str] = "exports-busy"
    title: ClassVar[str] = "Other exports are being sent"
