"""What only the playbook as a whole can get wrong: keys, dependencies, cycles, evidence.

Works on the raw tree, so these mistakes are reported beside the mistakes of single fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from api.tasks.playbook_yaml import Data, Tree, clip, join
from api.tasks.rules import TaskKind

DEVICES_KEY = "devices.receive"
"""The one task of kind `devices`: the count of accepted devices against the need moves it."""

ACCOUNTS_KEY = "accounts.create"
"""The one task of kind `accounts`."""

MAX_CIRCLES = 50
MAX_PATH = 20

_ONE_OF_A_KIND = {TaskKind.DEVICES: DEVICES_KEY, TaskKind.ACCOUNTS: ACCOUNTS_KEY}


@dataclass(frozen=True, slots=True)
class _Task:
    pointer: str
    key: str
    fields: dict[str, Data]
    waits_for: tuple[tuple[str, str], ...]
    """(pointer, key) of each dependency."""


def check_playbook(tree: Tree) -> None:
    """Note every problem between the parts of the playbook in `tree.problems`."""
    if not isinstance(tree.data, dict):
        return
    tasks = list(_tasks(tree.data))
    by_key = _distinct_tasks(tree, tasks)
    _check_dependencies(tree, tasks, by_key)
    _check_cycles(tree, by_key)
    _check_first_bell(tree, tasks, by_key)
    _check_kinds(tree, tasks)
    checks = [(f"/checks/{n}", name) for n, name in enumerate(_items(tree.data, "checks"))]
    codes = list(_course_codes(tree))
    _check_evidence(tree, tasks, "check", TaskKind.CHECK, checks)
    _check_evidence(tree, tasks, "course", TaskKind.PD, codes)


def _items(data: dict[str, Data], name: str) -> tuple[Data, ...]:
    found = data.get(name)
    return found if isinstance(found, tuple) else ()


def _tasks(data: dict[str, Data]) -> Iterator[_Task]:
    for number, fields in enumerate(_items(data, "tasks")):
        key = fields.get("key") if isinstance(fields, dict) else None
        if not isinstance(fields, dict) or not isinstance(key, str):
            continue
        pointer = f"/tasks/{number}"
        waits: list[tuple[str, str]] = []
        for index, item in enumerate(_items(fields, "depends_on")):
            other = item.get("task") if isinstance(item, dict) else item
            if isinstance(other, str):
                waits.append((f"{pointer}/depends_on/{index}", other))
        yield _Task(pointer, key, fields, tuple(waits))


def _course_codes(tree: Tree) -> Iterator[tuple[str, Data]]:
    data = tree.data if isinstance(tree.data, dict) else {}
    seen: dict[str, int] = {}
    for number, course in enumerate(_items(data, "courses")):
        code = course.get("code") if isinstance(course, dict) else None
        if not isinstance(code, str):
            continue
        pointer = f"/courses/{number}/code"
        if code in seen:
            detail = f"course `{clip(code)}` is repeated; it is also on line {seen[code]}"
            tree.note(pointer, "duplicate-course", detail)
        seen.setdefault(code, tree.place(pointer).line)
        yield pointer, code


def _distinct_tasks(tree: Tree, tasks: list[_Task]) -> dict[str, _Task]:
    by_key: dict[str, _Task] = {}
    for task in tasks:
        first = by_key.setdefault(task.key, task)
        if first is not task:
            line = tree.place(join(first.pointer, "key")).line
            detail = f"task `{clip(task.key)}` is repeated; it is also on line {line}"
            tree.note(join(task.pointer, "key"), "duplicate-task", detail)
    return by_key


def _check_dependencies(tree: Tree, tasks: list[_Task], by_key: dict[str, _Task]) -> None:
    for task in tasks:
        seen: set[str] = set()
        for pointer, key in task.waits_for:
            if tree.is_unread(pointer):
                continue
            if key not in by_key:
                detail = f"there is no task `{clip(key)}`{tree.suggest(key, by_key)}"
                tree.note(pointer, "unknown-task", detail)
            elif key in seen:
                tree.note(pointer, "repeated-dependency", f"`{clip(key)}` stands twice in the list")
            seen.add(key)


def _check_cycles(tree: Tree, by_key: dict[str, _Task]) -> None:
    for pointer, path in islice(_circles(by_key), MAX_CIRCLES):
        # The listed path runs against the work's direction: each key waits for the next.
        keys = [clip(key) for key in reversed(path)]
        if len(keys) > MAX_PATH:
            keys[MAX_PATH // 2 : -MAX_PATH // 2] = [f"({len(keys) - MAX_PATH} more)"]
        tree.note(pointer, "dependency-cycle", f"tasks wait in a circle: {' -> '.join(keys)}")


def _circles(by_key: dict[str, _Task]) -> Iterator[tuple[str, list[str]]]:
    """Each dependency that closes a circle: its pointer, and the circle with its start repeated.

    Depth first without recursion, so a chain of a thousand tasks is as safe as one of ten.
    """
    finished: set[str] = set()
    for start in by_key:
        path: list[str] = []
        on_path: set[str] = set()
        ahead: list[Iterator[tuple[str, str]]] = [iter([("", start)])]
        while ahead:
            step = next(ahead[-1], None)
            if step is None:
                ahead.pop()
                if path:
                    on_path.discard(path[-1])
                    finished.add(path.pop())
                continue
            pointer, key = step
            if key in on_path:
                yield pointer, [*path[path.index(key) :], key]
            elif key in by_key and key not in finished:
                path.append(key)
                on_path.add(key)
                ahead.append(iter(by_key[key].waits_for))


def _check_first_bell(tree: Tree, tasks: list[_Task], by_key: dict[str, _Task]) -> None:
    after = {task.key for task in by_key.values() if task.fields.get("after_first_bell") is True}
    for task in tasks:
        if task.key not in after:
            for pointer, key in task.waits_for:
                if key in after:
                    detail = f"`{clip(key)}` comes after first bell, this task before it"
                    tree.note(pointer, "waits-past-first-bell", detail)
        elif task.fields.get("gate") is True:
            detail = "a task after first bell cannot be a gate"
            tree.note(join(task.pointer, "gate"), "gate-after-first-bell", detail)


def _check_kinds(tree: Tree, tasks: list[_Task]) -> None:
    for task in tasks:
        kind, pointer = task.fields.get("kind"), join(task.pointer, "kind")
        if kind == TaskKind.ORDER:
            detail = "tasks of kind order are made by purchase orders; use manual"
            tree.note(pointer, "kind-not-allowed", detail)
        for single, key in _ONE_OF_A_KIND.items():
            if (kind == single) != (task.key == key):
                tree.note(pointer, "fixed-key", f"`{key}`, and no other task, has kind {single}")
            elif kind == single and task.fields.get("gate") is not True:
                tree.note(join(task.pointer, "gate"), "gate-required", f"`{key}` must be a gate")


def _check_evidence(
    tree: Tree, tasks: list[_Task], name: str, kind: str, listed: list[tuple[str, Data]]
) -> None:
    """Tasks of `kind` name one of the `listed` sources, and each source serves a task."""
    known = [item for _, item in listed if isinstance(item, str)]
    used: set[str] = set()
    for task in tasks:
        source, pointer = task.fields.get(name), join(task.pointer, name)
        if tree.is_unread(pointer):
            continue
        if isinstance(source, str):
            used.add(source)
            if task.fields.get("kind") != kind:
                tree.note(pointer, "evidence-kind", f"only tasks of kind {kind} have `{name}`")
            elif source not in known:
                detail = f"there is no {name} `{clip(source)}`{tree.suggest(source, known)}"
                tree.note(pointer, f"unknown-{name}", detail)
        elif task.fields.get("kind") == kind and source is None:
            tree.note(pointer, "missing", f"`{name}` is missing: what proves this task?")
    for pointer, item in listed:
        if isinstance(item, str) and item not in used:
            tree.note(pointer, f"unused-{name}", f"{name} `{clip(item)}` proves no task")
