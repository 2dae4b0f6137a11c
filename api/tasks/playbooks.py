"""Playbooks: the plan of a blended model, read from YAML. Pure: text in, frozen values out.

How to write one, field by field: docs/playbooks.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import NamedTuple

from api.tasks.playbook_checks import check_playbook
from api.tasks.playbook_errors import PlaybookInvalid
from api.tasks.playbook_schema import CourseIn, DependencyIn, PlaybookIn, TaskIn, validate
from api.tasks.playbook_yaml import read_tree
from api.tasks.rules import TaskKind


class Duration(NamedTuple):
    """Three-point estimate in working days; `likely` is what a plan uses."""

    low: int
    likely: int
    high: int


class PlaybookDependency(NamedTuple):
    """Finish-to-start on the task `key` of the same playbook; `lag_days` in working days."""

    key: str
    lag_days: int


@dataclass(frozen=True, slots=True)
class PlaybookCourse:
    """A training course; `required_share` (0-1] of the staff with one of `roles` must attend."""

    code: str
    title: str
    hours: Decimal
    required_share: Decimal
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlaybookTask:
    """One task. `check` and `course` name the evidence of kinds `check` and `pd`, else None."""

    key: str
    title: str
    workstream: str
    kind: TaskKind
    gate: bool
    owner_role: str
    duration: Duration
    depends_on: tuple[PlaybookDependency, ...]
    description: str
    after_first_bell: bool
    unit: str | None
    check: str | None
    course: str | None


@dataclass(frozen=True, slots=True)
class Playbook:
    """A whole plan. Tasks keep the order of the file; the graph they form has no cycle.

    `model` is a value of `BlendedModel`; need = enrollment x `devices_per_student`, and teachers
    x `devices_per_teacher`, each plus `spare_percent`; `default_lead_days` (working days) holds
    while nothing is promised.
    """

    name: str
    version: int
    title: str
    model: str
    summary: str
    devices_per_student: Decimal
    devices_per_teacher: Decimal
    spare_percent: int
    default_lead_days: int
    checks: tuple[str, ...]
    courses: tuple[PlaybookCourse, ...]
    tasks: tuple[PlaybookTask, ...]


def parse_playbook(text: str | bytes) -> Playbook:
    """Read one playbook. Raises `PlaybookInvalid`, and nothing else, listing every problem."""
    tree = read_tree(text)
    parsed = validate(tree)
    check_playbook(tree)
    if parsed is None or tree.problems:
        raise PlaybookInvalid(tree.problems)
    return _playbook(parsed)


@cache
def shipped_playbooks() -> tuple[Playbook, ...]:
    """The playbooks that come with FirstBell, one per blended model, in order of name."""
    folder = resources.files("api.tasks").joinpath("shipped")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    return tuple(parse_playbook(file.read_bytes()) for file in files)


def shipped_source(name: str) -> str:
    """The YAML of a shipped playbook, comments and all."""
    file = resources.files("api.tasks").joinpath("shipped", f"{name}.yaml")
    return file.read_text(encoding="utf-8")


def _playbook(read: PlaybookIn) -> Playbook:
    return Playbook(
        name=read.name,
        version=read.version,
        title=read.title,
        model=read.model.value,
        summary=read.summary,
        devices_per_student=read.devices_per_student,
        devices_per_teacher=read.devices_per_teacher,
        spare_percent=read.spare_percent,
        default_lead_days=read.default_lead_days,
        checks=read.checks,
        courses=tuple(_course(course) for course in read.courses),
        tasks=tuple(_task(task) for task in read.tasks),
    )


def _course(read: CourseIn) -> PlaybookCourse:
    return PlaybookCourse(read.code, read.title, read.hours, read.required_share, read.roles)


def _task(read: TaskIn) -> PlaybookTask:
    return PlaybookTask(
        key=read.key,
        title=read.title,
        workstream=read.workstream or read.key.partition(".")[0],
        kind=read.kind,
        gate=read.gate,
        owner_role=read.owner_role,
        duration=Duration(*read.duration),
        depends_on=tuple(_dependency(item) for item in read.depends_on),
        description=read.description,
        after_first_bell=read.after_first_bell,
        unit=read.unit,
        check=read.check,
        course=read.course,
    )


def _dependency(read: DependencyIn) -> PlaybookDependency:
    return PlaybookDependency(read.task, read.lag_days)
