"""The route class of every router: one transaction, committed before the answer, retried.

A write session is a dependency with `scope="function"`. FastAPI closes those after the endpoint
and before the answer is sent, but outside of the route's handler, where a failed commit can no
longer be retried. So the handler here gives each attempt dependencies of its own and closes
them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, ClassVar

from fastapi import params
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.db.uow import ATTEMPTS, is_transient, pause_before_retry
from api.errors import Unavailable
from api.http import idempotency
from api.http.strict import RequestRules

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_READS = frozenset({"GET", "HEAD"})
_LONGEST_CHAIN = 10


class TransactionBusy(Unavailable):
    code = "transaction-busy"
    title = "Others kept changing the same things"


class TransactionalRoute(APIRoute):
    """Checks the request's outer form, then runs the endpoint as one transaction.

    A deadlock or a serialization failure, also one at the commit, reruns the whole request up
    to `ATTEMPTS` times, since nothing of it was committed; then it answers 503. A request whose
    body was a stream or a form runs once: it cannot be read again. Reads run once too: on one
    read-only snapshot there is no race to lose.
    """

    stores_answers: ClassVar[bool] = True

    def get_route_handler(self) -> Handler:
        inner = super().get_route_handler()
        rules = RequestRules()

        async def read(request: Request) -> Response:
            rules.check(request)
            return _uncached(await inner(request))

        async def write(request: Request) -> Response:
            rules.check(request)
            return _uncached(await _run(inner, request, can_retry=not _takes_a_form(self)))

        return read if (self.methods or _READS) <= _READS else write


async def _run(inner: Handler, request: Request, *, can_retry: bool) -> Response:
    for attempt in range(ATTEMPTS):
        try:
            return await _attempt(inner, request)
        except Exception as error:
            if not lost_a_race(error) or not can_retry or not await _body_is_kept(request):
                raise
            idempotency.release(request)
            if attempt + 1 == ATTEMPTS:
                raise TransactionBusy(
                    f"Tried {ATTEMPTS} times; nothing was changed. Send it again in a moment.",
                    retry_after=1,
                ) from error
        await pause_before_retry(attempt)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _attempt(inner: Handler, request: Request) -> Response:
    """One run of the endpoint with its dependencies, up to and including the commit.

    Request-scoped dependencies of a successful run live on until the answer is sent.
    """
    scope = request.scope
    lives_until_sent: AsyncExitStack = scope["fastapi_inner_astack"]
    closes_before_sent: AsyncExitStack = scope["fastapi_function_astack"]
    response: Response | None = None
    try:
        async with AsyncExitStack() as request_stack:
            scope["fastapi_inner_astack"] = request_stack
            async with AsyncExitStack() as function_stack:
                scope["fastapi_function_astack"] = function_stack
                response = await inner(request)
                await idempotency.remember(request, response)
            lives_until_sent.push_async_exit(request_stack.pop_all())
    finally:
        scope["fastapi_inner_astack"] = lives_until_sent
        scope["fastapi_function_astack"] = closes_before_sent
    if response is None:
        raise RuntimeError("a dependency swallowed the error that ended the endpoint")
    return response


def lost_a_race(error: BaseException) -> bool:
    """Whether the error is a deadlock or serialization failure, or was raised because of one."""
    seen: BaseException | None = error
    for _ in range(_LONGEST_CHAIN):
        if seen is None:
            return False
        if is_transient(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


async def _body_is_kept(request: Request) -> bool:
    """Whether the body can be read again: Starlette refuses a stream it has passed on."""
    try:
        await request.body()
    except RuntimeError:
        return False
    return True


def _takes_a_form(route: APIRoute) -> bool:
    field = route.body_field
    return field is not None and isinstance(field.field_info, params.Form)


def _uncached(response: Response) -> Response:
    """Answers are somebody's own: no cache keeps one unless the endpoint says so."""
    response.headers.setdefault("cache-control", "no-store")
    return response
