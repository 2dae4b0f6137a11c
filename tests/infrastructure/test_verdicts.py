"""Where a school stands: each state, what overlays it, and what no order of facts may break."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.infrastructure.progress_rules import check_evidence
from api.infrastructure.rules import NewResult, Verdict, settled_moment
from api.infrastructure.thresholds import School
from api.infrastructure.verdicts import Definition, Known, Measurement, Standing, judge
from api.infrastructure.weighing import Fault, Weighed, weigh

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
SCHOOL = School("A", students=375, teachers=25, model="one_to_one")
MBPS = Definition("Mbps", ">=", {"kind": "per_user", "value": 4.3}, 180, "gate")
ID = UUID(int=1)


def measured(
    value: float, unit: str = "Mbps", *, days_ago: float = 1, has: str = ""
) -> Measurement:
    at = NOW - timedelta(days=days_ago)
    return Measurement(ID, Decimal(str(value)), unit, at, evidence=frozenset(has.split()))


def stand(
    newest: Measurement | None = None, asked: Definition = MBPS, school: School = SCHOOL
) -> Standing:
    return judge(asked, school, Known(newest), NOW)


def test_each_state_has_its_reason() -> None:
    assert stand().verdict is Verdict.NOT_STARTED
    passed = stand(measured(1720))
    assert passed.verdict is Verdict.PASSED
    assert passed.valid_until == NOW - timedelta(days=1) + timedelta(days=180)
    failed = stand(measured(900))
    assert failed.verdict is Verdict.FAILED
    assert failed.why == "1,720 Mbps needed (400 users x 4.3), measured 900 Mbps"
    assert failed.valid_until is None
    stale = stand(measured(1720, days_ago=180))
    assert stale.verdict is Verdict.STALE
    assert stale.valid_until == NOW
    unknown = stand(measured(1720), school=replace(SCHOOL, students=None))
    assert unknown.verdict is Verdict.INCONCLUSIVE
    assert unknown.why == (
        "Measured 1,720 Mbps, but the enrollment of A is not known; set it on the school"
    )


def test_an_old_result_is_judged_by_what_holds_now() -> None:
    result = measured(2000)
    assert stand(result).verdict is Verdict.PASSED
    grown = stand(result, school=replace(SCHOOL, students=500))
    assert grown.verdict is Verdict.FAILED
    assert grown.why == "2,257.5 Mbps needed (525 users x 4.3), measured 2,000 Mbps"
    in_gbps = replace(MBPS, unit="Gbps", threshold={"kind": "constant", "value": 1})
    moved = stand(result, in_gbps)
    assert (moved.verdict, moved.value) == (Verdict.PASSED, Decimal(2))
    in_rooms = stand(result, replace(MBPS, unit="rooms"))
    assert in_rooms.verdict is Verdict.INCONCLUSIVE
    assert in_rooms.why == "Measured 2,000 Mbps, and the check is in rooms now"


def test_what_a_result_has_to_bring_along_is_named() -> None:
    asked = Definition(
        "percent",
        ">=",
        {"kind": "constant", "value": 100},
        180,
        "gate",
        {},
        ("policy_date", "product"),
    )
    lacking = stand(measured(100, "percent", has="product"), asked)
    assert lacking.verdict is Verdict.FAILED
    assert lacking.why == "100 % needed, measured 100 %; no evidence: policy date"
    assert stand(measured(100, "percent", has="product policy_date"), asked).verdict == "passed"


def test_limits_from_above_and_exact_ones() -> None:
    none = Definition("services", "<=", {"kind": "constant", "value": 0}, None, "gate")
    assert stand(measured(0, "services"), none).why == "0 services allowed, measured 0 services"
    assert stand(measured(1, "services"), none).verdict is Verdict.FAILED
    # Without a freshness a result holds for good.
    assert stand(measured(0, "services", days_ago=4000), none).valid_until is None
    exact = replace(none, comparator="==", threshold={"kind": "constant", "value": 2})
    assert stand(measured(2.0, "services"), exact).verdict is Verdict.PASSED
    assert stand(measured(3, "services"), exact).verdict is Verdict.FAILED


def test_what_one_connection_carries_passes_and_never_fails() -> None:
    alone = replace(measured(1720), lower_bound=True)
    assert stand(alone).verdict is Verdict.PASSED
    slow = stand(replace(alone, value=Decimal(900)))
    assert slow.verdict is Verdict.INCONCLUSIVE
    assert "over one connection" in slow.why
    # Of what must be little, more than was measured is worse still.
    latency = replace(MBPS, comparator="<=", threshold={"kind": "constant", "value": 100})
    assert stand(alone, latency).verdict is Verdict.FAILED


def test_what_people_say_overlays_what_was_measured() -> None:
    day = date(2027, 7, 1)
    scheduled = judge(MBPS, SCHOOL, Known(measured(900), None, day), NOW)
    assert (scheduled.verdict, scheduled.outcome) == (Verdict.SCHEDULED, "failed")
    assert scheduled.retest_on == day
    # A check that holds needs no other state because somebody will look again.
    assert judge(MBPS, SCHOOL, Known(measured(1720), None, day), NOW).verdict is Verdict.PASSED
    exempt = judge(MBPS, SCHOOL, Known(measured(900), "no building yet", day), NOW)
    assert exempt.verdict is Verdict.NOT_APPLICABLE
    assert exempt.why == "Not applicable: no building yet"


def test_of_what_is_counted_whole_ones_are_asked_for() -> None:
    chargers = {"kind": "per_student", "value": 0.25}
    asked = replace(MBPS, unit="devices", threshold=chargers)
    assert stand(measured(93, "devices"), asked).why == (
        "94 devices needed (375 students x 0.25, rounded up), measured 93 devices"
    )
    assert stand(measured(94, "devices"), asked).verdict == "passed"
    assert stand(None, replace(asked, unit="Mbps")).needed == Decimal("93.75")
    # Of a limit from above the part would be one too many.
    assert stand(None, replace(asked, comparator="<=")).needed == Decimal("93.75")


def test_a_failed_warning_keeps_nobody_waiting() -> None:
    warning = replace(MBPS, severity="warning")
    evidence = check_evidence(warning, stand(measured(900), warning))
    assert (evidence.done, evidence.total) == (1, 1)
    assert evidence.cause.startswith("Warning: 1,720 Mbps needed")
    assert check_evidence(warning, stand(None, warning)).done == 0
    assert check_evidence(MBPS, stand(measured(900))).done == 0


def result(
    value: str, unit: str | None = None, hours: float = 0, evidence: dict[str, Any] | None = None
) -> NewResult:
    at = NOW + timedelta(hours=hours)
    return NewResult(ID, ID, Decimal(value), unit, at, None, evidence or {})


def asks(unit: str, *requires: str) -> Definition:
    return replace(MBPS, unit=unit, requires=requires)


def fault(given: NewResult, asked: Definition = MBPS) -> str:
    found = weigh(given, asked, NOW)
    assert isinstance(found, Fault)
    return f"{found.pointer} {found.code}"


def test_what_cannot_have_been_measured_is_not_kept() -> None:
    assert fault(result("-1")) == "/value value-impossible"
    assert fault(result("NaN")) == "/value value-impossible"
    assert fault(result("Infinity")) == "/value value-impossible"
    assert fault(result("1e16")) == "/value value-impossible"
    assert fault(result("900", "ms")) == "/unit unit-differs"
    assert fault(result("90", "MB/s")) == "/unit unit-unknown"
    assert fault(result("900", hours=1)) == "/measured_at measured-in-future"
    assert weigh(result("-67"), asks("dBm"), NOW) == Weighed(Decimal(-67), NOW)
    assert weigh(result("0.9", "Gbps"), MBPS, NOW) == Weighed(Decimal(900), NOW)


@pytest.mark.parametrize(
    ("value", "unit", "mend"),
    [
        ("-3", "Mbps", "Mbps begin at 0: send what was measured, without the minus sign."),
        ("985", "percent", "A share is at most 100 %; check the decimal point."),
        ("98.5", "ratio", "A share is at most 1; for percent, say that as the unit."),
        ("67", "dBm", "What is received is below 0: send it with its minus sign, such as -67."),
        ("1e16", "bps", "No instrument shows so much: check the unit and the decimal point."),
    ],
)
def test_what_cannot_be_says_how_to_mend_it(value: str, unit: str, mend: str) -> None:
    found = weigh(result(value, unit), asks("percent" if unit == "ratio" else unit), NOW)
    assert isinstance(found, Fault)
    assert found.detail.endswith(f" cannot have been measured. {mend}")


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"policy_date": "never"}, "/evidence/policy_date not-a-date"),
        ({"policy_date": 20260901}, "/evidence/policy_date not-a-date"),
        ({"policy_date": "2026-02-30"}, "/evidence/policy_date not-a-date"),
        ({"tested_on": "2999-01-01"}, "/evidence/tested_on date-in-future"),
        ({"product": "  "}, "/evidence/product evidence-blank"),
    ],
)
def test_evidence_that_is_none_does_not_pass_for_it(
    evidence: dict[str, Any], expected: str
) -> None:
    asked = asks("percent", "policy_date", "tested_on", "product")
    assert fault(result("100", evidence=evidence), asked) == expected
    # Where it is not asked for, anybody writes what they like.
    assert isinstance(weigh(result("100", evidence=evidence), asks("percent"), NOW), Weighed)
    good = {"policy_date": "2026-09-01", "tested_on": (NOW + timedelta(days=1)).date().isoformat()}
    assert isinstance(weigh(result("100", evidence=good), asked, NOW), Weighed)


def test_a_clock_a_little_ahead_means_now() -> None:
    assert settled_moment(NOW + timedelta(minutes=5), NOW) == NOW
    assert settled_moment(NOW + timedelta(minutes=5, seconds=1), NOW) is None
    earlier = NOW - timedelta(days=400)
    assert settled_moment(earlier, NOW) == earlier


_counts = st.none() | st.integers(0, 20_000)
_definitions = st.builds(
    Definition,
    unit=st.sampled_from(["Mbps", "Gbps", "percent"]),
    comparator=st.sampled_from([">=", "<=", "=="]),
    threshold=st.sampled_from(
        [
            {"kind": "constant", "value": 100},
            {"kind": "per_student", "value": 0.25, "at_least": 10},
            {"kind": "per_room", "value": 1},
            {
                "kind": "banded",
                "per": "user",
                "bands": [{"below": 500, "value": 4.3}, {"value": 2}],
            },
        ]
    ),
    freshness_days=st.none() | st.integers(1, 400),
    severity=st.sampled_from(["gate", "warning"]),
    applies=st.sampled_from([{}, {"models": ["one_to_one"]}, {"min_students": 200}]),
    requires=st.sampled_from([(), ("product",)]),
)
_schools = st.builds(
    School,
    code=st.just("A"),
    students=_counts,
    teachers=_counts,
    other_users=_counts,
    rooms=_counts,
    model=st.sampled_from([None, "one_to_one", "lab_rotation"]),
)
_results = st.none() | st.builds(
    Measurement,
    id=st.just(ID),
    value=st.decimals(0, 100_000, places=2),
    unit=st.sampled_from(["Mbps", "Gbps", "percent"]),
    measured_at=st.integers(0, 800).map(lambda days: NOW - timedelta(days=days)),
    evidence=st.sampled_from([frozenset[str](), frozenset({"product"})]),
)
_known = st.builds(
    Known,
    newest=_results,
    exemption=st.none() | st.just("no building"),
    retest_on=st.none() | st.just(date(2027, 7, 1)),
)


@given(asked=_definitions, school=_schools, known=_known, later=st.integers(0, 800))
@settings(max_examples=300)
def test_no_facts_lead_astray(asked: Definition, school: School, known: Known, later: int) -> None:
    """Of all facts together: what each verdict promises, now and as time goes by."""
    now = judge(asked, school, known, NOW)
    then = judge(asked, school, known, NOW + timedelta(days=later))
    assert now.why
    assert not now.why.endswith(".")
    if now.verdict in (Verdict.PASSED, Verdict.STALE):
        assert known.newest is not None
        assert now.outcome == "passed"
        assert (now.valid_until is not None and now.valid_until <= NOW) is (
            now.verdict is Verdict.STALE
        )
    if known.newest is None:
        assert now.verdict in (Verdict.NOT_STARTED, Verdict.SCHEDULED, Verdict.NOT_APPLICABLE)
    if now.outcome == "failed" and now.verdict != "scheduled":
        assert now.verdict is Verdict.FAILED
    # Time alone turns what passed into what is stale, and nothing else.
    assert then.outcome == now.outcome
    if then.verdict is not now.verdict:
        assert now.verdict is Verdict.PASSED
        assert then.verdict is (Verdict.SCHEDULED if known.retest_on else Verdict.STALE)
    # The task's evidence does not change by itself: the spine derives that it has expired.
    assert check_evidence(asked, now) == check_evidence(asked, then)
    # Nobody is done without a reason to be.
    if check_evidence(asked, now).done:
        assert (
            now.outcome == "passed"
            or now.verdict is Verdict.NOT_APPLICABLE
            or (asked.severity == "warning" and now.outcome is not None)
        )
