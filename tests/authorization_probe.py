"""The operations of the probe and who may call them."""

from __future__ import annotations

from uuid import UUID, uuid4

from api import clock
from api.db.pool import Database
from api.db.uow import writing
from api.infrastructure.models import ProbeReport
from tests.authorization_rules import Case, Reach
from tests.infrastructure.reports import report

PROBE: dict[str, tuple[Case, ...]] = {
    "GET /v1/probe.py": (Case("", Reach.OPEN, "/v1/probe.py?school=KIPP-ASCEND"),),
    "POST /v1/schools/{school}/probe-code": (
        Case("checks:write", Reach.SCHOOL, "/v1/schools/{school}/probe-code", None, 201),
    ),
    "GET /v1/schools/{school}/probe-reports": (
        Case("checks:read", Reach.SCHOOL, "/v1/schools/{school}/probe-reports"),
    ),
    "GET /v1/schools/{school}/probe-reports/{report_id}": (
        Case("checks:read", Reach.SCHOOL, "/v1/schools/{school}/probe-reports/{probe_report}"),
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


async def make_probe_report(database: Database, school_id: UUID) -> dict[str, str]:
    """A run of the probe at the school."""
    now = clock.now()
    row = ProbeReport(
        id=uuid4(),
        school_id=school_id,
        digest=b"",
        measured_at=now,
        received_at=now,
        body=report(),
    )
    async with writing(database, "job:test") as session:
        session.add(row)
        await session.flush()
    return {"probe_report": str(row.id)}
