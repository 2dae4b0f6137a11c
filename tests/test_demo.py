"""The demo, loaded through the API into a database of its own: what it promises is there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api import clock, wiring
from api.accounts import jobs as account_jobs
from api.app import furnish
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.embedded import EmbeddedServer
from api.db.listen import Listener
from api.db.pool import Database
from api.db.uow import WriteSession, transact
from api.demo import load, story, targets
from api.demo.load import load_demo
from api.jobs.worker import run_worker, stop_worker
from api.settings import Settings
from api.webhooks.apply import apply_batch
from api.webhooks.secrets import sealer_for
from tests.shelf import Shelf

# The whole of the demo is written once; on a busy machine that takes a while.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class NoNetwork(Exception):
    """Somebody asked for an address."""


@asynccontextmanager
async def service(app: FastAPI, url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The application on a database, and a client with an admin's token."""
    settings = Settings(
        database_url=url,
        secret_key=SecretStr("x" * 43),
        log_level="WARNING",
        embedded_worker=False,
    )

    async def make(session: WriteSession) -> str:
        return await create_token(session, name="demo", role=Role.admin, sees_names=True)

    async with Database(url, settings, wiring.build_bus()) as database:
        await wiring.prepare(database)
        token = await transact(database, "job:test", make)
        furnish(app, settings, database)
        headers = {"authorization": f"Bearer {token}"}
        async with (
            app.state.listener,
            Listener(database, wiring.CHANNELS) as listener,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://127.0.0.1",
                headers=headers,
                timeout=120,
            ) as client,
        ):
            # Rosters are done in the background; what vendors posted each test applies itself.
            jobs = [account_jobs.import_job(settings), account_jobs.undo_job(settings)]
            worker = asyncio.create_task(run_worker(database, listener, jobs))
            yield client
            await stop_worker(worker)


def offline(patch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NoNetwork

    patch.setattr(socket, "getaddrinfo", refuse)
    patch.setattr(socket, "create_connection", refuse)


@pytest.fixture(scope="module")
def loaded_url(server: EmbeddedServer, shelf: Shelf) -> Iterator[str]:
    """A database for all tests of this file."""
    name = shelf.take()
    yield server.url(name)
    shelf.give_back(name)


@pytest.fixture(scope="module")
async def demo(built_app: FastAPI, loaded_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The demo, loaded without any address being asked for."""
    with pytest.MonkeyPatch.context() as patch:
        offline(patch)
        async with service(built_app, loaded_url) as client:
            await load_demo(client)
            yield client


async def read(client: httpx.AsyncClient, path: str) -> Any:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_board_has_every_school_and_every_verdict(demo: httpx.AsyncClient) -> None:
    board = await read(demo, "/v1/readiness?limit=50000")
    assert len(board["items"]) == 660
    assert sum(board["totals"].values()) == 660
    assert set(board["totals"]) == {
        "ready",
        "on_track",
        "at_risk",
        "late",
        "unscheduled",
        "unplanned",
    }
    # Most of a city is on its way, or the rest would not stand out.
    assert board["totals"]["on_track"] > 330


async def test_there_are_rosters_of_each_kind(demo: httpx.AsyncClient) -> None:
    runs = (await read(demo, "/v1/account-imports?network=KIPP"))["items"]
    # The held one waits behind the first of its source.
    ends = [(run["source"], run["state"], run["snapshot"]) for run in reversed(runs)]
    assert ends == [
        ("sis", "applied", "delta"),
        ("sis", "held", "full"),
        ("summer-club", "undone", "delta"),
    ]
    rejected, held, undone = reversed(runs)
    assert rejected["rows"]["created"] == 380 + 861
    issues = (await read(demo, f"/v1/account-imports/{rejected['id']}/issues"))["items"]
    assert [issue["code"] for issue in issues] == [
        "school-unknown",
        "grade-unknown",
        "row-twice",
        "required",
    ]
    assert held["held_reasons"][0]["code"] == "too-many-missing"
    assert undone["undo"]["reversed"] == 12
    ascend = await read(demo, "/v1/schools/KIPP-ASCEND/tasks?limit=1000")
    created = next(one for one in ascend["items"] if one["key"] == "accounts.create")
    assert (created["progress_done"], created["progress_total"]) == (861, 913)


async def test_one_target_has_most_of_its_file_and_one_is_not_switched_on(
    demo: httpx.AsyncClient,
) -> None:
    found = (await read(demo, "/v1/targets?network=KIPP"))["items"]
    by_slug = {one["slug"]: one["id"] for one in found}
    files = await read(demo, f"/v1/targets/{by_slug[targets.FILES]}/status")
    there = targets.CONFIRMED - targets.REFUSED
    accounts = 380 + 861
    assert files["accounts"]["active"] == there
    assert files["accounts"]["handed_off"] == accounts - targets.CONFIRMED
    assert (files["dead"], files["waiting"]) == (targets.REFUSED, 0)
    service = await read(demo, f"/v1/targets/{by_slug[targets.SERVICE]}/status")
    assert (service["waiting"], service["remaining"]) == (accounts, None)
    cards = (await read(demo, "/v1/login-cards?network=KIPP"))["items"]
    waiting = {one["school"]: one["waiting"] for one in cards}
    assert waiting[targets.CARDS_FOR] == 380


async def test_training_was_held_is_full_and_is_cancelled(demo: httpx.AsyncClient) -> None:
    sessions = (await read(demo, "/v1/pd/sessions?network=KIPP"))["items"]
    held, full, _, online = sessions
    assert [one["status"] for one in sessions] == ["completed", "open", "cancelled", "open"]
    assert (full["full"], full["waitlisted"]) == (True, 2)
    assert (online["online"], online["trainer"]["staff"]) == (True, None)
    listed = (await read(demo, f"/v1/pd/sessions/{held['id']}/registrations"))["items"]
    assert sorted(one["hours"] for one in listed) == [3.5, 6, 6, 6, 6]
    coverage = (await read(demo, "/v1/pd/coverage?school=KIPP-ASCEND"))["items"]
    core = next(one["people"] for one in coverage if one["course"] == "blended_core")
    assert 0 < core["completed"] < core["needed"]


async def test_the_network_of_four_tells_one_of_each(demo: httpx.AsyncClient) -> None:
    board = await read(demo, "/v1/readiness?network=KIPP")
    assert {row["school"]["code"]: row["verdict"] for row in board["items"]} == {
        "KIPP-ACADEMY": "ready",
        "KIPP-ASCEND": "at_risk",
        "KIPP-BLOOM": "late",
        "KIPP-ONE": "on_track",
    }


async def test_kipp_ascend_waits_for_the_rest_of_its_devices(demo: httpx.AsyncClient) -> None:
    answer = await read(demo, "/v1/schools/KIPP-ASCEND/readiness")
    assert answer["forecast"]["float_days"] == 2
    first, *rest = answer["critical_path"]
    assert first["key"] == "order:acme:PO-2101"
    assert first["reason"].startswith("promised ")
    assert rest[-1]["finish"] == answer["forecast"]["ready_on"]
    blocker = answer["blockers"][0]
    assert blocker["key"] == "order:acme:PO-2101"
    assert blocker["why"].startswith(f"447 of 1049 devices outstanding, {first['reason']}")
    assert blocker["owner_email"] == "operations@kipp-demo.example.org"
    assert len(answer["blockers"]) >= 3
    assert all(one["owner_email"] for one in answer["blockers"])
    (waiver,) = answer["waivers"]
    assert waiver["expires_on"] > answer["rollout"]["first_bell"]
    assert answer["without_waivers"]["verdict"] == "late"


async def test_checks_have_passed_failed_expired_and_are_waived(demo: httpx.AsyncClient) -> None:
    matrix = await read(demo, "/v1/checks/matrix?network=KIPP")
    cells = {row["school"]: {one["check"]: one for one in row["checks"]} for row in matrix["items"]}
    internet = {school: one["internet_bandwidth"] for school, one in cells.items()}
    assert internet["KIPP-ACADEMY"]["verdict"] == "passed"
    assert internet["KIPP-BLOOM"]["verdict"] == "stale"
    assert (internet["KIPP-ASCEND"]["verdict"], internet["KIPP-ASCEND"]["waived"]) == (
        "failed",
        True,
    )
    assert cells["KIPP-ONE"]["wifi_signal"]["verdict"] == "scheduled"
    assert cells["KIPP-ACADEMY"]["content_filter"]["verdict"] == "passed"
    city = await read(demo, "/v1/checks/matrix?network=CPS&check=internet_bandwidth&limit=1000")
    verdicts = {row["checks"][0]["verdict"] for row in city["items"]}
    assert verdicts == {"passed", "failed", "not_started"}
    # What has expired is no longer done, whatever its count says.
    graph = await read(demo, "/v1/schools/KIPP-BLOOM/graph")
    task = next(one for one in graph["tasks"] if one["key"] == "infrastructure.internet")
    assert (task["status"], task["satisfied"]) == ("done", False)


async def test_everything_is_in_flight(demo: httpx.AsyncClient) -> None:
    bloom = await read(demo, "/v1/schools/KIPP-BLOOM/readiness")
    assert any("promise broken, no new date" in one["why"] for one in bloom["blockers"])
    assert any(one["key"] == "identity.contract" for one in bloom["blockers"])
    one = await read(demo, "/v1/schools/KIPP-ONE/readiness")
    assert any("waiver ends" in blocker["why"] for blocker in one["blockers"])
    network = await read(demo, "/v1/networks/CPS")
    assert network["blackout_days"]
    users = {user["role"] for user in (await read(demo, "/v1/users"))["items"]}
    assert users == {"admin", "ops", "school_lead", "viewer"}


async def test_orders_are_short_late_not_counted_and_for_no_school_yet(
    demo: httpx.AsyncClient, loaded_url: str
) -> None:
    await apply_inbox(loaded_url)
    orders = {one["number"]: one for one in (await read(demo, "/v1/orders"))["items"]}
    assert {one["state"] for one in orders.values()} == {"placed"}
    short = await read(demo, f"/v1/orders/{orders['PO-2101']['id']}")
    assert [(line["sku"], line["outstanding"]) for line in short["lines"]] == [
        ("CB-14", 447),
        ("NB-15", 0),
    ]
    bloom = await read(demo, "/v1/schools/KIPP-BLOOM/readiness")
    assert bloom["critical_path"][0]["key"] == "order:acme:PO-2102"
    assert bloom["verdict"] == "late"
    one = await read(demo, "/v1/schools/KIPP-ONE/readiness")
    causes = {blocker["key"]: blocker["why"] for blocker in one["blockers"]}
    assert "325 delivered" in causes["order:acme:PO-2103"]
    assert "not counted" in causes["order:acme:PO-2103"]
    (spare,) = orders["PO-2104"]["lines"]
    assert (spare["allocated"], spare["quantity"]) == (0, 120)
    events = await read(demo, "/v1/webhook-events?outcome=unmatched")
    assert [event["vendor"] for event in events["items"]] == ["acme"]


async def apply_inbox(url: str) -> None:
    """What the worker does, which these tests do not run."""
    settings = Settings(database_url=url, secret_key=SecretStr("x" * 43), log_level="WARNING")
    async with Database(url, settings, wiring.build_bus()) as database:
        while await apply_batch(database, sealer_for(settings)):
            pass


async def test_waivers_wait_where_a_second_person_has_to_approve(
    demo: httpx.AsyncClient, loaded_url: str
) -> None:
    with psycopg.connect(loaded_url) as connection:
        states = connection.execute("SELECT DISTINCT state FROM waivers").fetchall()
    assert {state for (state,) in states} == {"requested", "approved"}


async def test_a_second_load_changes_nothing(demo: httpx.AsyncClient, loaded_url: str) -> None:
    def last_change() -> object:
        with psycopg.connect(loaded_url) as connection:
            return connection.execute(
                "SELECT (SELECT max(id) FROM history), (SELECT count(*) FROM users),"
                " (SELECT sum(revision) FROM school_state)"
            ).fetchone()

    before = last_change()
    await load_demo(demo)
    assert last_change() == before


async def test_a_load_that_was_cut_off_goes_on(
    built_app: FastAPI, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off in the middle, it ends on the next day as if nothing had been."""
    few = [row for row in load.rows_of_file() if row["network"] == "KIPP" or row["wave"] == "AUSL"]
    monkeypatch.setattr(load, "rows_of_file", lambda: few)
    noon = datetime.combine(date.today(), datetime.min.time(), UTC) + timedelta(hours=18)  # noqa: DTZ011 (any near day will do)
    left = 90

    async def cut(_: httpx.Request) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise NoNetwork

    async with service(built_app, database_url) as client:
        with clock.moved_to(noon):
            client.event_hooks = {"request": [cut], "response": []}
            with pytest.raises(NoNetwork):
                await load_demo(client)
            client.event_hooks = {"request": [], "response": []}
        with clock.moved_to(noon + timedelta(days=1)):
            await load_demo(client)
            board = await read(client, "/v1/readiness?limit=1000")
    verdicts = {row["school"]["code"]: row["verdict"] for row in board["items"]}
    assert len(verdicts) == len(few)
    assert verdicts["KIPP-ASCEND"] == "at_risk"
    assert verdicts["KIPP-ACADEMY"] == "ready"


async def test_a_database_in_use_is_left_alone(built_app: FastAPI, database_url: str) -> None:
    async with service(built_app, database_url) as client:
        mine = {"code": "MINE", "name": "My network", **story.PLACE}
        assert (await client.post("/v1/networks", json=mine)).status_code == 201
        await load_demo(client)
        networks = await read(client, "/v1/networks")
        users = await read(client, "/v1/users")
    assert [network["code"] for network in networks["items"]] == ["MINE"]
    assert users["items"] == []


def test_first_bells_are_working_days_weeks_ahead_on_any_day() -> None:
    for offset in range(0, 800, 3):
        today = date(2026, 1, 1) + timedelta(days=offset)
        for (network, wave), weeks in story.WEEKS.items():
            bell = story.first_bell(network, wave, today)
            if bell is None or weeks is None:
                assert weeks is None
                continue
            assert story.calendar_of(network, today).is_working(bell)
            assert weeks <= (bell - today).days / 7 < weeks + 2


def test_the_file_names_each_school_once() -> None:
    schools = load.read_schools(date(2026, 11, 24))
    assert len(schools) == len({school.code for school in schools}) == 660
    assert {school.code for school in schools if school.network == "KIPP"} == {
        "KIPP-ACADEMY",
        "KIPP-ASCEND",
        "KIPP-BLOOM",
        "KIPP-ONE",
    }
    assert [school for school in schools if school.model and not school.students] == []
