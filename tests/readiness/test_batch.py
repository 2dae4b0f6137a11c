"""The batch says of many schools at once what `evaluate` says of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.readiness.arrange import local_days, microseconds_of, moment_of
from api.readiness.batch import NO_FLOAT, NONE, VERDICTS, Judged
from api.readiness.forecast import local_day
from api.readiness.rules import RolloutFacts, evaluate
from api.tasks.days import Calendar
from api.tasks.rules import DependencyFacts
from tests.readiness.columns import judged
from tests.readiness.strategies import ZONES, moments, rollouts
from tests.readiness.test_rules import BELL, NOW, at_school, rollout, task


def said(result: Judged, streams: Sequence[str], school: int) -> tuple[Any, ...]:
    def known(value: Any, missing: int) -> int | None:
        return None if value == missing else int(value)

    ready_on = known(result.ready_on[school], NONE)
    each = result.streams
    return (
        VERDICTS[result.verdict[school]],
        known(result.percent[school], NONE),
        None if ready_on is None else date.fromordinal(ready_on),
        known(result.float_days[school], NO_FLOAT),
        moment_of(int(result.good_until[school])),
        [
            (
                name,
                VERDICTS[each.verdict[school, column]],
                each.satisfied[school, column],
                each.total[school, column],
            )
            for column, name in enumerate(streams)
            if each.known[school, column]
        ],
    )


def expected(facts: RolloutFacts, now: datetime) -> tuple[Any, ...]:
    answer = evaluate(facts, now)
    return (
        answer.verdict,
        answer.percent,
        answer.ready_on,
        answer.float_days,
        answer.good_until,
        [(one.workstream, one.verdict, one.satisfied, one.total) for one in answer.workstreams],
    )


def agree(schools: Sequence[RolloutFacts], now: datetime) -> None:
    result, streams = judged(schools, now)
    assert not result.declined.any()
    for number, facts in enumerate(schools):
        assert said(result, streams, number) == expected(facts, now)


@given(st.lists(rollouts(), min_size=1, max_size=4), moments())
@settings(max_examples=120, deadline=None)
def test_every_school_is_judged_as_by_itself(schools: list[RolloutFacts], now: datetime) -> None:
    agree(schools, now)


def test_a_broken_promise_endangers_the_workstreams_it_decides() -> None:
    late = task("order", expected_on=date(2027, 6, 30), progress_done=1, progress_total=2)
    long = task("long", duration_days=20)
    chain = {"after": "order"}
    agree(
        [
            rollout(late),
            rollout(late, long),
            rollout(late, task("own", workstream="pd")),
            rollout(late._replace(gate=False), task("after", workstream="pd"), after=chain),
            rollout(late, long, task("after", duration_days=9), after=chain),
        ],
        NOW,
    )


def test_evidence_that_ends_before_first_bell_is_renewed_in_time() -> None:
    wifi = task("wifi", duration_days=2, status="done", valid_until=at_school(date(2027, 8, 2)))
    agree(
        [
            rollout(wifi, task("golive"), after={"golive": "wifi"}),
            rollout(wifi._replace(valid_until=at_school(BELL))),
            rollout(wifi._replace(valid_until=at_school(date(2027, 8, 24)))),
            rollout(wifi._replace(not_before=date(2027, 8, 10), duration_days=0)),
        ],
        NOW,
    )


def test_milestones_on_a_day_nobody_works() -> None:
    saturday = at_school(date(2027, 7, 3))
    plain = task("a", duration_days=0)
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"lead_days": 0},
        {"lead_days": 1},
        {"expected_on": date(2027, 7, 3)},
        {"expected_on": date(2027, 7, 2)},
        {"not_before": date(2027, 7, 4)},
    )
    agree([rollout(plain._replace(**kind)) for kind in kinds], saturday)


def test_schools_that_evaluate_refuses_are_left_to_it() -> None:
    closed = frozenset(BELL + timedelta(days=n) for n in range(6 * 365))
    circle = tuple(DependencyFacts(f"id:{a}", f"id:{b}") for a, b in ("ab", "bc", "cb"))
    tasks = (task("a"), task("b"), task("c"))
    far = task("far", not_before=date.max, duration_days=5)
    schools = [
        rollout(*tasks),
        rollout(*tasks, calendar=Calendar(frozenset(range(7)))),
        rollout(*tasks, calendar=Calendar(days_off=closed)),
        replace(rollout(*tasks), dependencies=circle),
        rollout(far),
        rollout(task("a"), first_bell=date(1, 1, 3)),
        rollout(*tasks),
    ]
    result, streams = judged(schools, NOW)
    assert result.declined.tolist() == [False, True, True, True, True, True, False]
    for number in (0, 6):
        assert said(result, streams, number) == expected(schools[number], NOW)


def test_a_school_without_tasks_among_others() -> None:
    agree([rollout(), rollout(task("a")), rollout(first_bell=None)], NOW)
    agree([rollout()], NOW)


def test_a_long_chain_and_many_schools() -> None:
    keys = [str(number) for number in range(2_000)]
    chain = dict(zip(keys[1:], keys, strict=False))
    agree([rollout(*(task(key) for key in keys), after=chain), rollout(task("a"))], NOW)


MOST_ZONES = (*ZONES, "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "Africa/Cairo")


@pytest.mark.parametrize("zone", MOST_ZONES)
@given(st.lists(st.integers(0, 22 * 365 * 24 * 60), min_size=1))
@settings(max_examples=50, deadline=None)
def test_the_days_of_moments_are_the_places_own(zone: str, minutes: list[int]) -> None:
    given_moments = [datetime(2009, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in minutes]
    found = local_days(zone, np.array([microseconds_of(one) for one in given_moments]))
    assert found.tolist() == [local_day(zone, one).toordinal() for one in given_moments]


def test_the_days_about_a_new_year_and_of_evidence_for_ever() -> None:
    for zone in MOST_ZONES:
        hours = [datetime(2027, 12, 30, tzinfo=UTC) + timedelta(hours=n) for n in range(96)]
        found = local_days(zone, np.array([microseconds_of(one) for one in hours]))
        assert found.tolist() == [local_day(zone, one).toordinal() for one in hours]
    ever = np.array([microseconds_of(datetime(9999, 12, 31, tzinfo=UTC))])
    assert local_days("UTC", ever).tolist() == [date.max.toordinal()]
