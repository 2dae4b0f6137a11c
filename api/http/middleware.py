"""What surrounds every request: its id, security headers, the access line, the last resort.

One pure ASGI class, since every layer costs a call and a closure on each request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import structlog
import uuid_utils
from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http import problems
from api.http.scope import path_template

# method, path template ("" when nothing matched), status, milliseconds, request id
AccessLog = Callable[[str, str, int, float, str], None]

_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_HEADERS = [
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
# Only over TLS: on plain HTTP a browser ignores it, and on a laptop it would be in the way.
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
_access = structlog.get_logger("firstbell.access")


def log_access(method: str, path: str, status: int, milliseconds: float, request: str) -> None:
    """One line a request. The template and no query: a path or query may hold a secret."""
    _access.info(
        "request",
        method=method,
        path=path or "(unmatched)",
        status=status,
        ms=round(milliseconds, 1),
        request_id=request,
    )


class _HeadAnswered(OSError):
    """Ends a stream whose headers were all that a HEAD asked for; Starlette expects an OSError."""


class Shell:
    """The outermost middleware of ours; `app.add_middleware(Shell, ...)` last of all."""

    def __init__(self, app: ASGIApp, access_log: AccessLog | None = log_access) -> None:
        self.app = app
        self.access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        identity = _request_id(scope)
        name = identity.decode()
        scope.setdefault("state", {})["request_id"] = name
        answer = _Answer(send, identity, scope["scheme"] == "https", scope["method"] == "HEAD")
        if answer.head:
            # Whatever can be read with GET can be asked about with HEAD (RFC 9110, 9.3.2).
            scope = {**scope, "method": "GET"}
        began = time.perf_counter()
        try:
            await self.app(scope, receive, answer.send)
            if answer.too_large:
                await problems.of_status(scope, 413)(scope, receive, answer.send_document)
        except Exception as error:
            if not answer.head_done:
                await self._rescue(scope, receive, answer, error)
        finally:
            if self.access_log is not None:
                took = (time.perf_counter() - began) * 1000
                method = "HEAD" if answer.head else scope["method"]
                self.access_log(method, path_template(scope), answer.status, took, name)

    async def _rescue(
        self, scope: Scope, receive: Receive, answer: _Answer, error: Exception
    ) -> None:
        trace.get_current_span().record_exception(error)
        response = problems.of_unexpected(scope, error)
        if answer.status:
            # The headers are gone; ending here without the rest tells the client it is cut off.
            raise error
        await response(scope, receive, answer.send)


class _Answer:
    """Passes an answer on with our headers, and knows how far it has got."""

    __slots__ = ("head", "head_done", "headers", "passed_on", "status", "too_large")

    def __init__(self, send: Send, identity: bytes, secure: bool, head: bool) -> None:
        self.passed_on = send
        self.headers = [(b"x-request-id", identity), *_HEADERS]
        if secure:
            self.headers.append(_HSTS)
        self.head = head
        self.head_done = False
        self.status = 0
        self.too_large = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] == 413 and _is_plain(message["headers"]):
                # The framework's body limit speaks plain text; it is replaced when it is done.
                self.too_large = True
                return
            self.status = message["status"]
            # A new list: the message's own may belong to a response that is sent again.
            message = {**message, "headers": [*message["headers"], *self.headers]}
        elif self.too_large:
            return
        elif self.head:
            await self._end_head(message)
            return
        await self.passed_on(message)

    async def send_document(self, message: Message) -> None:
        self.too_large = False
        await self.send(message)

    async def _end_head(self, message: Message) -> None:
        if not self.head_done:
            self.head_done = True
            await self.passed_on({"type": "http.response.body", "body": b""})
        if message.get("more_body"):
            raise _HeadAnswered


def _request_id(scope: Scope) -> bytes:
    """The caller's own `X-Request-ID` where it is a sane one, else a new UUIDv7."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given: bytes = value
            if _ID.fullmatch(given):
                return given
            break
    return str(uuid_utils.uuid7()).encode()


def _is_plain(headers: Any) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/plain") for name, value in headers
    )
