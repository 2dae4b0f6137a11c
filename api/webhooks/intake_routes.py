"""`POST /v1/webhooks/{slug}`: open to everybody, since a vendor proves itself by its signature."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from api.errors import Malformed
from api.http.strict import check_query
from api.webhooks.intake import Intake
from api.webhooks.rules import SLUG, Outcome
from api.webhooks.schemas import ReceivedOut
from api.webhooks.signatures import Posted

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

router = APIRouter(prefix="/v1/webhooks", tags=["vendors"])


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
    scope: Scope = request.scope
    intake: Intake = request.app.state.intake
    tokens = _tokens(scope["query_string"]) if scope["query_string"] else ()
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise Malformed("The body ended before its length.") from error
    posted = Posted(scope["headers"], body, tokens)
    received = await intake.receive(scope["path_params"]["slug"], posted)
    return Response(
        orjson.dumps({"id": received.id, "outcome": received.outcome}),
        202 if received.outcome is Outcome.STORED else 200,
        {"cache-control": "no-store"},
        media_type="application/json",
    )


def _tokens(query: bytes) -> tuple[str, ...]:
    """Raises: Invalid for any other parameter."""
    check_query(query, _QUERY)
    return tuple(value for _, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
