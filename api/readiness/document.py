"""The whole answer of a school as a document: what is in the way, and the sentences that say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from api.readiness.forecast import is_broken, local_day, renewal_window
from api.readiness.rules import Answer, evaluate
from api.tasks.graph import NEVER, PROMISE, blockers, critical_path, late_dates, unblocks
from api.tasks.rules import TaskFacts, TaskStatus

# An engineer's morning; the blockers list everything.
NEXT_ACTIONS = 10

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def document(answer: Answer, version: str) -> dict[str, Any]:
    """The answer in the shape of `GET /v1/schools/{school}/readiness`, ready for JSON.

    Days are ISO dates of the school, moments ISO in UTC; `version` is the caller's.
    """
    facts = answer.facts
    stuck, actions = _blockers(answer)
    return {
        "school": {"id": facts.school_id, "code": facts.school_code, "name": facts.school_name},
        "rollout": None
        if facts.rollout_id is None
        else {
            "id": facts.rollout_id,
            "model": facts.model,
            "first_bell": _iso(facts.first_bell),
            "state": facts.state,
        },
        "as_of": _utc(answer.at.now),
        "version": version,
        "verdict": answer.verdict.value,
        "ready": answer.ready,
        "percent": answer.percent,
        "progress": answer.progress,
        "gates": {
            "satisfied": answer.satisfied,
            "total": answer.total,
            "waived": answer.forecast.work.waived,
        },
        "forecast": {"ready_on": _iso(answer.ready_on), "float_days": answer.float_days},
        "workstreams": _workstreams(answer),
        "blockers": stuck,
        "critical_path": _critical_path(answer),
        "next_actions": actions[:NEXT_ACTIONS],
        "waivers": _waivers(answer),
        "without_waivers": _without_waivers(answer),
    }


def _workstreams(answer: Answer) -> list[dict[str, Any]]:
    evidence: dict[str, list[dict[str, Any]]] = {}
    for task in answer.facts.tasks:
        if task.progress_total is not None and task.status != TaskStatus.CANCELLED:
            evidence.setdefault(task.workstream, []).append(
                {
                    "task_id": task.id,
                    "key": task.key,
                    "done": task.progress_done,
                    "total": task.progress_total,
                    "unit": task.unit,
                    "expected_on": _iso(task.expected_on),
                }
            )
    return [
        {
            "workstream": row.workstream,
            "verdict": row.verdict.value,
            "gates": {"satisfied": row.satisfied, "total": row.total},
            "percent": row.percent,
            "evidence": evidence.get(row.workstream, []),
        }
        for row in answer.workstreams
    ]


def _blockers(answer: Answer) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What can be worked on and leads to an unsatisfied gate: as blockers, as next actions."""
    ahead, facts = answer.forecast, answer.facts
    if not ahead.open_gates:
        return [], []
    # Without a first bell there is no day to finish by, but the same tasks are in the way.
    scheduled = facts.first_bell is not None
    deadline = facts.calendar.position(facts.first_bell) - 1 if facts.first_bell else NEVER - 1
    late = late_dates(ahead.order, ahead.before, ahead.duration, ahead.open_gates, deadline)
    waiting = unblocks(ahead.order, ahead.before)
    tasks = ahead.work.tasks
    free = sorted(
        blockers(ahead.before, late),
        key=lambda number: (
            late[number] if scheduled else 0,
            -waiting[number],
            tasks[number].key,
        ),
    )
    stuck, actions = [], []
    for number in free:
        task, days = tasks[number], ahead.duration[number]
        why = _why(answer, number)
        finish_by = start_by = None
        if scheduled:
            finish_by = facts.calendar.day(late[number])
            start_by = facts.calendar.day(late[number] - max(days, 1) + 1)
        who = {"task_id": task.id, "key": task.key, "title": task.title}
        stuck.append(
            {
                **who,
                "why": why,
                "owner_email": task.owner_email,
                "must_finish_by": _iso(finish_by),
                "unblocks": waiting[number],
            }
        )
        actions.append(
            {
                "task_id": task.id,
                "title": task.title,
                "owner_email": task.owner_email,
                "do_by": _iso(start_by),
                "why": why,
            }
        )
    # Stable: without dates, or on the same day, the blockers' order stands.
    actions.sort(key=lambda action: action["do_by"] or "")
    return stuck, actions


def all_actions(answer: Answer) -> list[dict[str, Any]]:
    """`next_actions` without an end: for who asks only for one owner's."""
    return _blockers(answer)[1]


def _critical_path(answer: Answer) -> list[dict[str, Any]]:
    ahead = answer.forecast
    if not ahead.open_gates:
        return []
    early, steps = ahead.early, []
    for number in critical_path(early.driver, ahead.last(ahead.open_gates)):
        task = ahead.work.tasks[number]
        start, finish = step_dates(answer, number)
        steps.append(
            {
                "task_id": task.id,
                "key": task.key,
                "start": _iso(min(start, finish)),
                "finish": _iso(finish),
                "reason": _reason(answer, number, start),
            }
        )
    return steps


def step_dates(answer: Answer, number: int) -> tuple[date, date]:
    """When a task of the forecast starts and finishes, never before today."""
    ahead, calendar, early = answer.forecast, answer.facts.calendar, answer.forecast.early
    finish = max(calendar.day(early.finish[number]), answer.at.today)
    # A milestone takes no day; one that waits for a promise waits from today.
    waits = ahead.duration[number] or early.driver[number] == PROMISE
    return calendar.day(early.start[number]) if waits else finish, finish


def _reason(answer: Answer, number: int, start: date) -> str:
    """Why the task stands where it does on the critical path."""
    ahead, today = answer.forecast, answer.at.today
    task, driver = ahead.work.tasks[number], ahead.early.driver[number]
    if driver >= 0:
        return f"after {ahead.work.tasks[driver].key}"
    if driver == PROMISE:
        return _promise(task, today) or "starts today"
    if ahead.work.holds[number]:
        window = renewal_window(answer.facts, answer.at, task)
        if window is not None:
            return f"renewal from {_day(window[0], today)}"
    if task.not_before is not None and task.not_before > today:
        return f"not before {_day(task.not_before, today)}"
    if task.status == TaskStatus.IN_PROGRESS and task.started_on is not None:
        return f"in progress since {_day(task.started_on, today)}"
    return "starts today" if start <= today else f"starts {_day(start, today)}"


def _why(answer: Answer, number: int) -> str:
    """Why the task is open, in one line for whoever has to act."""
    return ", ".join(_reasons(answer, number)) or "not started"


def _reasons(answer: Answer, number: int) -> Iterator[str]:
    facts, at = answer.facts, answer.at
    task, today = answer.forecast.work.tasks[number], at.today
    if answer.forecast.work.holds[number]:
        window = renewal_window(facts, at, task)
        if window is not None:
            expires = local_day(facts.timezone, task.valid_until) if task.valid_until else today
            yield f"evidence expires {_day(expires, today)}"
            yield f"renew between {_day(window[0], today)} and {_day(window[1], today)}"
            return
        waiver = answer.waivers.get(task.id)
        if waiver is not None and waiver.expires_on is not None:
            yield f"waiver ends {_day(waiver.expires_on, today)}"
    if task.valid_until is not None and task.valid_until <= at.now:
        yield f"evidence expired {_day(local_day(facts.timezone, task.valid_until), today)}"
    promise = _promise(task, today)
    if task.cause:
        yield task.cause
        if is_broken(task, today):
            yield "promise broken, no new date"
    else:
        yield from _outstanding(task)
        if promise:
            yield promise
    if task.not_before is not None and task.not_before > today:
        yield f"not before {_day(task.not_before, today)}"
    # What waits for a promise is not being worked on, however long ago its evidence began.
    if task.status == TaskStatus.IN_PROGRESS and task.started_on is not None and not promise:
        left = answer.forecast.duration[number]
        yield f"in progress since {_day(task.started_on, today)}"
        yield f"{left} working day{'' if left == 1 else 's'} left"


def _outstanding(task: TaskFacts) -> Iterator[str]:
    total = task.progress_total
    if total is None:
        return
    unit = f" {task.unit}" if task.unit else ""
    if total <= 0:
        yield f"nothing to count yet: the total is 0{unit}"
    elif task.progress_done < total:
        yield f"{total - max(task.progress_done, 0)} of {total}{unit} outstanding"


def _promise(task: TaskFacts, today: date) -> str | None:
    if task.expected_on is not None:
        if is_broken(task, today):
            return "promise broken, no new date"
        return f"promised {_day(task.expected_on, today)}" if task.expected_on >= today else None
    if task.lead_days is not None:
        return f"lead time {task.lead_days} working day{'' if task.lead_days == 1 else 's'}"
    return None


def _waivers(answer: Answer) -> list[dict[str, Any]]:
    """Those in force, of tasks that are still in the graph."""
    present = {task.id for task in answer.facts.tasks if task.status != TaskStatus.CANCELLED}
    return [
        {
            "id": waiver.id,
            "task_id": waiver.task_id,
            "reason": waiver.reason,
            "expires_on": _iso(waiver.expires_on),
        }
        for waiver in answer.waivers.values()
        if waiver.task_id in present
    ]


def _without_waivers(answer: Answer) -> dict[str, Any]:
    bare = answer
    if answer.waivers:
        bare = evaluate(replace(answer.facts, waivers=()), answer.at.now)
    return {"verdict": bare.verdict.value, "percent": bare.percent}


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day(day: date, today: date) -> str:
    """`13 Aug`, with the year when it is not this one."""
    short = f"{day.day} {_MONTHS[day.month - 1]}"
    return short if day.year == today.year else f"{short} {day.year}"
