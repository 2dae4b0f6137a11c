"""What is refused of erasures, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, NotFound


class ErasureNotFound(NotFound):
    code: ClassVar[str] = "erasure-not-found"
    title: ClassVar[str] = "There is no such erasure, or you may not see it"


class ImportsOpen(Conflict):
    """An upload that has not ended may name the student, and is still needed."""

    code: ClassVar[str] = "imports-open"
    title: ClassVar[str] = "An import of the network has not ended"
