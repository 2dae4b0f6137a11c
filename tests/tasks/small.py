"""Small playbooks to apply, with tasks and dependencies as a test wants them."""

from __future__ import annotations

from tests.tasks.conftest import Body, Caller

HEAD = """\
name: {name}
version: {version}
title: Small
model: {model}
summary: A small playbook.
devices_per_student: 1
spare_percent: 5
default_lead_days: 30
tasks:
"""
TASK = """\
  - key: {key}
    title: {title}
    owner_role: tech
    duration: [1, {days}, 250]
    description: Do it.
    depends_on: [{before}]
"""


def small(
    *tasks: str,
    name: str = "small",
    version: int = 1,
    model: str = "flexible",
    title: str = "Do it",
    **more: str,
) -> str:
    """YAML with these tasks, each `key`, `key:days` or `key:days<before,before`.

    `more` adds lines to the task of that key, dots written as underscores.
    """
    text = HEAD.format(name=name, version=version, model=model)
    for task in tasks:
        left, _, before = task.partition("<")
        key, _, days = left.partition(":")
        before = ", ".join(part for part in before.split(",") if part)
        text += TASK.format(key=key, title=title, days=days or "2", before=before)
        if extra := more.get(key.replace(".", "_")):
            text += f"    {extra}\n"
    return text


async def add(caller: Caller, *tasks: str, network: str | None = None, **given: object) -> Body:
    """Keep a small playbook."""
    body = {"source": small(*tasks, **given), "network": network}  # type: ignore[arg-type] # passed on
    made: Body = await caller.post("/playbooks", body, 201)
    return made
