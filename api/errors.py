"""The errors every room raises; `http` turns each into a problem document (RFC 9457).

FirstBellError
 ├── Malformed      400  the request cannot be read
 ├── Unauthorized   401  no caller, or not a valid one
 ├── Forbidden      403  the caller may see it but may not do this
 ├── NotFound       404  it does not exist, or the caller may not see it
 ├── Conflict       409  a rule of the domain says no
 ├── PreconditionFailed 412, PreconditionRequired 428
 ├── TooLarge       413
 ├── Invalid        422  the input is readable but wrong; carries `errors`
 ├── TooManyRequests 429 carries `retry_after` (seconds)
 └── Unavailable    503  try again later
"""

from __future__ import annotations

from typing import Any, ClassVar


class FirstBellError(Exception):
    """Something a caller can be told about.

    `detail` is one sentence naming what, where and how to mend it, never a student's name.
    `extra` becomes members of the problem document (such as `path` or `errors`).
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.extra = extra


class Malformed(FirstBellError):
    status = 400
    code = "malformed"
    title = "The request cannot be read"


class Unauthorized(FirstBellError):
    status = 401
    code = "unauthorized"
    title = "Sign in first"


class Forbidden(FirstBellError):
    status = 403
    code = "forbidden"
    title = "You may not do this"


class NotFound(FirstBellError):
    status = 404
    code = "not-found"
    title = "There is no such thing, or you may not see it"


class Conflict(FirstBellError):
    status = 409
    code = "conflict"
    title = "A rule says no"


class PreconditionFailed(FirstBellError):
    status = 412
    code = "precondition-failed"
    title = "It has changed since you read it"


class PreconditionRequired(FirstBellError):
    status = 428
    code = "precondition-required"
    title = "Say which version you are changing"


class TooLarge(FirstBellError):
    status = 413
    code = "too-large"
    title = "The request is too large"


class Invalid(FirstBellError):
    """Readable but wrong. `errors` is a list of `{"pointer", "code", "detail"}`."""

    status = 422
    code = "invalid"
    title = "The input is not valid"


class TooManyRequests(FirstBellError):
    status = 429
    code = "too-many-requests"
    title = "Too many requests"


class Unavailable(FirstBellError):
    status = 503
    code = "unavailable"
    title = "Not available right now"


def field_error(pointer: str, code: str, detail: str) -> dict[str, str]:
    """One entry of a problem's `errors`; `pointer` is a JSON pointer such as `/first_bell`."""
    return {"pointer": pointer, "code": code, "detail": detail}
