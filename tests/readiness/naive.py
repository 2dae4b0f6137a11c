"""DESIGN section 5 again, slowly: real dates, one day at a time, nothing shared with the product.

Only the plain facts (named tuples of input) are read from the product.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from api.readiness.forecast import RolloutFacts
from api.tasks.rules import TaskFacts

DAY = timedelta(days=1)


@dataclass
class Naive:
    """What a patient clerk with a wall calendar would say."""

    facts: RolloutFacts
    now: datetime

    def __post_init__(self) -> None:
        self.zone = ZoneInfo(self.facts.timezone)
        self.today = self.now.astimezone(self.zone).date()
        self.bell = self.facts.first_bell
        self.tasks = {task.id: task for task in self.facts.tasks if task.status != "cancelled"}
        self.gates = [task for task in self.tasks.values() if task.gate]
        self.known: dict[str, tuple[date, date]] = {}

    # the calendar

    def works(self, day: date) -> bool:
        calendar = self.facts.calendar
        return day.weekday() not in calendar.weekend and day not in calendar.days_off

    def walk(self, day: date, count: int, step: timedelta = DAY) -> date:
        while count:
            day += step
            count -= self.works(day)
        return day

    def roll(self, day: date) -> date:
        return day if self.works(day) else self.walk(day, 1)

    def later(self, day: date, count: int) -> date:
        return self.walk(day, count) if count else day

    # satisfied

    def evidence_holds(self, task: TaskFacts, through: date | None = None) -> bool:
        if task.status not in ("done", "skipped"):
            return False
        if task.status == "done" and task.progress_total == 0:
            return False
        if task.valid_until is None:
            return True
        if through is not None:
            return task.valid_until.astimezone(self.zone).date() > through
        return task.valid_until > self.now

    def waived(self, task: TaskFacts, day: date) -> bool:
        return any(
            waiver.task_id == task.id and (waiver.expires_on is None or waiver.expires_on >= day)
            for waiver in self.facts.waivers
        )

    def satisfied(self, task: TaskFacts) -> bool:
        return self.evidence_holds(task) or self.waived(task, self.today)

    def toward_ready(self, task: TaskFacts) -> bool:
        if self.bell is None or self.today >= self.bell:
            return self.satisfied(task)
        return self.evidence_holds(task, self.bell) or self.waived(task, self.bell)

    # dates

    def remaining(self, task: TaskFacts) -> int:
        if task.status != "in_progress" or task.started_on is None:
            return task.duration_days
        day, since = task.started_on, 0
        while day < self.today:
            since += self.works(day)
            day += DAY
        return max(min(1, task.duration_days), task.duration_days - since)

    def nothing_expected(self, task: TaskFacts) -> bool:
        if task.status == "skipped":
            return True
        if task.status == "done":
            return task.progress_total != 0
        return bool(task.progress_total) and task.progress_done >= (task.progress_total or 0)

    def broken(self, task: TaskFacts) -> bool:
        overdue = task.expected_on is not None and task.expected_on < self.today
        return overdue and not self.nothing_expected(task)

    def promise(self, task: TaskFacts) -> date | None:
        if self.broken(task):
            return self.walk(self.today, max(5, task.spread_days or 0))
        if task.expected_on is not None:
            return self.roll(task.expected_on) if task.expected_on >= self.today else None
        if task.lead_days is None or self.nothing_expected(task):
            return None
        return self.walk(self.today, task.lead_days) if task.lead_days else self.roll(self.today)

    def open_before(self, task: TaskFacts) -> list[tuple[TaskFacts, int]]:
        return [
            (self.tasks[edge.predecessor_id], edge.lag_days)
            for edge in self.facts.dependencies
            if edge.successor_id == task.id
            and edge.predecessor_id in self.tasks
            and not self.satisfied(self.tasks[edge.predecessor_id])
        ]

    def own_start(self, task: TaskFacts) -> date:
        own = self.today
        if task.not_before is not None:
            own = max(own, task.not_before)
        if self.evidence_holds(task) and self.bell is not None and task.valid_until is not None:
            last = self.walk(self.bell, 1, -DAY)
            latest = self.walk(last + DAY, task.duration_days, -DAY) if task.duration_days else last
            own = max(own, min(task.valid_until.astimezone(self.zone).date(), latest))
        return own

    def dates(self, task: TaskFacts) -> tuple[date, date]:
        """The finish, and the first day that is free for a successor without lag."""
        if task.id in self.known:
            return self.known[task.id]
        own = self.own_start(task)
        before = [(self.dates(earlier), lag) for earlier, lag in self.open_before(task)]
        start = max([self.roll(own), *(self.later(free, lag) for (_, free), lag in before)])
        days = self.remaining(task)
        if days:
            finish = self.walk(start - DAY, days)
            free = self.walk(finish, 1)
        else:
            held = self.roll(own) if own > self.today else self.today
            finish = max([held, *(self.later(end, lag) for (end, _), lag in before)])
            free = start
        promise = self.promise(task)
        if promise is not None and promise >= finish:
            finish, free = promise, self.walk(promise, 1)
        self.known[task.id] = finish, free
        return finish, free

    # the answer

    def ready_on(self, gates: Iterable[TaskFacts]) -> date:
        return max(
            [self.today, *(self.dates(gate)[0] for gate in gates if not self.toward_ready(gate))]
        )

    def float_days(self, ready_on: date) -> int:
        assert self.bell is not None
        last = self.walk(self.bell, 1, -DAY)
        low, high = sorted((ready_on, last))
        span = (low + n * DAY for n in range(1, (high - low).days + 1))
        count = sum(self.works(day) for day in span)
        return count if last >= ready_on else -count

    def promise_breaks(self, gates: list[TaskFacts]) -> bool:
        """Whether some broken promise, one working day later, would make the gates later."""
        end = self.ready_on(gates)
        for task in self.tasks.values():
            if not self.is_work(task) or not self.broken(task):
                continue
            other = Naive(self.facts, self.now)
            finish, free = other.dates(task)
            other.known = {task.id: (self.walk(finish, 1), self.walk(free, 1))}
            if other.ready_on(gates) > end:
                return True
        return False

    def verdict(self, gates: list[TaskFacts]) -> str:
        if not gates:
            return "unplanned"
        if self.bell is None:
            return "unscheduled"
        ready = all(self.toward_ready(gate) for gate in gates)
        if ready:
            return "ready"
        if self.today >= self.bell:
            return "lapsed" if self.facts.opened_ready else "late"
        ready_on = self.ready_on(gates)
        if ready_on >= self.bell:
            return "late"
        if self.float_days(ready_on) < 3 or self.promise_breaks(gates):
            return "at_risk"
        return "on_track"

    def leads_to_open_gate(self, task: TaskFacts) -> bool:
        if task.gate and not self.toward_ready(task):
            return True
        if self.satisfied(task):
            return False
        return any(
            self.leads_to_open_gate(self.tasks[edge.successor_id])
            for edge in self.facts.dependencies
            if edge.predecessor_id == task.id
            and edge.successor_id in self.tasks
            and self.is_work(self.tasks[edge.successor_id])
        )

    def is_work(self, task: TaskFacts) -> bool:
        return not self.satisfied(task) or (task.gate and not self.toward_ready(task))

    def blockers(self) -> set[str]:
        return {
            task.id
            for task in self.tasks.values()
            if self.is_work(task) and not self.open_before(task) and self.leads_to_open_gate(task)
        }
