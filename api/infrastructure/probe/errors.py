"""What a probe is refused with."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, NotFound, TooManyRequests, Unauthorized


class ProbeNotBelieved(Unauthorized):
    """One answer whatever is wrong, so that nobody learns which schools there are."""

    code: ClassVar[str] = "probe-not-believed"
    title: ClassVar[str] = "The signature is not the school's"

    def __init__(self) -> None:
        super().__init__(
            "Sign with a code of this school that is good now; the page Checks makes a new one."
            " Check --school, --code and the laptop's clock."
        )


class ReportNotFound(NotFound):
    code: ClassVar[str] = "probe-report-not-found"
    title: ClassVar[str] = "There is no such report of this school"


class ReportChanged(Conflict):
    """`id` was used for other content."""

    code: ClassVar[str] = "report-changed"
    title: ClassVar[str] = "Another report has this id"


class ThroughputSpent(TooManyRequests):
    code: ClassVar[str] = "throughput-spent"
    title: ClassVar[str] = "The school has transferred all it may in an hour"
