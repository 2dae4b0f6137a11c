"""FirstBell, the least a route of it can do, and under /bare the least a FastAPI endpoint can do.

All in one process, on one pool.
"""

import os
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from api import logging_setup, memory
from api.app import create_app
from api.auth.dependencies import current_caller, database_of
from api.auth.rules import digest
from api.settings import Settings
from benchmarks.ground import SECRET

bare = FastAPI()
_RECEIVED = b'{"id":"00000000-0000-7000-8000-000000000000","outcome":"stored"}'
_LOOKUP = b"SELECT id, body_etag FROM calendar_links WHERE digest = %s AND revoked_at IS NULL"
_SELECT = b"SELECT document FROM readiness_answers WHERE school_id = %s"


@bare.get("/bare/{school_id}", dependencies=[Depends(current_caller)])
async def one_select(school_id: UUID, request: Request) -> Response:
    async with database_of(request).raw() as connection:
        found = await connection.execute(_SELECT, (school_id,), binary=True)
        row = await found.fetchone()
    return Response(row[0] if row else b"", media_type="application/json")


async def only_read(request: Request) -> Response:
    await request.body()
    return Response(_RECEIVED, 202, media_type="application/json")


async def only_lookup(request: Request, token: str) -> Response:
    async with database_of(request).raw() as connection:
        found = await connection.execute(_LOOKUP, (digest(token),), binary=True)
        row = await found.fetchone()
    return Response(status_code=304 if row else 404, headers={"etag": row[1] if row else ""})


def main() -> None:
    settings = Settings(secret_key=SECRET, log_level="WARNING", embedded_worker=False, pool_size=16)
    logging_setup.configure(settings)
    ours = create_app(settings)
    bare.state.database, bare.state.settings = ours.state.database, settings
    # The first to be tried, so that none is found sooner.
    ours.router.routes.insert(0, APIRoute("/only-read", only_read, methods=["POST"]))
    ours.router.routes.insert(1, APIRoute("/only-lookup/{token}.ics", only_lookup))
    memory.settle()

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        app = bare if scope["type"] == "http" and scope["path"].startswith("/bare/") else ours
        await app(scope, receive, send)

    uvicorn.run(
        both,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
