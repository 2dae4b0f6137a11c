"""Words of targets, what a row in the queue asks for, and the arithmetic of waiting. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple


class TargetKind(StrEnum):
    """`scim`: pushed to over HTTP (RFC 7644); `csv`: handed to people as a file."""

    scim = "scim"
    csv = "csv"


# Kinds that can be sent an account's initial password.
TAKES_PASSWORDS = frozenset({TargetKind.scim})


class Policy(StrEnum):
    """What becomes of an account whose name the target has already, not made by us.

    `adopt`: it is the same student's, and becomes as ours is; `rename`: the student gets another
    name there; `refuse`: somebody has to look.
    """

    adopt = "adopt"
    rename = "rename"
    refuse = "refuse"


class Desired(StrEnum):
    active = "active"
    suspended = "suspended"
    deleted = "deleted"


class Observed(StrEnum):
    """What is known of an account at the target. `handed_off`: in a file that nobody confirmed."""

    none = "none"
    active = "active"
    suspended = "suspended"
    handed_off = "handed_off"


class Action(StrEnum):
    create = "create"
    update = "update"
    suspend = "suspend"
    restore = "restore"
    delete = "delete"


class Outcome(StrEnum):
    """`done`; `again`: it may succeed later; `never`: not before somebody has changed something;
    `untried`: nothing was asked of the target, so it does not count as an attempt.
    """

    done = "done"
    again = "again"
    never = "never"
    untried = "untried"


class Breaker(StrEnum):
    """`open`: the target failed time and again and is left alone for a while; `refused`: it
    refuses our credentials, and is left alone until they are changed or somebody asks for a sync.
    """

    closed = "closed"
    open = "open"
    refused = "refused"


class RowState(StrEnum):
    """How a row of the queue is listed."""

    waiting = "waiting"
    settled = "settled"
    dead = "dead"
    drifted = "drifted"


# Not counted as met until the target has it, or people were handed it.
MET = (Observed.active, Observed.handed_off)
MOST_ATTEMPTS = 8
# In a row, whatever they were about; then the target is left alone.
FAILURES_TO_OPEN = 5
_FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 900.0
_FIRST_BACKOFF, _LONGEST_BACKOFF = 2.0, 3600.0
# A target that asks for more is asked again after this.
LONGEST_HOLD = 86_400.0


def action_of(desired: Desired, observed: Observed, *, known: bool) -> Action:
    """What brings a target to what is desired; `known`: its account has an id there.

    What was never observed there is made first, also where it is to be suspended: an earlier
    attempt may have made it.
    """
    if desired is Desired.deleted:
        return Action.delete
    if not known:
        return Action.create
    if desired is Desired.suspended:
        return Action.update if observed is Observed.suspended else Action.suspend
    return Action.restore if observed is Observed.suspended else Action.update


def observed_after(desired: Desired) -> Observed:
    """What is known once the target has done what was desired."""
    if desired is Desired.deleted:
        return Observed.none
    return Observed.suspended if desired is Desired.suspended else Observed.active


def backoff_seconds(attempts: int, chance: float) -> float:
    """The wait after that many attempts, doubled each time; `chance` in [0, 1) spreads it over
    half of that, so that a thousand that failed together do not come again together.
    """
    whole: float = min(_FIRST_BACKOFF * 2.0 ** min(attempts, 20), _LONGEST_BACKOFF)
    return whole * (0.5 + chance / 2)


def pause_seconds(trips: int) -> float:
    """How long a target is left alone, the `trips`-th time in a row (from 1)."""
    pause: float = min(_FIRST_PAUSE * 2.0 ** min(trips - 1, 20), _LONGEST_PAUSE)
    return pause


class Backlog(NamedTuple):
    """What still waits for a target, and how fast it takes it."""

    waiting: int
    rate_per_minute: int


def remaining(backlog: Backlog) -> timedelta:
    """How long a queue takes at the target's rate, were nothing to fail."""
    return timedelta(minutes=backlog.waiting / backlog.rate_per_minute)


def spoken(wait: timedelta) -> str:
    """A wait as people say it: `13 minutes`, `3 hours`, `15 days`."""
    minutes = max(1, -(-int(wait.total_seconds()) // 60))
    for size, word in ((1440, "day"), (60, "hour")):
        if minutes >= 2 * size:
            return f"{-(-minutes // size)} {word}s"
    return f"{minutes} minute{'s' if minutes > 1 else ''}"
