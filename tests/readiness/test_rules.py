"""Readiness against the naive clerk, and by hand where a word of the rules is at stake."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from api.readiness.document import document
from api.readiness.rules import Answer, RolloutFacts, Verdict, evaluate, summary
from api.tasks.days import Calendar
from api.tasks.errors import NoWorkingDay
from api.tasks.rules import DependencyFacts, TaskFacts, WaiverFacts
from tests.readiness.naive import Naive
from tests.readiness.strategies import moments, rollouts

NOW = datetime(2027, 7, 1, 12, tzinfo=UTC)  # Thursday, 7 in the morning in Chicago
TODAY = date(2027, 7, 1)
BELL = date(2027, 8, 23)  # Monday
THOROUGH = settings(max_examples=400, deadline=None)


def task(key: str, **fields: Any) -> TaskFacts:
    gate = TaskFacts(f"id:{key}", key, key.title(), "change", "manual", gate=True)
    return gate._replace(**fields)


def rollout(
    *tasks: TaskFacts,
    after: dict[str, str] | None = None,
    waivers: tuple[WaiverFacts, ...] = (),
    **fields: Any,
) -> RolloutFacts:
    """A Chicago school; `after` maps a task's key to the keys before it."""
    edges = tuple(
        DependencyFacts(f"id:{earlier}", f"id:{later}")
        for later, keys in (after or {}).items()
        for earlier in keys.split()
    )
    school = RolloutFacts(
        school_id="s",
        school_code="KIPP-ASCEND",
        school_name="KIPP Ascend Charter School",
        timezone="America/Chicago",
        rollout_id="r",
        model="one_to_one",
        first_bell=BELL,
        state="active",
        opened_ready=None,
        tasks=tasks,
        dependencies=edges,
        waivers=waivers,
        calendar=Calendar(),
    )
    return replace(school, **fields)


def waiver(key: str, expires_on: date | None) -> WaiverFacts:
    return WaiverFacts(f"w:{key}", f"id:{key}", "borrowed carts", expires_on)


def ask(*tasks: TaskFacts, now: datetime = NOW, **fields: Any) -> Answer:
    return evaluate(rollout(*tasks, **fields), now)


def at_school(day: date) -> datetime:
    """Seven in the morning of a summer's day in Chicago."""
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


@given(rollouts(), moments())
@THOROUGH
def test_the_answer_is_the_naive_clerks(facts: RolloutFacts, now: datetime) -> None:
    clerk, answer = Naive(facts, now), evaluate(facts, now)
    counted = [gate for gate in clerk.gates if clerk.toward_ready(gate)]
    assert answer.verdict == clerk.verdict(clerk.gates)
    assert (answer.total, answer.satisfied) == (len(clerk.gates), len(counted))
    if not clerk.gates:
        assert (answer.percent, answer.progress, answer.ready_on) == (None, None, None)
    else:
        assert answer.percent == 100 * len(counted) // len(clerk.gates)
        assert answer.ready_on == clerk.ready_on(clerk.gates)
    opened = facts.first_bell is not None and clerk.today >= facts.first_bell
    if clerk.gates and facts.first_bell and not (opened and answer.ready):
        assert answer.float_days == clerk.float_days(clerk.ready_on(clerk.gates))
    else:
        assert answer.float_days is None
    for row in answer.workstreams:
        own = [gate for gate in clerk.gates if gate.workstream == row.workstream]
        assert row.verdict == clerk.verdict(own)
        assert (row.total, row.satisfied) == (len(own), sum(map(clerk.toward_ready, own)))
    assert {row.workstream for row in answer.workstreams} == {
        each.workstream for each in clerk.tasks.values()
    }


@given(rollouts(), moments())
@THOROUGH
def test_blockers_are_what_can_be_done_toward_an_open_gate(
    facts: RolloutFacts, now: datetime
) -> None:
    shown = document(evaluate(facts, now), "v")
    found = [row["task_id"] for row in shown["blockers"]]
    assert len(found) == len(set(found))
    assert set(found) == Naive(facts, now).blockers()
    if facts.first_bell is None:
        assert all(row["must_finish_by"] is None for row in shown["blockers"])
    else:
        order = [(row["must_finish_by"], -row["unblocks"]) for row in shown["blockers"]]
        assert order == sorted(order)
    path = shown["critical_path"]
    assert bool(path) == any(not Naive(facts, now).toward_ready(g) for g in Naive(facts, now).gates)
    if path:
        assert path[-1]["finish"] == shown["forecast"]["ready_on"]
        assert all(step["start"] <= step["finish"] for step in path)


@given(rollouts(), moments(), st.data())
@settings(max_examples=100, deadline=None)
def test_an_answer_stays_true_until_it_says(
    facts: RolloutFacts, now: datetime, data: st.DataObject
) -> None:
    answer = evaluate(facts, now)
    lasts = (answer.good_until - now) // timedelta(microseconds=1)
    assert 0 < lasts <= 25 * 3600 * 1_000_000
    later = now + timedelta(microseconds=data.draw(st.integers(0, lasts - 1)))
    again = document(evaluate(facts, later), "v")
    assert again | {"as_of": None} == document(answer, "v") | {"as_of": None}


@given(rollouts(), moments(), st.data())
@settings(max_examples=100, deadline=None)
def test_finishing_a_task_never_delays_the_school(
    facts: RolloutFacts, now: datetime, data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(facts.tasks) - 1))
    assume(facts.tasks[number].status != "cancelled")
    done = facts.tasks[number]._replace(status="done", progress_total=None, valid_until=None)
    after = (*facts.tasks[:number], done, *facts.tasks[number + 1 :])
    before, better = evaluate(facts, now), evaluate(replace(facts, tasks=after), now)
    if before.ready_on is not None and better.ready_on is not None:
        assert better.ready_on <= before.ready_on
        assert better.satisfied >= before.satisfied


@given(rollouts(), moments())
@settings(max_examples=100, deadline=None)
def test_without_waivers_is_the_answer_that_would_be(facts: RolloutFacts, now: datetime) -> None:
    bare = evaluate(replace(facts, waivers=()), now)
    shown = document(evaluate(facts, now), "v")
    assert shown["without_waivers"] == {"verdict": bare.verdict, "percent": bare.percent}


def test_verdicts_before_first_bell() -> None:
    assert ask().verdict is Verdict.UNPLANNED
    assert ask(task("a", gate=False)).verdict is Verdict.UNPLANNED
    assert ask(task("a"), first_bell=None).verdict is Verdict.UNSCHEDULED
    assert ask(task("a", status="done"), first_bell=None).verdict is Verdict.UNSCHEDULED
    assert ask(task("a", status="done")).verdict is Verdict.READY
    assert ask(task("a")).verdict is Verdict.ON_TRACK
    # 36 working days end on 19 August, one before the last; 34 leave three.
    for days, verdict, floats in (
        (34, Verdict.ON_TRACK, 3),
        (35, Verdict.AT_RISK, 2),
        (37, Verdict.AT_RISK, 0),
        (38, Verdict.LATE, -1),
    ):
        answer = ask(task("a", duration_days=days))
        assert (answer.verdict, answer.float_days) == (verdict, floats)
    assert ask(task("a", duration_days=38)).ready_on == BELL


@pytest.mark.parametrize("day", [BELL, date(2027, 9, 1)])
def test_verdicts_from_first_bell_on(day: date) -> None:
    now = at_school(day)
    stale = task("a", status="done", valid_until=at_school(BELL) - timedelta(hours=3))
    assert ask(task("a", status="done"), now=now).verdict is Verdict.READY
    assert ask(task("a", status="done"), now=now, opened_ready=False).verdict is Verdict.READY
    assert ask(stale, now=now, opened_ready=True).verdict is Verdict.LAPSED
    assert ask(stale, now=now, opened_ready=False).verdict is Verdict.LATE
    assert ask(task("a"), now=now).verdict is Verdict.LATE


def test_percent_and_progress_are_rounded_down() -> None:
    gates = [task("a", status="done"), task("b", status="skipped")]
    answer = ask(*gates, task("c", progress_done=2, progress_total=3), task("n", gate=False))
    assert (answer.percent, answer.progress) == (66, 0.88)
    # All the evidence of a task that is not satisfied is still not all.
    answer = ask(*gates, task("c", progress_done=3, progress_total=3))
    assert (answer.percent, answer.progress) == (66, 0.99)
    answer = ask(*gates)
    assert (answer.percent, answer.progress) == (100, 1.0)
    tenths = [task(str(n), status="done" if n < 7 else "pending") for n in range(10)]
    assert ask(*tenths).progress == 0.7


def test_a_broken_promise_waits_five_days_or_its_usual_slip() -> None:
    late = task("order", expected_on=date(2027, 6, 30), progress_done=1, progress_total=2)
    answer = ask(late)
    assert answer.ready_on == date(2027, 7, 8)
    assert answer.verdict is Verdict.AT_RISK
    assert ask(late._replace(spread_days=7)).ready_on == date(2027, 7, 12)
    assert ask(late._replace(expected_on=TODAY)).ready_on == TODAY
    assert ask(late._replace(expected_on=TODAY)).verdict is Verdict.ON_TRACK
    # Off the critical path it is not what endangers the school.
    assert ask(late, task("long", duration_days=20)).verdict is Verdict.ON_TRACK
    assert ask(late, task("own", workstream="pd")).workstreams[1].verdict is Verdict.AT_RISK


def test_lead_days_count_from_today_until_a_promise_is_made() -> None:
    need = task("need", lead_days=10, progress_total=40)
    assert ask(need).ready_on == date(2027, 7, 15)
    assert ask(need, now=at_school(date(2027, 7, 2))).ready_on == date(2027, 7, 16)
    assert ask(need._replace(expected_on=date(2027, 7, 6))).ready_on == date(2027, 7, 6)


def test_work_under_way_needs_what_remains() -> None:
    begun = task("a", duration_days=5, status="in_progress", started_on=date(2027, 6, 30))
    assert ask(begun).ready_on == date(2027, 7, 6)
    assert ask(begun._replace(started_on=TODAY)).ready_on == date(2027, 7, 7)
    assert ask(begun._replace(started_on=date(2027, 5, 3))).ready_on == TODAY


def test_stale_evidence_is_work_again_and_not_a_broken_promise() -> None:
    stale = task(
        "wifi",
        duration_days=3,
        status="done",
        progress_done=9,
        progress_total=9,
        expected_on=date(2027, 6, 1),
        valid_until=NOW,
    )
    answer = ask(stale)
    assert (answer.ready_on, answer.verdict) == (date(2027, 7, 5), Verdict.ON_TRACK)


def test_nothing_counted_of_nothing_is_not_ready() -> None:
    answer = ask(task("need", kind="devices", status="done", progress_total=0, duration_days=2))
    assert (answer.verdict, answer.ready_on) == (Verdict.ON_TRACK, date(2027, 7, 2))
    assert answer.progress == 0.0


def test_evidence_that_ends_before_first_bell_is_renewed_in_a_window() -> None:
    expiring = task("wifi", duration_days=2, status="done", valid_until=at_school(date(2027, 8, 2)))
    follower = task("golive", duration_days=1)
    answer = ask(expiring, follower, after={"golive": "wifi"})
    assert (answer.satisfied, answer.ready_on) == (0, date(2027, 8, 3))
    shown = document(answer, "v")
    # Both are free today: what must be renewed is satisfied until then and holds up nothing.
    assert [row["key"] for row in shown["blockers"]] == ["golive", "wifi"]
    why = {row["key"]: row["why"] for row in shown["blockers"]}
    assert why["wifi"] == "evidence expires 2 Aug, renew between 2 Aug and 20 Aug"
    # Too close to first bell: renewed before it expires, just in time.
    close = expiring._replace(valid_until=at_school(BELL))
    assert ask(close).ready_on == date(2027, 8, 20)
    # The day after is soon enough.
    assert ask(expiring._replace(valid_until=at_school(date(2027, 8, 24)))).ready


def test_a_waiver_counts_toward_ready_only_if_it_covers_first_bell() -> None:
    open_task = task("pd", duration_days=4)
    covered = ask(open_task, waivers=(waiver("pd", BELL),))
    assert (covered.verdict, covered.forecast.work.waived) == (Verdict.READY, 1)
    short = ask(open_task, waivers=(waiver("pd", date(2027, 8, 20)),))
    assert (short.verdict, short.ready_on) == (Verdict.ON_TRACK, date(2027, 7, 6))
    gone = ask(open_task, waivers=(waiver("pd", date(2027, 6, 30)),))
    assert gone.waivers == {}
    # The longest of several counts, whatever their order.
    both = (waiver("pd", BELL), waiver("pd", date(2027, 7, 2)))
    assert ask(open_task, waivers=both).ready
    assert ask(open_task, waivers=both[::-1]).ready


def test_an_answer_is_good_until_midnight_or_the_next_expiry() -> None:
    midnight = datetime(2027, 7, 2, 5, tzinfo=UTC)
    assert ask(task("a")).good_until == midnight
    soon = NOW + timedelta(hours=2)
    expiring = task("a", status="done", gate=False, valid_until=soon)
    assert ask(expiring).good_until == soon
    assert ask(expiring._replace(valid_until=NOW)).good_until == midnight
    assert ask(expiring._replace(status="cancelled")).good_until == midnight


def test_midnight_that_a_clock_change_skips_is_the_change() -> None:
    # In Cuba the clocks go from 23:59:59 straight to 01:00 on 14 March 2027.
    evening = datetime(2027, 3, 14, 2, tzinfo=UTC)
    answer = ask(task("a"), now=evening, timezone="America/Havana")
    assert answer.at.today == date(2027, 3, 13)
    assert answer.good_until == datetime(2027, 3, 14, 5, tzinfo=UTC)


def test_a_school_without_a_rollout_answers() -> None:
    answer = ask(rollout_id=None, model=None, first_bell=None, state=None)
    row = summary(answer)
    assert (row["verdict"], row["percent"], row["workstreams"]) == ("unplanned", None, [])
    shown = document(answer, "v")
    assert shown["rollout"] is None
    assert shown["forecast"] == {"ready_on": None, "float_days": None}


def test_a_calendar_without_working_days_is_refused() -> None:
    with pytest.raises(NoWorkingDay):
        ask(task("a"), calendar=Calendar(frozenset(range(7))))
    closed = frozenset(TODAY + timedelta(days=n) for n in range(6 * 365))
    with pytest.raises(NoWorkingDay):
        ask(task("a"), calendar=Calendar(days_off=closed))


def test_ten_thousand_tasks_in_a_row() -> None:
    keys = [str(number) for number in range(10_000)]
    chain = dict(zip(keys[1:], keys, strict=False))
    answer = ask(*(task(key) for key in keys), after=chain)
    assert answer.ready_on == Calendar().finish(TODAY, 10_000)
    blocker = document(answer, "v")["blockers"]
    assert [(row["key"], row["unblocks"]) for row in blocker] == [("0", 9_999)]
