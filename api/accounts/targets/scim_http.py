"""One request to a SCIM server and what came of it: bounded in time, in size, and in trust."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, NamedTuple

import httpx
import orjson

from api import clock
from api.accounts.targets.adapter import Connection, Pacing
from api.accounts.targets.addresses import CheckedTransport
from api.accounts.targets.scim_wire import (
    MEDIA_TYPE,
    Answered,
    id_of_location,
    read_user,
    retry_after,
)

# Of a whole exchange: a server that sends a byte now and then is slow, too.
WHOLE_SECONDS = 30.0
_TIMEOUT = httpx.Timeout(20.0, connect=5.0, pool=WHOLE_SECONDS)
# A page of 200 users, or a Bulk answer of a thousand operations, takes far less.
_MOST_BYTES = 8 << 20


class TooMuch(Exception):
    """The answer is longer than any that makes sense."""


class Answer(NamedTuple):
    """`body` is the parsed JSON, null where there is none; `garbage`: what came is not JSON."""

    status: int
    body: Any = None
    garbage: bool = False
    remote_id: str | None = None
    etag: str | None = None
    scim_type: str | None = None
    hold: float | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def answer_of(answered: Answered) -> Answer:
    """What a Bulk response says of one operation, as if it had been asked alone."""
    return Answer(
        status=answered.status,
        remote_id=answered.remote_id,
        etag=answered.etag,
        scim_type=answered.scim_type,
    )


class ScimHttp:
    """A client of one server; every call waits for its turn first, and none follows a redirect.

    Calls raise httpx.HTTPError, TimeoutError, TooMuch and TargetFails.
    """

    def __init__(self, connection: Connection, pacing: Pacing) -> None:
        headers = {"accept": f"{MEDIA_TYPE}, application/json"}
        if connection.token is not None:
            headers["authorization"] = f"Bearer {connection.token}"
        self._pacing = pacing
        self._base = connection.base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            transport=CheckedTransport(
                connections=connection.concurrency, may_be_private=connection.may_be_private
            ),
            headers=headers,
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
        )

    async def __aenter__(self) -> ScimHttp:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def get(self, path: str, **query: str) -> Answer:
        return await self._send(self._client.build_request("GET", self._base + path, params=query))

    async def call(
        self, method: str, path: str, body: Any = None, etag: str | None = None
    ) -> Answer:
        return await self.send(method, path, None if body is None else orjson.dumps(body), etag)

    async def send(
        self,
        method: str,
        path: str,
        content: bytes | None,
        etag: str | None = None,
        *,
        weight: int = 1,
    ) -> Answer:
        """`weight`: for how many accounts the request stands."""
        headers = {"content-type": MEDIA_TYPE} if content is not None else {}
        if etag is not None:
            headers["if-match"] = etag
        request = self._client.build_request(
            method, self._base + path, content=content, headers=headers
        )
        return await self._send(request, weight)

    async def _send(self, request: httpx.Request, weight: int = 1) -> Answer:
        await self._pacing(weight)
        async with asyncio.timeout(WHOLE_SECONDS):
            response = await self._client.send(request, stream=True)
            try:
                text = await _bounded(response)
            finally:
                await response.aclose()
        return _answer(response, text)


async def _bounded(response: httpx.Response) -> bytes:
    pieces, size = [], 0
    async for piece in response.aiter_bytes():
        size += len(piece)
        if size > _MOST_BYTES:
            raise TooMuch
        pieces.append(piece)
    return b"".join(pieces)


def _answer(response: httpx.Response, text: bytes) -> Answer:
    body, garbage = None, False
    if text:
        try:
            body = orjson.loads(text)
        except orjson.JSONDecodeError:
            garbage = True
    remote = read_user(body)
    scim_type = body.get("scimType") if isinstance(body, dict) else None
    headers = response.headers
    return Answer(
        status=response.status_code,
        body=body,
        garbage=garbage,
        remote_id=remote.remote_id if remote else id_of_location(headers.get("location")),
        etag=headers.get("etag") or (remote.etag if remote else None),
        scim_type=scim_type if isinstance(scim_type, str) else None,
        hold=retry_after(headers.get("retry-after"), clock.now()),
    )
