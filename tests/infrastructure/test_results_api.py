"""Results over HTTP: kept as they were measured, judged by what holds now, told to the tasks."""

from __future__ import annotations

from tests.infrastructure.conftest import Body, Caller, measure, stands

GATE = "infrastructure.internet"


async def test_a_result_finishes_its_task_and_says_the_arithmetic(
    admin: Caller, prepared: dict[str, Body]
) -> None:
    before = (await admin.tasks())[GATE]
    assert before["status"] == "pending"
    assert before["cause"] == "1,720 Mbps needed (400 users x 4.3), not measured yet"
    await measure(admin, 900)
    failed = (await admin.tasks())[GATE]
    assert (failed["progress_done"], failed["progress_total"]) == (0, 1)
    assert failed["cause"] == "1,720 Mbps needed (400 users x 4.3), measured 900 Mbps"
    await measure(admin, "1.8", unit="Gbps")
    passed = (await admin.tasks())[GATE]
    assert (passed["status"], passed["progress_done"], passed["unit"]) == ("done", 1, "checks")
    assert passed["valid_until"] is not None
    assert (await stands(admin))["verdict"] == "passed"
    assert (await stands(admin, "B"))["verdict"] == "not_started"
