"""`POST /v1/webhooks/{slug}`: open to everybody, since a vendor proves itself by its signature."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from api.errors import Malformed
from api.http.strict import RequestRules
from api.webhooks.intake import Intake
from api.webhooks.rules import Outcome
from api.webhooks.schemas import ReceivedOut
from api.webhooks.signatures import Posted

LARGEST_EVENT = 1_000_000
_ANY_BODY = {
    "requestBody": {
        "description": "The event as the vendor writes it; its bytes are what is signed.",
        "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_STATUSES: dict[int | str, dict[str, Any]] = {
    200: {"model": ReceivedOut, "description": "It is here already."},
    202: {"model": ReceivedOut, "description": "It is stored, and applied in a moment."},
}


class OpenRoute(APIRoute):
    """Checks the path and query; there is no session, since intake commits for many at once."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()
        rules = RequestRules()

        async def handle(request: Request) -> Response:
            rules.check(request)
            return await inner(request)

        return handle


router = APIRouter(prefix="/v1/webhooks", tags=["vendors"], route_class=OpenRoute)


@router.post(
    "/{slug}",
    response_model=None,
    status_code=202,
    responses=_STATUSES,
    openapi_extra=_ANY_BODY,
    max_body_size=LARGEST_EVENT,
)
async def receive_event(
    slug: str, request: Request, token: Annotated[list[str] | None, Query()] = None
) -> Response:
    """For vendors: a signed event. 202 once it is durable; 200 when it had come before.

    Signed as the vendor's `scheme` says, over the raw body; `token` is for Shippo accounts that
    sign with a URL token. 401 and nothing kept when the signature does not hold.
    """
    intake: Intake = request.app.state.intake
    try:
        body = await request.body()
    except ClientDisconnect as error:
        raise Malformed("The body ended before its length.") from error
    posted = Posted(request.scope["headers"], body, tuple(token or ()))
    received = await intake.receive(slug, posted)
    return Response(
        orjson.dumps({"id": received.id, "outcome": received.outcome}),
        202 if received.outcome is Outcome.STORED else 200,
        {"cache-control": "no-store"},
        media_type="application/json",
    )
