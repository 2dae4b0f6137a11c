"""Every error as a problem document (RFC 9457): never a stack, SQL or somebody's input.

    {"type": "/problems/task-blocked", "title": ..., "status": 409, "code": "task-blocked",
     "detail": ..., "instance": "/v1/tasks/…", "request_id": ..., ...}

`type` is an identifier made from the stable `code`; nothing is served at it. Input errors carry
`errors: [{"pointer", "code", "detail"}]`, with `"in"` where the input is not the body.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import orjson
import psycopg
import sqlalchemy.exc
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError, ResponseValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from api.errors import FirstBellError
from api.http import validation
from api.http.database_errors import from_database
from api.http.idempotency import Replay
from api.http.scope import request_id

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)

# What Starlette and FastAPI raise themselves, in our words.
_OF_STATUS: Mapping[int, tuple[str, str, str]] = {
    400: ("malformed", "The request cannot be read", "Its body or its headers make no sense."),
    401: ("unauthorized", "Sign in first", ""),
    403: ("forbidden", "You may not do this", ""),
    404: ("not-found", "There is no such thing, or you may not see it", ""),
    405: ("method-not-allowed", "This cannot be done here", "Allow names what can be done here."),
    406: ("not-acceptable", "It is not available in that form", ""),
    413: ("too-large", "The request is too large", "Send less at a time."),
    415: ("unsupported-media-type", "The body is of a type this does not read", ""),
    500: ("internal-error", "Something went wrong", ""),
    503: ("unavailable", "Not available right now", "Try again in a moment."),
}


def document(
    scope: Scope,
    *,
    status: int,
    code: str,
    title: str,
    detail: str = "",
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem response; `extra` cannot replace the members every document has."""
    body = {
        **(extra or {}),
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": detail or title,
        "instance": scope["path"],
        "request_id": request_id(scope),
    }
    own = {**(headers or {}), "Cache-Control": "no-store"}
    content = orjson.dumps(body, default=str)
    return Response(content, status, own, media_type=MEDIA_TYPE)


def of_error(scope: Scope, error: FirstBellError) -> Response:
    """The document of an error of ours; its `extra` may bring `code` and `retry_after`."""
    headers = {}
    if "retry_after" in error.extra:
        headers["Retry-After"] = str(max(0, round(error.extra["retry_after"])))
    elif error.status == 503:
        headers["Retry-After"] = "1"
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="firstbell"'
    return document(
        scope,
        status=error.status,
        code=error.extra.get("code", error.code),
        title=error.title,
        detail=error.detail,
        extra=error.extra,
        headers=headers,
    )


def of_status(scope: Scope, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """The document of an error that is only a status."""
    code, title, detail = _OF_STATUS.get(status, (f"http-{status}", "It cannot be done", ""))
    return document(scope, status=status, code=code, title=title, detail=detail, headers=headers)


def of_unexpected(scope: Scope, error: Exception) -> Response:
    """The document of an error nobody foresaw; its story goes to the log, not to the caller."""
    if isinstance(error, ResponseValidationError):
        # Its text quotes the answer, which may be about a child.
        wrong = [(one["loc"], one["type"]) for one in error.errors()]
        _log.error("request %s: the answer is not as declared: %s", request_id(scope), wrong)
    else:
        _log.error("request %s failed", request_id(scope), exc_info=error)
    return of_status(scope, 500)


def of_any(scope: Scope, error: Exception) -> Response:
    """The answer to whatever was raised while a request was served."""
    if isinstance(error, Replay):
        return error.response
    if isinstance(error, HTTPException):
        return _of_http_exception(scope, error)
    if isinstance(error, ClientDisconnect):
        # Nobody reads it any more: it only says in the log that this was no fault of ours.
        return of_status(scope, 400)
    known: FirstBellError | None
    if isinstance(error, RequestValidationError):
        known = validation.translate(error)
    elif isinstance(error, FirstBellError):
        known = error
    else:
        known = from_database(error)
    if known is None:
        return of_unexpected(scope, error)
    if known.status >= 500:
        cause = error.__cause__ or error
        _log.warning("request %s: %s (%s)", request_id(scope), known.code, type(cause).__name__)
    return of_error(scope, known)


def _of_http_exception(scope: Scope, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    if error.status_code < 400:
        return Response(status_code=error.status_code, headers=headers)
    if error.status_code == 405 and "GET" in headers.get("Allow", ""):
        # The middleware answers HEAD wherever GET is.
        headers["Allow"] += ", HEAD"
    return of_status(scope, error.status_code, headers)


async def _handle(request: Request, error: Exception) -> Response:
    return of_any(request.scope, error)


def install(app: FastAPI) -> None:
    """Register the handlers on `app`. The last resort, 500, is the middleware's."""
    for kind in (
        FirstBellError,
        HTTPException,
        RequestValidationError,
        Replay,
        ClientDisconnect,
        sqlalchemy.exc.DBAPIError,
        psycopg.Error,
    ):
        app.add_exception_handler(kind, _handle)
