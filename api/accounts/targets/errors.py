"""What the accounts room refuses about targets, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, NotFound


class TargetNotFound(NotFound):
    code: ClassVar[str] = "target-not-found"
    title: ClassVar[str] = "There is no such target, or you may not see it"


class TargetSlugTaken(Conflict):
    code: ClassVar[str] = "target-slug-taken"
    title: ClassVar[str] = "Another target of the network has this slug"


class TargetKindDiffers(Conflict):
    """A file is handed to people, and a target that is called takes none."""

    code: ClassVar[str] = "target-kind"
    title: ClassVar[str] = "A target of this kind does not do that"


class DeletionsWait(Conflict):
    """Whoever was erased is to be deleted at the target, which nothing would do any more."""

    code: ClassVar[str] = "deletions-wait"
    title: ClassVar[str] = "Erased students are still at the target"


class NothingWaits(Conflict):
    code: ClassVar[str] = "nothing-waits"
    title: ClassVar[str] = "There is nothing to hand off"


class HandOffNotFound(NotFound):
    code: ClassVar[str] = "hand-off-not-found"
    title: ClassVar[str] = "There is no such hand-off, or you may not see it"


def kind_differs(slug: str, sentence: str) -> TargetKindDiffers:
    return TargetKindDiffers(f"{slug}: {sentence}")
