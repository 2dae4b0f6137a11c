"""Words of accounts and their imports, and which state may follow which. Pure."""

from __future__ import annotations

from enum import StrEnum

# The code of a row that is refused since its student was erased.
ERASED = "erased-student"
# The scope of a run that is about all schools of its source.
WHOLE_SOURCE = "source"


class AccountStatus(StrEnum):
    """`missing`: a full roster did not name it; `suspended`: for longer than the grace period, or
    because the source said so. Only `active` accounts are counted as done.
    """

    active = "active"
    missing = "missing"
    suspended = "suspended"


class ImportState(StrEnum):
    queued = "queued"
    running = "running"
    previewed = "previewed"
    held = "held"
    applied = "applied"
    failed = "failed"
    cancelled = "cancelled"
    undone = "undone"


class Mode(StrEnum):
    apply = "apply"
    dry_run = "dry_run"


class OnError(StrEnum):
    skip = "skip"
    abort = "abort"


class Snapshot(StrEnum):
    delta = "delta"
    full = "full"


class ChangeKind(StrEnum):
    """What a run did to an account that was there before."""

    updated = "updated"
    missing = "missing"
    suspended = "suspended"
    restored = "restored"


_S = ImportState
# A held run that is approved is queued again and staged anew from its upload.
FOLLOWS: dict[ImportState, frozenset[ImportState]] = {
    _S.queued: frozenset({_S.running, _S.cancelled, _S.failed}),
    _S.running: frozenset({_S.previewed, _S.held, _S.applied, _S.failed, _S.cancelled}),
    _S.held: frozenset({_S.queued, _S.cancelled}),
    _S.applied: frozenset({_S.undone}),
    _S.previewed: frozenset(),
    _S.failed: frozenset(),
    _S.cancelled: frozenset(),
    _S.undone: frozenset(),
}
# A run that has not ended: its upload is still needed, and it can be cancelled.
OPEN_STATES = frozenset({_S.queued, _S.running, _S.held})


def may_follow(state: ImportState, next_state: ImportState) -> bool:
    return next_state in FOLLOWS[state]
