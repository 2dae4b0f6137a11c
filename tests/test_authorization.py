"""Every operation x every kind of caller x own and foreign places, over HTTP.

What is expected stands in `authorization_table` and `authorization_rules`, written by hand:
nothing here asks the service who may do what.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from api import wiring
from api.db.pool import Database
from api.settings import Settings
from tests.authorization_rules import CALLERS, HOLDERS, LIMITED_TO_A_SCHOOL, Case, Reach
from tests.authorization_table import CASES
from tests.authorization_world import NETWORKS, World, call, client_of, filled
from tests.shelf import furnished

HOW_TO_ADD = (
    "add a row to CASES in tests/authorization_table.py, with the right it asks for, how far it"
    " reaches, and a path and body that work"
)
# DESIGN 6: open are these, the documentation, the frontend and nothing else.
OPEN = {
    "GET /healthz",
    "GET /readyz",
    "GET /v1/sign-in",
    "POST /v1/sign-in",
    "DELETE /v1/sign-in",
    "POST /v1/sign-in/link",
    "GET /v1/sign-in/oidc",
    "GET /v1/sign-in/oidc/callback",
    "POST /v1/webhooks/{slug}",
    "GET /v1/probe.py",
    "GET /v1/probe/throughput",
    "POST /v1/probe/throughput",
    "POST /v1/schools/{school}/probe-reports",
    "GET /v1/calendars/{token}.ics",
}
UNDOCUMENTED = {
    "/openapi.json",
    "/docs",
    "/docs/start.js",
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-ui.css",
    "/docs/favicon-32x32.png",
    "/assets/{version}/{path:path}",
    "/{path:path}",
}
PLACES = tuple(NETWORKS)


@pytest.fixture
def database_url(peopled_url: str) -> str:
    return peopled_url


@pytest.fixture
async def database(settings: Settings, database_url: str) -> AsyncIterator[Database]:
    async with Database(database_url, settings, wiring.build_bus()) as opened:
        yield opened


@pytest.fixture
def app(built_app: FastAPI, settings: Settings, database: Database) -> FastAPI:
    app = furnished(built_app, settings, database)
    # An event stream then ends after its greeting.
    app.state.listener.end_streams()
    return app


def operations(app: FastAPI) -> set[str]:
    return {
        f"{method.upper()} {path}"
        for path, item in app.openapi()["paths"].items()
        for method in item
        if method != "parameters"
    }


def test_every_operation_has_a_row(built_app: FastAPI) -> None:
    there = operations(built_app)
    missing = there - CASES.keys()
    assert not missing, f"nobody said who may call {sorted(missing)}: {HOW_TO_ADD}"
    gone = CASES.keys() - there
    assert not gone, f"these are no operations (any more): {sorted(gone)}"


def test_exactly_the_named_operations_are_open() -> None:
    is_open = {
        key for key, cases in CASES.items() if any(case.reach is Reach.OPEN for case in cases)
    }
    assert is_open == OPEN


def hidden(routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        if included := getattr(route, "original_router", None):
            yield from hidden(included.routes)
        elif not (isinstance(route, APIRoute) and route.include_in_schema):
            yield getattr(route, "path", repr(route))


def test_no_route_hides_from_the_document(built_app: FastAPI) -> None:
    """A route outside of the document is outside of the matrix, so each is named here."""
    assert set(hidden(built_app.router.routes)) == UNDOCUMENTED


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/docs/start.js"])
async def test_pages_and_documentation_are_open(app: FastAPI, path: str) -> None:
    async with client_of(app, None) as client:
        assert (await client.get(path)).status_code == 200


def distance(caller: str, place: str) -> str:
    """`own`, `sibling` (another school of the caller's network) or `foreign`."""
    if caller in ("anonymous", "admin_everywhere"):
        return "own"
    if caller == "admin_elsewhere":
        return "own" if NETWORKS[place] == "B" else "foreign"
    if NETWORKS[place] != "A":
        return "foreign"
    return "sibling" if caller in LIMITED_TO_A_SCHOOL and place != "a1" else "own"


def is_hidden(case: Case, caller: str, place: str) -> bool:
    how_far = distance(caller, place)
    return how_far == "foreign" or (how_far == "sibling" and case.reach is Reach.SCHOOL)


def expected(case: Case, caller: str, place: str) -> int:
    """The status that this caller has to get."""
    if case.reach is Reach.OPEN:
        return case.status
    if caller == "anonymous":
        return 401
    if caller not in HOLDERS[case.right] or caller in case.barred:
        return 403
    if case.reach is Reach.EVERYWHERE:
        return case.status if caller == "admin_everywhere" else 403
    if case.reach is Reach.ANY or case.shows:
        return case.status
    if is_hidden(case, caller, place):
        far = distance(caller, place) == "foreign"
        return case.hidden if far else case.hidden_sibling
    not_theirs = case.reach is Reach.WHOLE and caller in LIMITED_TO_A_SCHOOL
    return 403 if not_theirs or caller in case.refused else case.status


def asked_at(caller: str, case: Case) -> tuple[str, ...]:
    """The places where the answers can differ."""
    if case.shows or case.reach in (Reach.OPEN, Reach.ANY):
        return ("a1",)
    return PLACES if caller in LIMITED_TO_A_SCHOOL else ("a1", "b1")


def planned() -> Iterator[tuple[str, Case]]:
    """Reads before writes, so that lists are seen as they were made."""
    every = [(key, case) for key, cases in CASES.items() for case in cases]
    yield from sorted(every, key=lambda one: not one[0].startswith("GET"))


def fault(key: str, case: Case, caller: str, place: str, answer: httpx.Response) -> str | None:
    want, got = expected(case, caller, place), answer.status_code
    if got != want:
        return f"{caller}: {key} ({case.path}) at {place}: {got} for {want}: {answer.text[:200]}"
    if got in (401, 403, 404) and case.reach is not Reach.OPEN:
        problem = answer.json()
        if answer.headers["content-type"] != "application/problem+json" or not problem["code"]:
            return f"{caller}: {key}: {got} without a problem document"
    return None


def seen(key: str, case: Case, caller: str, world: World, answer: httpx.Response) -> list[str]:
    """Faults of a list: a place that it should not show, or should."""
    faults = []
    for place in PLACES:
        shows = filled(case.shows, world.names[place]) in answer.text
        if shows == is_hidden(case, caller, place):
            what = "shows" if shows else "lacks"
            faults.append(f"{caller}: {key} {what} {case.shows} of {place}")
    return faults


@pytest.mark.parametrize("caller", CALLERS)
async def test_matrix(
    app: FastAPI, database: Database, peopled: tuple[str, World], caller: str
) -> None:
    """All faults at once: a hole in a dependency shows as the operations that share it."""
    faults: list[str] = []
    world = peopled[1]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.router.lifespan_context(app))
        client = await stack.enter_async_context(
            client_of(app, await world.token(database, caller))
        )
        for key, case in planned():
            for place in asked_at(caller, case):
                answer = await call(client, key, case, world.names[place])
                # Who has signed in is asked as nobody again.
                client.cookies.clear()
                if problem := fault(key, case, caller, place, answer):
                    faults.append(problem)
                elif case.shows and answer.is_success:
                    faults += seen(key, case, caller, world, answer)
    assert not faults, "\n" + "\n".join(faults)
