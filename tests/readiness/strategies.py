"""Random rollouts of a few tasks in every state there is."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import strategies as st

from api.readiness.rules import RolloutFacts
from api.tasks.rules import DependencyFacts, TaskFacts, TaskStatus, WaiverFacts
from tests.tasks.strategies import AROUND, calendars, days, graphs

ZONES = ("America/Chicago", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/Havana")


def moments() -> st.SearchStrategy[datetime]:
    """Aware moments of the days around 1 July 2027."""
    start = datetime.combine(AROUND, time(), UTC)
    return st.integers(-20 * 24 * 60, 20 * 24 * 60).map(lambda n: start + timedelta(minutes=n))


def maybe_day() -> st.SearchStrategy[date | None]:
    return st.none() | days(15, 25)


@st.composite
def tasks(draw: st.DrawFn, number: int) -> TaskFacts:
    """One task; half of them plain, the others with any mixture of evidence and promises."""
    status = draw(st.sampled_from(TaskStatus))
    plain = TaskFacts(
        id=f"id-{number}",
        key=f"task-{number}",
        title=f"Task {number}",
        workstream=draw(st.sampled_from(("devices", "pd", "food"))),
        kind="evidence",
        gate=draw(st.booleans()),
        duration_days=draw(st.integers(0, 6)),
        status=status,
        of_network=draw(st.booleans()),
    )
    if draw(st.booleans()):
        return plain
    return plain._replace(
        not_before=draw(maybe_day()),
        progress_done=draw(st.integers(0, 4)),
        progress_total=draw(st.none() | st.integers(0, 4)),
        expected_on=draw(maybe_day()),
        lead_days=draw(st.none() | st.integers(0, 12)),
        spread_days=draw(st.none() | st.integers(0, 9)),
        valid_until=draw(st.none() | moments()),
        started_on=draw(maybe_day()),
    )


@st.composite
def rollouts(draw: st.DrawFn) -> RolloutFacts:
    """A school's rollout with up to seven tasks, some waived, first bell near or not set."""
    size, edges = draw(graphs(most=7))
    drawn = tuple(draw(tasks(number)) for number in range(size))
    waived = draw(st.lists(st.tuples(st.integers(0, size - 1), maybe_day()), max_size=3))
    return RolloutFacts(
        school_id="school",
        school_code="S",
        school_name="School",
        timezone=draw(st.sampled_from(ZONES)),
        rollout_id="rollout",
        model="flexible",
        first_bell=draw(maybe_day()),
        state="active",
        opened_ready=draw(st.none() | st.booleans()),
        tasks=drawn,
        dependencies=tuple(
            DependencyFacts(f"id-{first}", f"id-{second}", lag) for first, second, lag in edges
        ),
        waivers=tuple(
            WaiverFacts(f"w-{number}", f"id-{task}", "because", until)
            for number, (task, until) in enumerate(waived)
        ),
        calendar=draw(calendars()),
    )
