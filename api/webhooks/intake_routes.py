"""`POST /v1/webhooks/{slug}`: open to everybody, since a vendor proves itself by its signature."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Request, Response
from starlette.types import Receive, Scope, Send

from api.errors import Malformed, TooLarge
from api.http.door import ShortWay
from api.http.strict import check_query
from api.webhooks.intake import Intake
from api.webhooks.rules import SLUG, Outcome
from api.webhooks.schemas import ReceivedOut
from api.webhooks.signatures import Posted

PREFIX = "/v1/webhooks"
LARGEST_EVENT = 1_000_000
_QUERY = frozenset({"token"})
# Written out and not declared: to read two parameters through FastAPI's dependencies was a third
# of what the route costs.
_DOCUMENTED: dict[str, Any] = {
    "parameters": [
        {
            "name": "slug",
            "in": "path",
            "required": True,
            "description": "The vendor.",
            "schema": {"type": "string", "pattern": SLUG},
        },
        {
            "name": "token",
            "in": "query",
            "description": "For a Shippo account that signs with a token in the URL.",
            "schema": {"type": "string"},
        },
    ],
    "requestBody": {
        "description": "The event as the vendor writes it; its bytes are what is signed.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    },
}
_STATUSES: dict[int | str, dict[str, Any]] = {
    200: {"model": ReceivedOut, "description": "It had come before."},
    202: {"model": ReceivedOut, "description": "It is stored, and applied in a moment."},
}

router = APIRouter(prefix=PREFIX, tags=["vendors"])


class Answer(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@router.post(
    "/{slug}",
    response_model=None,
    status_code=202,
    responses=_STATUSES,
    openapi_extra=_DOCUMENTED,
    max_body_size=LARGEST_EVENT,
)
async def receive_event(request: Request) -> Response:
    """For vendors: a signed event. 202 once it is durable; 200 when it had come before.

    Signed as the vendor's `scheme` says, over the raw body. 401, and nothing is kept, when the
    signature does not hold.
    """
    intake: Intake = request.app.state.intake
    slug: str = request.scope["path_params"]["slug"]
    answer = await take_in(intake, slug, request.scope, request.receive)
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response


async def enter(slug: str, scope: Scope, receive: Receive, send: Send) -> None:
    """The short way of `receive_event`."""
    answer = await take_in(scope["app"].state.intake, slug, scope, receive)
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body})


async def take_in(intake: Intake, slug: str, scope: Scope, receive: Receive) -> Answer:
    """What the vendor's request is answered once its event is durable.

    Raises: Malformed, TooLarge, Invalid (query); what `Intake.receive` raises.
    """
    tokens = _tokens(scope["query_string"]) if scope["query_string"] else ()
    body = await _read(scope, receive)
    received = await intake.receive(slug, Posted(scope["headers"], body, tokens))
    content = orjson.dumps({"id": received.id, "outcome": received.outcome})
    headers = [
        (b"content-length", str(len(content)).encode()),
        (b"content-type", b"application/json"),
        (b"cache-control", b"no-store"),
    ]
    return Answer(202 if received.outcome is Outcome.STORED else 200, headers, content)


async def _read(scope: Scope, receive: Receive) -> bytes:
    """The body; one that says it is too large is not read. Raises: Malformed, TooLarge."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > LARGEST_EVENT:
            raise _too_large()
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Malformed("The body ended before its length.")
        body += message.get("body", b"")
        if len(body) > LARGEST_EVENT:
            raise _too_large()
        if not message.get("more_body"):
            return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(f"An event has at most {LARGEST_EVENT:,} bytes.")


def _tokens(query: bytes) -> tuple[str, ...]:
    """Raises: Invalid for any other parameter."""
    check_query(query, _QUERY)
    return tuple(value for _, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True))


SHORT_WAY = ShortWay("POST", f"{PREFIX}/", "", router.routes[0], enter, with_query=True)
