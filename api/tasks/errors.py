"""What a task refuses, one class a reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from api.errors import Conflict, Forbidden, Invalid, NotFound


class TaskBlocked(Conflict):
    """A person may not start or finish it while a predecessor is open; `blocked_by`: task keys."""

    code: ClassVar[str] = "task-blocked"
    title: ClassVar[str] = "The task waits for others"


class EvidenceRequired(Conflict):
    """The task is finished by what its workstream records, not by hand."""

    code: ClassVar[str] = "evidence-required"
    title: ClassVar[str] = "The task is finished by evidence"


class TransitionRefused(Conflict):
    """The task's status does not allow it; `status` is the present one."""

    code: ClassVar[str] = "transition-refused"
    title: ClassVar[str] = "The task is not in a state for that"


class DependencyCycle(Conflict):
    """The edge would close a circle; `path` names its task keys, the first repeated."""

    code: ClassVar[str] = "dependency-cycle"
    title: ClassVar[str] = "The tasks would wait for each other"

    @classmethod
    def of(cls, keys: Sequence[str]) -> DependencyCycle:
        """From the keys of the cycle, first repeated: `["a", "b", "a"]`."""
        return cls("These tasks would wait for each other: " + " -> ".join(keys), path=list(keys))


class ReasonRequired(Invalid):
    """The decision is kept with its reason, and none was given."""

    code: ClassVar[str] = "reason-required"
    title: ClassVar[str] = "Say why"


class AdminRequired(Forbidden):
    """Only an admin may take a gate out of a rollout."""

    code: ClassVar[str] = "admin-required"
    title: ClassVar[str] = "Only an admin may cancel a gate"


class NoWorkingDay(Invalid):
    """The calendar has no working day within five years of the day asked about."""

    code: ClassVar[str] = "no-working-day"
    title: ClassVar[str] = "The calendar has no working day"


class DateOutOfRange(Invalid):
    """The arithmetic leaves the years 1 to 9999."""

    code: ClassVar[str] = "date-out-of-range"
    title: ClassVar[str] = "The date is out of range"


class TaskNotFound(NotFound):
    code: ClassVar[str] = "task-not-found"
    title: ClassVar[str] = "There is no such task, or you may not see it"


class DependencyNotFound(NotFound):
    code: ClassVar[str] = "dependency-not-found"
    title: ClassVar[str] = "There is no such dependency"


class RolloutNotFound(NotFound):
    code: ClassVar[str] = "rollout-not-found"
    title: ClassVar[str] = "The school has no rollout"


class WaiverNotFound(NotFound):
    code: ClassVar[str] = "waiver-not-found"
    title: ClassVar[str] = "There is no such waiver, or you may not see it"


class PlaybookNotFound(NotFound):
    code: ClassVar[str] = "playbook-not-found"
    title: ClassVar[str] = "There is no such playbook, or you may not see it"


class RolloutClosed(Conflict):
    """A closed rollout is kept as it ended."""

    code: ClassVar[str] = "rollout-closed"
    title: ClassVar[str] = "The rollout is closed"


class RolloutExists(Conflict):
    """A school prepares one first bell at a time."""

    code: ClassVar[str] = "rollout-exists"
    title: ClassVar[str] = "The school has a rollout already"


class KeyTaken(Conflict):
    code: ClassVar[str] = "key-taken"
    title: ClassVar[str] = "The key is taken in this graph"


class GraphTooLarge(Conflict):
    """More tasks than a school's plan can mean; `limit` is the most."""

    code: ClassVar[str] = "graph-too-large"
    title: ClassVar[str] = "The graph is too large"


class WaiverRefused(Conflict):
    """The waiver is not in a state for that, or the same person asked for it."""

    code: ClassVar[str] = "waiver-refused"
    title: ClassVar[str] = "The waiver cannot be decided like this"


class TasksUnknown(Invalid):
    """Some tasks do not exist here, or the caller may not see them."""

    code: ClassVar[str] = "task-unknown"
    title: ClassVar[str] = "Some of these tasks are unknown"


class BulkRefused(Conflict):
    """With `on_error=abort` some tasks refused; `refused` says which and why."""

    code: ClassVar[str] = "bulk-refused"
    title: ClassVar[str] = "Some of the tasks refuse it"


class RolloutRefused(Conflict):
    """The playbook does not fit the school's rollout; the document's `code` says how."""

    code: ClassVar[str] = "rollout-refused"
    title: ClassVar[str] = "The playbook cannot be applied"
