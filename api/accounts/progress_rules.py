"""What a school's accounts say of its readiness: how many there should be, and why so. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

# A roster that names fewer of the enrolled may be cut short, so enrollment counts.
COVERS_PERCENT = 85
UNIT = "accounts"


class Queue(NamedTuple):
    """What a school's accounts still need at a required target: `waiting` will come by
    themselves, on `ends_on` (null: not by themselves, for `why`), `dead` were given up.
    """

    target: str
    waiting: int
    dead: int
    ends_on: date | None
    why: str


class Evidence(NamedTuple):
    """`total` null: nobody knows how many students there are. `cause` is shown as `why`.

    `expected_on` is when targets will have all that lacks, where nothing else is in the way.
    """

    done: int
    total: int | None
    unit: str
    cause: str | None
    expected_on: date | None = None


def accounts_evidence(
    active: int, roster: int | None, enrollment: int | None, queues: Sequence[Queue] = ()
) -> Evidence:
    """Active accounts of those expected, at every required target.

    `roster` counts the students of the last full rosters, null where there was none. It is what
    is expected once it names at least 85 percent of enrollment; until then enrollment is.
    """
    covers = roster is not None and (
        enrollment is None or roster * 100 >= enrollment * COVERS_PERCENT
    )
    total = roster if covers else enrollment
    if total is None:
        basis = "neither enrollment nor a full roster is known"
        return Evidence(active, None, UNIT, "; ".join([basis, *_told(queues)]))
    basis = "by the last full roster" if covers else "by enrollment"
    if roster is not None and not covers:
        basis += f"; the last full roster names {roster}, less than {COVERS_PERCENT} % of it"
    lacking = total - active
    if lacking <= 0:
        return Evidence(active, total, UNIT, f"{total} accounts expected {basis}")
    cause = "; ".join([f"{lacking} of {total} accounts missing {basis}", *_told(queues)])
    return Evidence(active, total, UNIT, cause, _promised(lacking, queues))


def _told(queues: Sequence[Queue]) -> list[str]:
    told = []
    for one in queues:
        if one.waiting:
            told.append(f"{one.waiting} wait for {one.target} ({one.why})")
        if one.dead:
            told.append(f"{one.dead} were given up at {one.target}, somebody has to look")
    return told


def _promised(lacking: int, queues: Sequence[Queue]) -> date | None:
    """The day on which the last queue ends, if all that lacks is in queues that do."""
    days = [one.ends_on for one in queues if one.waiting]
    ends = [day for day in days if day is not None]
    stuck = any(one.dead for one in queues) or len(ends) < len(days)
    # Who waits at several targets is in each of their queues.
    waiting = max((one.waiting for one in queues), default=0)
    return None if stuck or waiting < lacking else max(ends, default=None)
