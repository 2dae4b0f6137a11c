"""Logging for a process: one stream of lines to standard error, for people or for machines.

structlog and the standard library's loggers (uvicorn, Procrastinate, psycopg, Alembic) end in the
same place. Lines carry the request's id and who acts; never a query string or a row's content.
"""

from __future__ import annotations

import logging
import re
import sys
from contextvars import ContextVar
from typing import Any

import orjson
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import EventDict, Processor, WrappedLogger

from api.errors import Invalid
from api.settings import Settings

_scope: ContextVar[Scope | None] = ContextVar("firstbell_scope", default=None)
# What PostgreSQL and SQLAlchemy add to an error holds values of the row, a name perhaps.
_VALUES = re.compile(
    r"^(?:DETAIL:|CONTEXT:|\[SQL:|\[parameters:|\(Background on).*\n?", re.MULTILINE
)
_QUIET = ("httpx", "httpcore", "alembic.runtime.plugins", "procrastinate.periodic")


class RequestContext:
    """ASGI: lets log lines made while a request is served carry its id and its caller.

    The id is read from `scope["state"]["request_id"]`, the caller from `["actor"]`, when a line
    is written: a request that logs nothing pays for one assignment.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _scope.set(scope)
        await self.app(scope, receive, send)


def add_request(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    scope = _scope.get()
    if scope is not None:
        state = scope.get("state", {})
        for name in ("request_id", "actor"):
            if state.get(name):
                event.setdefault(name, state[name])
    return event


def drop_values(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Cut the lines of a traceback that repeat what was to be stored."""
    if "exception" in event:
        event["exception"] = _VALUES.sub("", event["exception"])
    return event


def _to_json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()


def as_text(_: WrappedLogger, __: str, event: EventDict) -> str:
    """A plain line, a third of what structlog's own renderer for terminals costs."""
    head = f"{event.pop('timestamp')} {event.pop('level'):<8} {event.pop('event')}"
    trace = event.pop("exception", None)
    line = " ".join([head, *(f"{name}={value}" for name, value in event.items())])
    return f"{line}\n{trace}" if trace else line


def _renderer(settings: Settings) -> Processor:
    if settings.log_json:
        return structlog.processors.JSONRenderer(serializer=_to_json)
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer(pad_event_to=0)
    return as_text


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        add_request,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        drop_values,
    ]


def configure(settings: Settings) -> None:
    """Set up this process's logging. For whoever owns the process, so not for `create_app`.

    Raises: Invalid when `log_level` is no level.
    """
    level = logging.getLevelNamesMapping().get(settings.log_level.upper())
    if level is None:
        raise Invalid(f"FIRSTBELL_LOG_LEVEL is {settings.log_level!r}; INFO is a level.")
    shared = _shared()
    last = _renderer(settings)
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
