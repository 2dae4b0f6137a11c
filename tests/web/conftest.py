"""A served FirstBell and a browser that forgives nothing: errors in its console fail the test."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

from api.db.embedded import EmbeddedServer
from tests.web.shop import Shop, open_shop
from tests.web.world import EMAIL, PASSWORD, World, served

# The best first: the shell is the same engine without the windows around its pages, which take as
# long to make as all that a test does in them.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser")
# Of those windows, what nobody looks at: pages in their address bars, and a process kept ready for
# the next one. Named here they replace the list that Playwright gives, whose names follow.
NEEDLESS = [
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxFullPopup",
    "PreloadTopChromeWebUI",
    "SpareRendererForSitePerProcess",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "LensOverlay",
    "MediaRouter",
    "PaintHolding",
    "ThirdPartyStoragePartitioning",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "OptimizationHints",
    "NetworkTimeServiceQuerying",
    "AimEnabled",
    "PreconnectToSearch",
]
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(NEEDLESS)}",
]
# The browser says so of every answer that is no success; whether it should be one, the test knows.
_REFUSED = re.compile(r"Failed to load resource: the server responded with a status of (\d{3})")
PATIENCE = 15_000


@dataclass
class Visitor:
    """One browser window, and what its console said. `expected` are refusals the test provokes."""

    page: Page
    url: str
    expected: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        refused = _REFUSED.match(message.text)
        if refused and (int(refused[1]) in self.expected or self._asks_who(message)):
            return
        self.faults.append(f"{message.type}: {message.text} {message.location}")

    def _asks_who(self, message: ConsoleMessage) -> bool:
        """Asking who is signed in is answered 401 when nobody is: the way to find out."""
        return message.location["url"] == f"{self.url}/v1/me"

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)


@pytest.fixture(scope="module")
def world(
    server: EmbeddedServer, built_opener: FastAPI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with served(server, built_opener, tmp_path_factory.mktemp("data")) as made:
        yield made


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    """Vendors of this module's own, whose orders its schools wait for."""
    return open_shop(world)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Of this module only: its event loop would be in others' way."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        reason = "NO CHROMIUM ON THE PATH: the frontend is not tested. Install chromium."
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


def _stay_here(route: Route) -> None:
    raise AssertionError(f"a page asked another server: {route.request.url}")


@contextmanager
def visiting(browser: Browser, world: World, **options: Any) -> Iterator[Visitor]:
    """A new window with a profile of its own; at the end its console must have been silent."""
    # A clerk's clock is that of the schools: what came today has come there, too.
    usual = {"viewport": {"width": 1280, "height": 800}, "timezone_id": "America/Chicago"}
    options = {**usual, "reduced_motion": "reduce", **options}
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE)
    context.route(lambda url: not url.startswith((world.url, "data:")), _stay_here)
    context.add_init_script(
        "addEventListener('securitypolicyviolation', (event) =>"
        " console.error('policy violated:', event.violatedDirective, event.blockedURI))"
    )
    visitor = Visitor(context.new_page(), world.url)
    visitor.page.on("console", visitor.hear)
    visitor.page.on("pageerror", lambda error: visitor.faults.append(f"exception: {error}"))
    yield visitor
    context.close()
    assert visitor.faults == []


@pytest.fixture(scope="module")
def signed_in(browser: Browser, world: World) -> Any:
    """The cookies of Dana, an admin of every network: signed in once, through the page."""
    with visiting(browser, world) as visitor:
        visitor.open("/sign-in")
        visitor.page.get_by_label("Email").fill(EMAIL)
        visitor.page.get_by_label("Password").fill(PASSWORD)
        visitor.page.get_by_role("button", name="Sign in").click()
        visitor.page.get_by_role("navigation", name="Pages").wait_for()
        return visitor.page.context.storage_state()


@pytest.fixture
def visitor(browser: Browser, world: World, signed_in: Any) -> Iterator[Visitor]:
    """Dana's window."""
    with visiting(browser, world, storage_state=signed_in) as opened:
        yield opened


@pytest.fixture
def page(visitor: Visitor) -> Page:
    return visitor.page
