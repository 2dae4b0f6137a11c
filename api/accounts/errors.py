"""What the accounts room refuses about imports, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, Invalid, NotFound, Unavailable, field_error


class ImportNotFound(NotFound):
    code: ClassVar[str] = "import-not-found"
    title: ClassVar[str] = "There is no such import, or you may not see it"


class ImportRefused(Conflict):
    """The run's state does not allow it; `state` is the present one."""

    code: ClassVar[str] = "import-state"
    title: ClassVar[str] = "The import is not in a state for that"


class UploadGone(Conflict):
    """Uploads are kept for a while only, and this needs one that is not there any more."""

    code: ClassVar[str] = "upload-gone"
    title: ClassVar[str] = "The upload is not kept any more"


class NetworkUnknown(Invalid):
    """It cannot be told whose students these are."""

    code: ClassVar[str] = "network-unknown"
    title: ClassVar[str] = "Whose students these are cannot be told"


class UploadEmpty(Invalid):
    code: ClassVar[str] = "file-empty"
    title: ClassVar[str] = "There is no file in the body"


class UploadsBusy(Unavailable):
    code: ClassVar[str] = "uploads-busy"
    title: ClassVar[str] = "Other files are being received"


def import_not_found(import_id: object) -> ImportNotFound:
    return ImportNotFound(f"There is no import {import_id}, or you may not see it.")


def import_refused(state: str, sentence: str) -> ImportRefused:
    return ImportRefused(f"The import is {state}: {sentence}", state=state)


def upload_empty() -> UploadEmpty:
    detail = "The body is empty; send the file itself as the body."
    return UploadEmpty(detail, errors=[field_error("", "file-empty", detail)])


class Withdrawn(Exception):
    """The run was cancelled while it ran; what it was about to write is rolled back."""
