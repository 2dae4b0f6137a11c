"""`Idempotency-Key`: a POST sent twice happens once, and answers the same.

The write-session dependency calls `claim` before the endpoint runs; `TransactionalRoute` calls
`remember` after it, so the answer is stored in the very transaction that did the work: either
both are there or neither. Only 2xx answers are stored. An error rolls everything back, so a
retry after one simply runs again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from starlette.requests import Request
from starlette.responses import Response

from api import clock
from api.db.uow import WriteSession
from api.errors import Conflict, Invalid, Malformed
from api.http.models import IdempotencyKey
from api.http.scope import path_template

HEADER = "idempotency-key"
KEEP = timedelta(hours=24)
_KEPT_HEADERS = ("content-type", "etag", "location")
_STATE = "idempotency"
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")
# A structured field's string (RFC 9651, 3.3.3): quotes and backslashes are escaped inside.
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


class IdempotencyKeyMalformed(Malformed):
    code = "idempotency-key-malformed"
    title = "The Idempotency-Key cannot be used"


class IdempotencyKeyInUse(Conflict):
    code = "idempotency-key-in-use"
    title = "A request with this Idempotency-Key is still running"


class IdempotencyKeyReused(Invalid):
    code = "idempotency-key-reused"
    title = "This Idempotency-Key belongs to another request"


class Replay(Exception):
    """The request was answered before; carries that answer out of the dependencies."""

    def __init__(self, response: Response) -> None:
        super().__init__("an earlier answer is given again")
        self.response = response


@dataclass(slots=True)
class Claim:
    """A key this request holds until its transaction ends."""

    session: WriteSession
    caller: str
    method: str
    route: str
    key: str
    fingerprint: bytes
    keep: timedelta
    hidden: set[str] = field(default_factory=set)


async def claim(
    session: WriteSession, request: Request, caller: str, keep: timedelta = KEEP
) -> None:
    """Take the request's `Idempotency-Key` for `caller`, if it is a POST that carries one.

    `caller` is `user:ID` or `token:ID`; the answer is kept for `keep`.
    Raises: Replay when the same request was answered; IdempotencyKeyInUse (409) while it is
    being answered; IdempotencyKeyReused (422) for another payload; IdempotencyKeyMalformed (400).
    """
    given = request.headers.getlist(HEADER)
    if request.method != "POST" or not given:
        return
    held = Claim(
        session=session,
        caller=caller,
        method=request.method,
        route=path_template(request.scope),
        key=_parse(given),
        fingerprint=await _fingerprint(request),
        keep=keep,
    )
    if not await session.scalar(select(func.pg_try_advisory_xact_lock(_lock_of(held)))):
        raise IdempotencyKeyInUse(
            "The first request with this Idempotency-Key has not been answered yet; wait and"
            " send it again.",
            retry_after=1,
        )
    # A statement of its own: what the previous holder committed is visible only to a snapshot
    # taken after the lock.
    stored = await session.scalar(select(IdempotencyKey).where(*_same(held)))
    if stored is None or stored.expires_at <= clock.now():
        request.state.idempotency = held
        return
    if stored.fingerprint != held.fingerprint:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used for a request with another path, query or body; use"
            " a new key for a new request."
        )
    headers = {**stored.headers, "Idempotency-Replayed": "true", "Cache-Control": "no-store"}
    raise Replay(Response(stored.body, stored.status, headers))


def never_store(request: Request, *names: str) -> None:
    """Keep these JSON fields (at any depth) out of the stored answer: a replay shows null."""
    held = _held(request)
    if held is not None:
        held.hidden.update(names)


def release(request: Request) -> None:
    """Forget the claim of an attempt that failed; its lock went with its transaction."""
    if _held(request) is not None:
        request.state.idempotency = None


async def remember(request: Request, response: Response) -> None:
    """Store a 2xx answer in the claim's own transaction; does nothing without a claim."""
    held = _held(request)
    if held is None or not 200 <= response.status_code < 300:
        return
    body = getattr(response, "body", None)
    if not isinstance(body, bytes):
        raise TypeError("a streamed answer cannot be stored for an Idempotency-Key")
    now = clock.now()
    values = {
        "fingerprint": held.fingerprint,
        "status": response.status_code,
        "headers": {
            name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers
        },
        "body": _without(body, held.hidden),
        "created_at": now,
        "expires_at": now + held.keep,
    }
    statement = insert(IdempotencyKey).values(
        caller=held.caller, method=held.method, route=held.route, key=held.key, **values
    )
    # Only an expired answer can be there: a live one would have been replayed.
    await held.session.execute(
        statement.on_conflict_do_update(
            index_elements=["caller", "method", "route", "key"], set_=values
        )
    )


async def purge_expired(session: WriteSession, now: datetime) -> int:
    """Delete the answers that have expired by `now`; gives how many."""
    gone = await session.execute(
        delete(IdempotencyKey)
        .where(col(IdempotencyKey.expires_at) <= now)
        .returning(col(IdempotencyKey.key))
    )
    return len(gone.all())


async def forget(session: WriteSession, route: str) -> None:
    """Delete the answers of all routes that begin so: what they told is not kept any more."""
    await session.execute(
        delete(IdempotencyKey).where(col(IdempotencyKey.route).startswith(route, autoescape=True))
    )


def _held(request: Request) -> Claim | None:
    held = getattr(request.state, _STATE, None)
    return held if isinstance(held, Claim) else None


def _parse(given: list[str]) -> str:
    value = given[0].strip()
    quoted = _QUOTED.fullmatch(value)
    if quoted:
        value = re.sub(r"\\(.)", r"\1", quoted[1])
    if len(given) > 1 or not _VISIBLE_ASCII.fullmatch(value) or (not quoted and '"' in value):
        raise IdempotencyKeyMalformed(
            "Send one Idempotency-Key of 1 to 255 visible ASCII characters, such as a UUID,"
            " bare or in double quotes."
        )
    return value


async def _fingerprint(request: Request) -> bytes:
    """SHA-256 of what makes the request what it is; query parameters in any order."""
    query = urlencode(sorted(parse_qsl(request.url.query, keep_blank_values=True)))
    digest = hashlib.sha256()
    for part in (request.method, request.scope["path"], query):
        # Lengths keep ("ab", "c") and ("a", "bc") apart.
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    digest.update(await request.body())
    return digest.digest()


def _lock_of(held: Claim) -> int:
    name = orjson.dumps([HEADER, held.caller, held.method, held.route, held.key])
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)


def _same(held: Claim) -> Iterable[Any]:
    return (
        col(IdempotencyKey.caller) == held.caller,
        col(IdempotencyKey.method) == held.method,
        col(IdempotencyKey.route) == held.route,
        col(IdempotencyKey.key) == held.key,
    )


def _without(body: bytes, hidden: set[str]) -> bytes:
    return orjson.dumps(_nulled(orjson.loads(body), hidden)) if hidden and body else body


def _nulled(value: Any, hidden: set[str]) -> Any:
    if isinstance(value, dict):
        return {k: None if k in hidden else _nulled(v, hidden) for k, v in value.items()}
    if isinstance(value, list):
        return [_nulled(item, hidden) for item in value]
    return value
