"""Targets that answer badly, slowly, never, or twice: nobody is made twice, and nobody is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain, cycle
from typing import Any
from uuid import UUID

import httpx
import pytest

from api import clock
from api.accounts.targets import scim_http
from api.accounts.targets.adapter import TargetFails
from api.accounts.targets.addresses import CheckedTransport, url_fault
from api.accounts.targets.rules import FAILURES_TO_OPEN
from api.accounts.targets.scim_wire import retry_after
from api.accounts.targets.sync import Syncing, sync_target
from tests.accounts.conftest import Body
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.proxy import Fault, answer, proxied
from tests.accounts.targets.scim_server import TOKEN, tenant, users
from tests.tasks.conftest import rows

NOW = datetime(2027, 8, 1, 12, tzinfo=UTC)
FAULTS: tuple[Fault, ...] = (
    *("lose", "drop", "pass", "lose"),
    *(answer(500), answer(201, b"<html>hello</html>"), "pass"),
    *(answer(200, b'{"id": 7}'), answer(301, location="http://127.0.0.1:1/Users"), "pass"),
    answer(201, b'{"id":'),
)


class Plans:
    """What becomes of requests, by method; `others` of every one that is not named."""

    def __init__(self, **by_method: Any) -> None:
        self.by_method = by_method

    def __call__(self, method: str, path: str) -> Fault:
        if path.endswith("/Bulk") and "BULK" not in self.by_method:
            return answer(404)
        given = self.by_method.get("BULK" if path.endswith("/Bulk") else method, "pass")
        fault: Fault = next(given) if hasattr(given, "__next__") else given
        return fault


async def synced(scene: Scene, target: Body, rounds: int = 40) -> int:
    """Sync until nothing waits, as if every wait were over; how often that took."""
    for done in range(rounds):
        await scene.made_due()
        await scene.sync(target)
        status = await scene.status(target)
        if not status["waiting"]:
            assert status["dead"] == 0, status
            return done + 1
    raise AssertionError(status)


@pytest.mark.parametrize("honest", [True, False])
async def test_every_account_is_made_once_whatever_the_answers(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, honest: bool
) -> None:
    """`honest` or not: whether a filter, which lost accounts are looked for with, is honoured."""
    monkeypatch.setattr(scim_http, "WHOLE_SECONDS", 2.0)
    base = tenant(scene.scim)
    await scene.students(25)
    faults = chain(["hang"] * honest, cycle(FAULTS))
    plan = Plans(POST=faults, GET="pass" if honest else "unfiltered")
    async with proxied(base, plan) as proxy:
        target = await scene.target(proxy.address, concurrency=3)
        assert await synced(scene, target) > 1
        assert await scene.is_equal(target, base)
        assert proxy.count("POST", "/Users") > 25
        assert await scene.sync(target) == {}


async def test_a_bulk_request_that_is_lost_makes_nobody_twice(scene: Scene) -> None:
    base = tenant(scene.scim)
    await scene.students(110)
    some: tuple[Fault, ...] = ("lose", answer(413))
    async with proxied(base, Plans(BULK=iter([*some, *["pass"] * 99]))) as proxy:
        target = await scene.target(proxy.address)
        await synced(scene, target)
        assert await scene.is_equal(target, base)
        assert proxy.count("POST", "/Bulk") >= len(some)


async def test_an_outage_opens_the_breaker_and_gives_nobody_up(scene: Scene) -> None:
    base = tenant(scene.scim)
    await scene.students(30)
    plan = Plans(POST=answer(500))
    async with proxied(base, plan) as proxy:
        target = await scene.target(proxy.address, concurrency=1)
        for trips in range(1, 11):
            before = proxy.count("POST", "/Users")
            await scene.sync(target)
            asked = proxy.count("POST", "/Users") - before
            assert asked == (FAILURES_TO_OPEN if trips == 1 else 1), "then one is tried at a time"
            status = await scene.status(target)
            assert (status["breaker"]["state"], status["breaker"]["error"]) == (
                "open",
                "answered-500",
            )
            assert await scene.sync(target) == {}, "it is left alone"
            await scene.made_due()
        assert (status["waiting"], status["dead"]) == (30, 0)
        attempts = [one["attempts"] for one in await scene.queue(target)]
        assert max(attempts) == 0, "an outage brings nobody nearer to being given up"
        plan.by_method = {}
        await scene.sync(target)
    assert await scene.is_equal(target, base)
    assert (await scene.status(target))["breaker"]["state"] == "closed"


async def test_credentials_revoked_midway_stop_it_until_they_are_changed(scene: Scene) -> None:
    base, caller = tenant(scene.scim), scene.rosters.caller
    await scene.students(20)
    async with proxied(base, Plans(POST=iter(["pass"] * 4 + [answer(401)] * 99))) as proxy:
        target = await scene.target(proxy.address, concurrency=1)
        await scene.sync(target)
        assert len(users(base)) == 4
        assert proxy.count("POST", "/Users") == 5
        status = await scene.status(target)
        assert status["breaker"] == {
            "state": "refused",
            "open_until": None,
            "error": "credentials-refused",
        }
        assert (status["waiting"], status["dead"], status["remaining"]) == (16, 0, None)
        await scene.made_due()
        assert await scene.sync(target) == {}
        assert proxy.count("POST", "/Users") == 5
        assert proxy.plan is not None
        proxy.plan = Plans()
        await caller.patch(f"/targets/{target['id']}", {"token": TOKEN})
        assert await scene.sync(target) == {"done": 16}
    assert await scene.is_equal(target, base)
    shown = await caller.get(f"/targets/{target['id']}")
    assert shown["has_token"]
    assert TOKEN not in str(shown)
    found = await rows(scene.rosters.database, "SELECT sealed FROM targets")
    assert TOKEN.encode() not in found[0][0]


async def test_a_target_that_asks_for_patience_gets_it(scene: Scene) -> None:
    await scene.students(10)
    async with proxied(
        tenant(scene.scim), Plans(POST=iter(["pass"] * 3 + [answer(429, retry_after="90")] * 9))
    ) as proxy:
        target = await scene.target(proxy.address, concurrency=1)
        began = clock.now()
        assert await scene.sync(target) == {"done": 3, "untried": 7}
    found = await rows(scene.rosters.database, "SELECT paced_until FROM target_states")
    assert found[0][0] >= began + timedelta(seconds=90)
    assert all(one["attempts"] == 0 for one in await scene.queue(target))
    status = await scene.status(target)
    assert status["breaker"]["state"] == "closed"
    assert datetime.fromisoformat(status["ends_at"]) >= began + timedelta(seconds=90)


def test_retry_after_is_seconds_or_a_date() -> None:
    later = format_datetime(NOW + timedelta(minutes=3), usegmt=True)
    assert retry_after(later, NOW) == 180
    assert retry_after(" 120 ", NOW) == 120
    assert retry_after(format_datetime(NOW - timedelta(days=1), usegmt=True), NOW) == 0
    assert retry_after("99999999", NOW) == timedelta(days=1).total_seconds()
    for nonsense in (None, "soon", "-1", "١٢"):
        assert retry_after(nonsense, NOW) is None


@pytest.mark.parametrize(
    "url",
    [
        *("http://target.example.org/v2", "ftp://target.example.org", "https://10.0.0.1/v2"),
        *("https://[::ffff:169.254.169.254]/v2", "https://127.0.0.1/v2", "http://127.0.0.1/v2"),
        *("https://u:p@target.example.org", "https://target.example.org/v2?a=b", "nonsense"),
        *("https://exa mple", "https://a..b", "https://a%2fb", "https://a.example:99999"),
        *("https://[fd00::1]", "https://0.0.0.0/", "https://", "https://target.example.org/#a"),
    ],
)
def test_a_target_is_not_within_our_own_network(url: str) -> None:
    assert url_fault(url, may_be_private=False) is not None


def test_a_target_is_on_the_internet_or_where_a_setting_allows() -> None:
    assert url_fault("https://target.example.org/scim/v2", may_be_private=False) is None
    assert url_fault("https://10.0.0.1/v2", may_be_private=True) is None
    assert url_fault("http://127.0.0.1:8080/v2", may_be_private=True) is None
    assert url_fault("http://10.0.0.1/v2", may_be_private=True) is not None, "not over the wire"


async def test_a_name_that_leads_into_our_network_is_not_called(scene: Scene) -> None:
    """The address says nothing of it, so it is found out where it is resolved."""
    await scene.students(1)
    target = await scene.target("https://localhost:1/v2")
    async with CheckedTransport(connections=1, may_be_private=False) as transport:
        with pytest.raises(TargetFails, match="address-refused"):
            await transport.handle_async_request(httpx.Request("GET", "https://localhost:1/v2"))
    private = Syncing(scene.rosters.database, scene.syncing.sealer, may_be_private=False)
    assert await sync_target(private, UUID(target["id"])) == {}
    assert (await scene.status(target))["breaker"]["error"] == "address-refused"
