"""A small application over the real database, with everything `api.http` gives a room."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from pydantic import Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import StreamingResponse

from api.db.pool import Database
from api.db.uow import WriteSession, reading, writing
from api.errors import Conflict, NotFound
from api.http import conditional, docs, idempotency, middleware, problems
from api.http.database_errors import on_violation
from api.http.paging import ListOut, PageParams, link_header
from api.http.route import TransactionalRoute
from api.http.strict import PatchIn, Strict

LARGEST_BODY = 2000

TABLES = """
CREATE TABLE things (
  name text PRIMARY KEY, n integer NOT NULL DEFAULT 0, parent text,
  CONSTRAINT n_small CHECK (n < 1000),
  CONSTRAINT fk_parent FOREIGN KEY (parent) REFERENCES things (name)
);
CREATE TABLE slots (
  place integer, CONSTRAINT uq_place UNIQUE (place) DEFERRABLE INITIALLY DEFERRED
);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'secret words of the server'; END $$;
CREATE TABLE doomed (n integer);
CREATE SEQUENCE commits;
CREATE TABLE contested (n integer);
CREATE FUNCTION lose_twice() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    -- A sequence is not rolled back, so it counts the attempts.
    IF nextval('commits') < 3 THEN RAISE EXCEPTION 'race' USING ERRCODE = '40001'; END IF;
    RETURN NULL;
  END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON contested
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lose_twice();
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON doomed
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


on_violation("uq_place", Conflict, "place-taken", "This place is taken.", "/place")


class PartIn(Strict):
    label: str = Field(max_length=5)


class ThingIn(Strict):
    name: str = Field(min_length=1, max_length=200)
    n: int = 0
    parent: str | None = None
    weight: float | int | None = None
    parts: list[PartIn] = []


class ThingPatch(PatchIn):
    never_null = frozenset({"n"})
    n: int | None = None
    parent: str | None = None


class Runs:
    """What the endpoints did, and gates by which a test holds one of them up."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.arrived = asyncio.Event()
        self.may_go_on = asyncio.Event()


router = APIRouter(prefix="/things", route_class=TransactionalRoute)


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _runs(request: Request) -> Runs:
    runs: Runs = request.app.state.runs
    return runs


async def _write(
    request: Request, x_caller: Annotated[str, Header()] = "user:ann"
) -> AsyncIterator[WriteSession]:
    async with writing(_database(request), x_caller) as session:
        await idempotency.claim(session, request, x_caller, request.app.state.keep)
        yield session


Writing = Annotated[WriteSession, Depends(_write, scope="function")]
_INSERT = text("INSERT INTO things (name, n, parent) VALUES (:name, :n, :parent)")


@router.post("", status_code=201)
async def make(
    thing: ThingIn, request: Request, response: Response, session: Writing
) -> dict[str, Any]:
    _runs(request).started.append(thing.name)
    await session.execute(_INSERT, thing.model_dump(include={"name", "n", "parent"}))
    response.headers["location"] = f"/v1/things/{thing.name}"
    response.headers["etag"] = conditional.etag_of(thing.name, 1)
    idempotency.never_store(request, "secret")
    return {"name": thing.name, "secret": "s3cret", "deep": [{"secret": "s3cret"}]}


@router.post("/slow", status_code=201)
async def make_slowly(thing: ThingIn, request: Request, session: Writing) -> dict[str, str]:
    runs = _runs(request)
    await session.execute(_INSERT, thing.model_dump(include={"name", "n", "parent"}))
    runs.arrived.set()
    await runs.may_go_on.wait()
    return {"name": thing.name}


@router.post("/fails", status_code=201)
async def make_and_fail(thing: ThingIn, session: Writing) -> None:
    await session.execute(_INSERT, thing.model_dump(include={"name", "n", "parent"}))
    raise Conflict("No.")


@router.get("/{name}")
async def read(name: str, request: Request) -> Response:
    async with reading(_database(request)) as session:
        n = await session.scalar(text("SELECT n FROM things WHERE name = :name"), {"name": name})
    if n is None:
        raise NotFound("There is no thing of this name.")
    etag = conditional.etag_of(name, n)
    if conditional.not_modified(request, etag):
        return conditional.not_modified_response(etag)
    return conditional.mark(Response(f"{n}", media_type="text/plain"), etag)


@router.patch("/{name}")
async def change(
    name: str, patch: ThingPatch, request: Request, session: Writing
) -> dict[str, Any]:
    row = await session.execute(
        text("SELECT n FROM things WHERE name = :name FOR UPDATE"), {"name": name}
    )
    conditional.check_if_match(request, conditional.etag_of(name, row.scalar_one()))
    changes = patch.changes()
    for column, value in changes.items():
        await session.execute(
            text(f"UPDATE things SET {column} = :value WHERE name = :name"),
            {"value": value, "name": name},
        )
    return changes


@router.get("")
async def browse(
    page: PageParams, request: Request, response: Response, near: str | None = None
) -> ListOut[int]:
    link = link_header(request, "x y" if page.limit < 100 else None)
    if link:
        response.headers["link"] = link
    return ListOut(items=list(range(min(page.limit, 3))))


@router.post("/{first}/then/{second}")
async def lock_in_order(first: str, second: str, request: Request, session: Writing) -> str:
    """Takes two rows; the test lets both callers hold their first before either goes on."""
    runs = _runs(request)
    lock = text("UPDATE things SET n = n + 1 WHERE name = :name")
    await session.execute(lock, {"name": first})
    runs.started.append(first)
    if len(runs.started) >= 2:
        runs.may_go_on.set()
    await runs.may_go_on.wait()
    await session.execute(lock, {"name": second})
    return "done"


async def _snapshot(request: Request) -> AsyncIterator[AsyncSession]:
    engine = _database(request).engine.execution_options(isolation_level="REPEATABLE READ")
    async with AsyncSession(engine) as session, session.begin():
        yield session


@router.post("/{name}/count")
async def count(
    name: str,
    request: Request,
    session: Annotated[AsyncSession, Depends(_snapshot, scope="function")],
) -> int:
    """Reads, waits until another has read too, writes what it read plus one."""
    runs = _runs(request)
    n = await session.scalar(text("SELECT n FROM things WHERE name = :name"), {"name": name})
    assert n is not None
    runs.started.append(name)
    if len(runs.started) >= 2:
        runs.may_go_on.set()
    await runs.may_go_on.wait()
    await session.execute(
        text("UPDATE things SET n = :n WHERE name = :name"), {"n": n + 1, "name": name}
    )
    return int(n) + 1


others = APIRouter(route_class=TransactionalRoute)


@others.post("/slots", status_code=201)
async def take_slot(session: Writing) -> None:
    """Breaks a deferred constraint on the second call: at the commit."""
    await session.execute(text("INSERT INTO slots VALUES (1)"))


@others.post("/doomed", status_code=201)
async def never_commits(session: Writing) -> None:
    await session.execute(text("INSERT INTO doomed VALUES (1)"))


@others.post("/contested", status_code=201)
async def loses_at_the_commit(request: Request, session: Writing) -> int:
    """Its first two commits lose a race."""
    _runs(request).started.append("contested")
    await session.execute(text("INSERT INTO contested VALUES (1)"))
    return len(_runs(request).started)


@others.post("/killed", status_code=201)
async def loses_its_connection(request: Request, session: Writing) -> None:
    """Its server process ends between the work and the commit, as in a fail-over."""
    await session.execute(text("INSERT INTO things VALUES ('killed')"))
    pid = await session.scalar(text("SELECT pg_backend_pid()"))
    async with _database(request).pool.connection() as other:
        await other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@others.post("/races/{times}", status_code=201)
async def loses(times: int, request: Request, session: Writing) -> int:
    """The server itself reports a serialization failure, `times` times over."""
    runs = _runs(request)
    runs.started.append("race")
    await session.execute(text("INSERT INTO things VALUES (:name)"), {"name": f"{uuid4()}"})
    if len(runs.started) <= times:
        await session.execute(
            text("DO $$ BEGIN RAISE EXCEPTION 'race' USING ERRCODE = '40001'; END $$")
        )
    return len(runs.started)


@others.post("/streams", status_code=201)
async def reads_a_stream(request: Request, session: Writing) -> None:
    runs = _runs(request)
    runs.started.append("stream")
    async for _ in request.stream():
        pass
    await session.execute(
        text("DO $$ BEGIN RAISE EXCEPTION 'race' USING ERRCODE = '40001'; END $$")
    )


@others.get("/boom")
async def boom() -> None:
    raise RuntimeError("student Ada Lovelace in SELECT secret FROM students")


@others.get("/wrong-answer")
async def wrong_answer() -> list[int]:
    return ["Ada Lovelace"]  # type: ignore[list-item]  # the mistake that is looked at


@others.get("/statement")
async def wrong_statement(request: Request) -> None:
    async with reading(_database(request)) as session:
        await session.execute(text("SELECT * FROM no_such_table"))


@others.get("/count-rows")
async def count_rows(request: Request) -> int:
    async with reading(_database(request)) as session:
        return int(await session.scalar(text("SELECT count(*) FROM things")) or 0)


@others.get("/forever")
async def forever() -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"tick"
            await asyncio.sleep(0)

    return StreamingResponse(ticks(), media_type="text/plain")


@others.get("/breaks-off")
async def breaks_off() -> StreamingResponse:
    async def ticks() -> AsyncIterator[bytes]:
        yield b"tick"
        raise RuntimeError("in the middle of the answer")

    return StreamingResponse(ticks(), media_type="text/plain")


@others.post("/upload")
async def upload(request: Request) -> int:
    return len(await request.body())


def make_app(database: Database) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.state.database, app.state.runs, app.state.keep = database, Runs(), timedelta(hours=24)
    app.state.lines = []
    problems.install(app)
    docs.install(app)
    app.add_middleware(middleware.Shell, access_log=lambda *line: app.state.lines.append(line))
    v1 = APIRouter(prefix="/v1")
    v1.include_router(router)
    v1.include_router(others)
    app.include_router(v1, max_body_size=LARGEST_BODY)
    return app
