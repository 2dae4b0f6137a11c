"""The operations of the probe and who may call them."""

from __future__ import annotations

from tests.authorization_rules import Case, Reach
from tests.infrastructure.reports import report

PROBE: dict[str, tuple[Case, ...]] = {
    "GET /v1/probe.py": (Case("", Reach.OPEN, "/v1/probe.py?school=KIPP-ASCEND"),),
    "POST /v1/schools/{school}/probe-code": (
        Case("checks:write", Reach.SCHOOL, "/v1/schools/{school}/probe-code", None, 201),
    ),
    # Open to who signs with the school's code; nobody here does.
    "POST /v1/schools/{school}/probe-reports": (
        Case("", Reach.OPEN, "/v1/schools/{school}/probe-reports", report(), 401),
    ),
    "GET /v1/probe/throughput": (
        Case("", Reach.OPEN, "/v1/probe/throughput?school=A&bytes=1&at=0", None, 401),
    ),
    "POST /v1/probe/throughput": (
        Case("", Reach.OPEN, "/v1/probe/throughput?school=A&bytes=1&at=0", None, 401),
    ),
}
