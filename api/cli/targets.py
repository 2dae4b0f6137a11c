"""`accounts sync`: what waits for a target tried now, and how it went."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import httpx
import typer

from api.accounts.targets.rules import Breaker
from api.cli.accounts import (
    LOOK_EVERY_SECONDS,
    CallRefused,
    Token,
    Url,
    Wait,
    call,
    read_answer,
    shown_progress,
)
from api.cli.common import Exit, console, error_console, print_json
from api.cli.people import JsonOption

Status = dict[str, Any]


def sync(
    target: Annotated[str, typer.Argument(help="A target's slug or id.")],
    *,
    network: Annotated[str | None, typer.Option(help="A code or id.")] = None,
    wait: Wait = True,
    url: Url = None,
    token: Token = None,
    as_json: JsonOption = False,
) -> None:
    """Have what waits for a target tried now, and say how it went.

    Exit codes: 0 the target has everything, 6 it has not all of it: some were given up or wait
    for their next try, 1 it refuses our credentials, is paused or cannot be reached.
    """

    async def work(client: httpx.AsyncClient) -> Status:
        target_id = await _find(client, target, network)
        asked = read_answer(await client.post(f"/v1/targets/{target_id}/sync"))
        return await _until_still(client, asked) if wait else asked

    status = call(work, url, token, sees_names=False)
    _tell(status, as_json)
    if wait:
        raise typer.Exit(exit_code(status))


async def _find(client: httpx.AsyncClient, target: str, network: str | None) -> str:
    """Raises: CallRefused when none or several are called so."""
    query = {"limit": "1000"} | ({"network": network} if network is not None else {})
    items = read_answer(await client.get("/v1/targets", params=query))["items"]
    found = [one["id"] for one in items if target in (one["slug"], one["id"])]
    if len(found) != 1:
        known = ", ".join(sorted({one["slug"] for one in items})) or "there is none"
        which = "Several networks have it: say --network." if found else f"Known: {known}."
        raise CallRefused(f"No single target is called {target}. {which}")
    return str(found[0])


async def _until_still(client: httpx.AsyncClient, status: Status) -> Status:
    """Until nothing is left to try now."""
    path, total = f"/v1/targets/{status['target']['id']}/status", max(1, status["waiting"])
    with shown_progress("Syncing") as show:
        while _moves(status):
            show(100 * (1 - min(1, status["waiting"] / total)))
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            status = read_answer(await client.get(path))
    return status


def _moves(status: Status) -> bool:
    target, drift = status["target"], status["drift"]
    if target["paused"] or status["breaker"]["state"] != Breaker.closed:
        return False
    if target["dry_run"]:
        return bool(drift["asked"])
    return bool(status["running"] or status["due"] or drift["asked"])


def exit_code(status: Status) -> Exit:
    """What cron is told."""
    target = status["target"]
    if target["paused"] or status["breaker"]["state"] != Breaker.closed:
        return Exit.failed
    if target["dry_run"]:
        return Exit.ok
    return Exit.rejected if status["waiting"] or status["dead"] else Exit.ok


def _tell(status: Status, as_json: bool) -> None:
    if as_json:
        print_json(status)
        return
    there = {name: count for name, count in status["accounts"].items() if name != "none"}
    said = [f"{count:,} {name}" for name, count in there.items() if count]
    said += [f"{status[name]:,} {name}" for name in ("waiting", "dead", "drifted") if status[name]]
    console.print(
        f"{status['target']['slug']}: {', '.join(said) or 'no accounts'}", highlight=False
    )
    planned = {name: count for name, count in status["planned"].items() if count}
    if status["target"]["dry_run"] and planned:
        would = ", ".join(f"{count:,} to {name}" for name, count in planned.items())
        taken = status["drift"]["clashes"]
        console.print(f"dry run: {would}; {taken:,} names are taken there", highlight=False)
    if status["waiting"] and status["remaining"]:
        console.print(f"about {status['remaining']} left", highlight=False)
    breaker = status["breaker"]
    if breaker["state"] != Breaker.closed:
        error_console.out(f"{breaker['state']}: {breaker['error']}", style="red", highlight=False)
    for code, count in status["errors"].items():
        error_console.out(f"{code}: {count:,}", highlight=False)
