"""A playbook's tasks as rows: planned, written fresh, or refreshed to another version."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from api import clock
from api.tasks.days import Calendar
from api.tasks.merge import edges_in
from api.tasks.models import Rollout, Task
from api.tasks.plan import Planned, plan
from api.tasks.playbooks import Playbook, PlaybookTask
from api.tasks.rules import TaskKind, TaskStatus

TASK_COLUMNS = (
    "id, network_id, school_id, rollout_id, key, title, description, workstream, kind, gate,"
    " after_first_bell, owner_role, duration_days, duration_low, duration_high, lead_days, unit,"
    " planned_start, planned_finish, not_before, playbook_version, status, progress_done, version,"
    " created_at, updated_at"
)


class Plans:
    """Planned dates of a fresh rollout, once for every calendar and first bell there is."""

    def __init__(self, playbook: Playbook) -> None:
        self.playbook = playbook
        index = {task.key: number for number, task in enumerate(playbook.tasks)}
        self.edges = [(index[a], index[b], lag) for (a, b), lag in edges_in(playbook).items()]
        self._made: dict[tuple[Calendar, date], list[Planned]] = {}

    def of(self, calendar: Calendar, first_bell: date | None) -> list[Planned] | None:
        if first_bell is None:
            return None
        if (calendar, first_bell) not in self._made:
            tasks = self.playbook.tasks
            days = [max(task.duration.likely, lead_of(self.playbook, task) or 0) for task in tasks]
            launch = [task.after_first_bell for task in tasks]
            self._made[calendar, first_bell] = plan(days, self.edges, launch, calendar, first_bell)
        return self._made[calendar, first_bell]


def lead_of(playbook: Playbook, task: PlaybookTask) -> int | None:
    """Devices on no order yet take the usual lead time."""
    return playbook.default_lead_days if task.kind is TaskKind.DEVICES else None


def row_of(
    rollout: Rollout,
    playbook: Playbook,
    task: PlaybookTask,
    task_id: UUID,
    when: Planned | None,
    now: datetime,
) -> tuple[Any, ...]:
    start, finish, not_before = when or (None, None, None)
    return (
        task_id,
        rollout.network_id,
        rollout.school_id,
        rollout.id,
        task.key,
        task.title,
        task.description,
        task.workstream,
        task.kind.value,
        task.gate,
        task.after_first_bell,
        task.owner_role,
        task.duration.likely,
        task.duration.low,
        task.duration.high,
        lead_of(playbook, task),
        task.unit,
        start,
        finish,
        not_before,
        playbook.version,
        TaskStatus.PENDING.value,
        0,
        1,
        now,
        now,
    )


def refresh(mine: Task, task: PlaybookTask, playbook: Playbook) -> bool:
    """Bring a task to another version, except what a person has set; whether that changed it."""
    wanted: dict[str, object] = {
        "title": task.title,
        "description": task.description,
        "workstream": task.workstream,
        "kind": task.kind.value,
        "gate": task.gate,
        "after_first_bell": task.after_first_bell,
        "owner_role": task.owner_role,
    }
    if "duration_days" not in mine.edited:
        low, likely, high = task.duration
        wanted |= {"duration_low": low, "duration_days": likely, "duration_high": high}
    if mine.progress_total is None:
        # Evidence brings its own unit and lead time.
        wanted |= {"unit": task.unit, "lead_days": lead_of(playbook, task)}
    if mine.after_first_bell and not task.after_first_bell and "not_before" not in mine.edited:
        mine.not_before = None
    changed = {
        name: value
        for name, value in wanted.items()
        if name not in mine.edited and getattr(mine, name) != value
    }
    for name, value in changed.items():
        setattr(mine, name, value)
    mine.playbook_version = playbook.version
    if changed:
        mine.version += 1
        mine.updated_at = clock.now()
    return bool(changed)
