"""Rollouts as the columns `batch` judges, by way of no database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np

from api.readiness.arrange import microseconds_of
from api.readiness.batch import (
    FOR_EVER,
    LAST_DAY,
    NONE,
    STATUSES,
    Edges,
    Judged,
    Schools,
    Tasks,
    judge_many,
)
from api.readiness.forecast import horizon, local_day, moment_at
from api.readiness.rules import RolloutFacts, stream_order
from api.tasks.many_days import Calendars
from api.tasks.rules import TaskFacts


def judged(rollouts: Sequence[RolloutFacts], now: datetime) -> tuple[Judged, list[str]]:
    """What the batch says of all of them at once, and the workstreams' order."""
    streams = stream_order({task.workstream for facts in rollouts for task in facts.tasks})
    schools = [_school(number, facts, now) for number, facts in enumerate(rollouts)]
    tasks: list[tuple[Any, ...]] = []
    edges: list[tuple[int, int, int]] = []
    for number, facts in enumerate(rollouts):
        index: dict[str, int] = {}
        for task in facts.tasks:
            if task.status != "cancelled":
                index[task.id] = len(tasks)
                tasks.append((number, streams.index(task.workstream), *_task(task, facts)))
        edges += [
            (index[edge.predecessor_id], index[edge.successor_id], edge.lag_days)
            for edge in facts.dependencies
            if edge.predecessor_id in index and edge.successor_id in index
        ]
    result = judge_many(
        Schools(*_columns(schools, Schools._fields)),
        Tasks(*_columns(tasks, Tasks._fields)),
        Edges(*_columns(edges, Edges._fields)),
        Calendars([facts.calendar for facts in rollouts]),
        len(streams),
        microseconds_of(now),
    )
    return result, streams


def _columns(rows: Sequence[Iterable[Any]], names: Sequence[str]) -> list[Any]:
    table = np.array([list(row) for row in rows], np.int64).reshape(len(rows), len(names))
    flags = {"gate", "opened_ready"}
    return [
        column.astype(bool) if name in flags else column
        for name, column in zip(names, table.T, strict=True)
    ]


def _school(number: int, facts: RolloutFacts, now: datetime) -> tuple[Any, ...]:
    at = moment_at(facts.timezone, now)
    until, until_day = horizon(facts.timezone, facts.first_bell, at)
    return (
        *(number, at.today.toordinal(), microseconds_of(at.midnight)),
        *(microseconds_of(until), until_day.toordinal(), _day(facts.first_bell)),
        bool(facts.opened_ready),
    )


def _task(task: TaskFacts, facts: RolloutFacts) -> tuple[Any, ...]:
    waived = [
        LAST_DAY if waiver.expires_on is None else waiver.expires_on.toordinal()
        for waiver in facts.waivers
        if waiver.task_id == task.id
    ]
    ends = task.valid_until
    return (
        *(task.gate, [str(one) for one in STATUSES].index(task.status), task.duration_days),
        *(task.progress_done, _number(task.progress_total)),
        *(_day(task.not_before), _day(task.expected_on)),
        *(_number(task.lead_days), _number(task.spread_days), _day(task.started_on)),
        FOR_EVER if ends is None else microseconds_of(ends),
        NONE if ends is None else local_day(facts.timezone, ends).toordinal(),
        max(waived, default=NONE),
    )


def _day(day: date | None) -> int:
    return NONE if day is None else day.toordinal()


def _number(number: int | None) -> int:
    return NONE if number is None else number
