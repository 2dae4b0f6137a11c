"""A school's graph with the forecast's dates: what the Gantt and the network plan draw."""

from __future__ import annotations

from datetime import date
from typing import Any

from api.readiness.document import step_dates
from api.readiness.rules import Answer
from api.tasks.graph import NEVER, critical_path, late_dates
from api.tasks.rules import TaskFacts, TaskStatus


def graph_view(
    answer: Answer, planned: dict[str, tuple[date | None, date | None]]
) -> dict[str, Any]:
    """Tasks, edges, first bell and today, in the shape of `GET /v1/schools/{school}/graph`.

    `planned` gives the baseline (start, finish) by task id. Forecast dates are null for what is
    satisfied or leads to no gate.
    """
    facts = answer.facts
    dates = _dates(answer)
    tasks = []
    for task in facts.tasks:
        if task.status == TaskStatus.CANCELLED:
            continue
        forecast = dates.get(task.id)
        tasks.append(_task(task, forecast, planned.get(task.id, (None, None))))
    shown = {task["id"] for task in tasks}
    edges = [
        {"predecessor_id": a, "successor_id": b, "lag_days": lag}
        for a, b, lag in facts.dependencies
        if a in shown and b in shown
    ]
    return {
        "tasks": tasks,
        "edges": edges,
        "first_bell": facts.first_bell,
        "today": answer.at.today,
    }


Dates = tuple[date | None, date | None, date | None, int | None, bool]


def _task(
    task: TaskFacts, forecast: Dates | None, baseline: tuple[date | None, date | None]
) -> dict[str, Any]:
    start, finish, late, floats, critical = forecast or (None, None, None, None, False)
    return {
        "id": task.id,
        "key": task.key,
        "title": task.title,
        "workstream": task.workstream,
        "kind": str(task.kind),
        "gate": task.gate,
        "status": str(task.status),
        "satisfied": forecast is None,
        "of_network": task.of_network,
        "start": start,
        "finish": finish,
        "late_finish": late,
        "float_days": floats,
        "critical": critical,
        "owner_email": task.owner_email,
        "progress_done": task.progress_done,
        "progress_total": task.progress_total,
        "unit": task.unit,
        "planned_start": baseline[0],
        "planned_finish": baseline[1],
    }


def _dates(answer: Answer) -> dict[str, Dates]:
    """By task id of what is left to do: start, finish, late finish, float, critical."""
    ahead, facts = answer.forecast, answer.facts
    if not ahead.open_gates:
        return {task.id: (None, None, None, None, False) for task in ahead.work.tasks}
    deadline = NEVER - 1
    if facts.first_bell is not None:
        deadline = facts.calendar.position(facts.first_bell) - 1
    late = late_dates(ahead.order, ahead.before, ahead.duration, ahead.open_gates, deadline)
    critical = set(critical_path(ahead.early.driver, ahead.last(ahead.open_gates)))
    dates: dict[str, Dates] = {}
    for number, task in enumerate(ahead.work.tasks):
        if late[number] == NEVER:
            dates[task.id] = (None, None, None, None, False)
            continue
        start, finish = step_dates(answer, number)
        dates[task.id] = (
            min(start, finish),
            finish,
            facts.calendar.day(late[number]) if facts.first_bell else None,
            late[number] - ahead.early.finish[number] if facts.first_bell else None,
            number in critical,
        )
    return dates
