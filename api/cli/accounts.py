"""`accounts`: rosters in, and undone; for a person at a terminal and for cron."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any, NamedTuple, NoReturn

import httpx
import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from api import logging_setup
from api.accounts.rules import ImportState, Mode, OnError, Snapshot
from api.cli.common import Exit, Misconfigured, console, error_console, print_json
from api.cli.inside import Work, call_elsewhere, call_inside
from api.cli.people import JsonOption
from api.settings import Settings

accounts = typer.Typer(
    help="Student accounts: import a roster, undo an import, export, sync.", no_args_is_help=True
)

_PIECE = 1 << 18
LOOK_EVERY_SECONDS = 0.5
_OPEN = (ImportState.queued, ImportState.running)
_TYPES = {".csv": "text/csv", ".ndjson": "application/x-ndjson", ".zip": "application/zip"}
_SHOWN_ISSUES = 10
_COUNTS = ("created", "updated", "unchanged", "missing", "restored", "rejected")

Url = Annotated[
    str | None,
    typer.Option(
        envvar="FIRSTBELL_URL",
        help="Where FirstBell is served; else it is done here, on the database itself."
        " The token is taken from FIRSTBELL_TOKEN.",
    ),
]
Token = Annotated[str | None, typer.Option(envvar="FIRSTBELL_TOKEN", hidden=True)]
Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Until it has ended; its exit code then tells how.")
]


class File(NamedTuple):
    """What is sent; `size` in bytes, null when only its end will tell."""

    stream: IO[bytes]
    size: int | None
    suffix: str


class CallRefused(Exception):
    """The API said no; its text is the problem's sentence."""


@accounts.command("import")
def import_roster(
    file: Annotated[str, typer.Argument(help="CSV, NDJSON or a zip; - reads standard input.")],
    *,
    network: Annotated[str | None, typer.Option(help="A code or id.")] = None,
    source: Annotated[str | None, typer.Option(help="Which system the file is from.")] = None,
    snapshot: Annotated[
        Snapshot | None, typer.Option(help="full: who is not named is missing.")
    ] = None,
    scope: Annotated[str | None, typer.Option(help="source, or school:CODE.")] = None,
    on_error: Annotated[
        OnError, typer.Option(help="abort: write nothing when a row is rejected.")
    ] = OnError.skip,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    rejected: Annotated[
        Path | None, typer.Option(help="Write the rejected rows here, to be corrected and sent.")
    ] = None,
    wait: Wait = True,
    url: Url = None,
    token: Token = None,
    as_json: JsonOption = False,
) -> None:
    """Send a roster and say what became of it.

    Exit codes: 0 applied (or previewed), 5 held until somebody approves it, 6 applied but rows
    were rejected, 1 failed; those of all commands are in `firstbell --help`.
    """
    asked = {"network": network, "source": source, "snapshot": snapshot, "scope": scope}
    query = {name: value for name, value in asked.items() if value is not None}
    query |= {"on_error": on_error, "mode": Mode.dry_run if dry_run else Mode.apply}

    async def work(client: httpx.AsyncClient) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        run = await _send(client, opened, query)
        if wait:
            with shown_progress("Importing") as show:
                run = await _until(client, run["id"], lambda one: one["state"] not in _OPEN, show)
        path = f"/v1/account-imports/{run['id']}/issues"
        if not run["rows"]["rejected"]:
            return run, []
        if rejected is not None:
            await _save(client, path, rejected)
        issues = await client.get(path, params={"limit": str(_SHOWN_ISSUES)})
        return run, read_answer(issues)["items"]

    with _opened(file) as opened:
        run, issues = call(work, url, token, sees_names=rejected is not None)
    _tell(run, issues, as_json)
    if wait:
        raise typer.Exit(exit_code(run))


@accounts.command("undo")
def undo_import(
    import_id: Annotated[str, typer.Argument(help="The import's id.")],
    *,
    wait: Wait = True,
    url: Url = None,
    token: Token = None,
    as_json: JsonOption = False,
) -> None:
    """Put back what an import did; what was edited since is kept, and names stay burnt.

    Exit codes: 0 undone, 6 undone but some accounts were kept or could not be put back, 1 refused.
    """

    async def work(client: httpx.AsyncClient) -> dict[str, Any]:
        run = read_answer(await client.post(f"/v1/account-imports/{import_id}/undo"))
        if not wait:
            return run
        with shown_progress("Undoing") as show:
            return await _until(client, import_id, _is_undone, show)

    run = call(work, url, token, sees_names=False)
    if as_json:
        print_json(run)
    else:
        counts = run["undo"] or {}
        said = ", ".join(
            f"{counts.get(name, 0):,} {name}" for name in ("reversed", "kept", "failed")
        )
        console.print(f"{run['state']}: {said}", highlight=False)
    if wait:
        raise typer.Exit(_undo_code(run))


def _is_undone(run: dict[str, Any]) -> bool:
    return run["state"] == ImportState.undone or (run["undo"] or {}).get("state") == "failed"


def _undo_code(run: dict[str, Any]) -> Exit:
    if run["state"] != ImportState.undone:
        return Exit.failed
    return Exit.rejected if run["undo"]["kept"] or run["undo"]["failed"] else Exit.ok


def exit_code(run: dict[str, Any]) -> Exit:
    """What cron is told of an import that has ended."""
    if run["state"] not in (ImportState.applied, ImportState.previewed, ImportState.held):
        return Exit.failed
    if run["held_reasons"] and run["approved_at"] is None:
        return Exit.held
    return Exit.rejected if run["rows"]["rejected"] else Exit.ok


def call(work: Work[Any], url: str | None, token: str | None, *, sees_names: bool) -> Any:
    """What `work` gives with a client of the API, here or at an address; ends when refused."""
    logging_setup.configure(Settings().model_copy(update={"log_level": "WARNING"}))
    try:
        if url is None:
            return call_inside(work, sees_names=sees_names)
        if token is None:
            raise Misconfigured("Set FIRSTBELL_TOKEN to a token with the right accounts:write.")
        return call_elsewhere(work, url, token)
    except CallRefused as refused:
        _end(Exit.failed, str(refused))
    except httpx.TransportError as error:
        _end(Exit.unreachable, f"FirstBell cannot be reached at {url}: {type(error).__name__}.")


def _end(code: Exit, message: str) -> NoReturn:
    error_console.out(message, style="red", highlight=False)
    raise typer.Exit(code)


@contextmanager
def _opened(name: str) -> Iterator[File]:
    if name == "-":
        yield File(sys.stdin.buffer, None, "")
        return
    path = Path(name)
    try:
        stream = path.open("rb")
    except OSError as error:
        _end(Exit.usage, f"{name} cannot be read: {error.strerror}.")
    with stream:
        yield File(stream, path.stat().st_size, path.suffix.lower())


async def _send(client: httpx.AsyncClient, file: File, query: dict[str, Any]) -> dict[str, Any]:
    """Upload a file as it is read. Raises: CallRefused."""
    with shown_progress("Sending") as show:

        async def pieces() -> AsyncIterator[bytes]:
            sent = 0
            while piece := await asyncio.to_thread(file.stream.read, _PIECE):
                yield piece
                sent += len(piece)
                show(100 * sent / file.size if file.size else None)

        return read_answer(
            await client.post(
                "/v1/account-imports",
                params=query,
                content=pieces(),
                headers={"content-type": _TYPES.get(file.suffix, "application/octet-stream")},
            )
        )


async def _until(
    client: httpx.AsyncClient,
    import_id: str,
    ended: Callable[[dict[str, Any]], bool],
    show: Callable[[float | None], None],
) -> dict[str, Any]:
    while True:
        run = read_answer(await client.get(f"/v1/account-imports/{import_id}"))
        show(run["percent"])
        if ended(run):
            return run
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _save(client: httpx.AsyncClient, path: str, target: Path) -> None:
    async with client.stream("GET", path, params={"format": "csv"}) as answer:
        if answer.is_error:
            await answer.aread()
            read_answer(answer)
        with target.open("wb") as file:
            async for piece in answer.aiter_bytes():
                file.write(piece)


def read_answer(answer: httpx.Response) -> dict[str, Any]:
    """Raises: CallRefused."""
    if not answer.is_error:
        body: dict[str, Any] = answer.json()
        return body
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError):
        detail = f"It was answered {answer.status_code}."
    raise CallRefused(detail)


@contextmanager
def shown_progress(what: str) -> Iterator[Callable[[float | None], None]]:
    """A bar on a terminal; nothing elsewhere, so that cron mails no bars."""
    columns = (TextColumn(what), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=error_console, transient=True) as bars:
        task = bars.add_task(what, total=None)

        def show(percent: float | None) -> None:
            bars.update(task, completed=percent or 0, total=None if percent is None else 100)

        yield show


def _tell(run: dict[str, Any], issues: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        print_json(run | {"issues": issues})
        return
    counts = ", ".join(f"{run['rows'][name]:,} {name}" for name in _COUNTS if run["rows"][name])
    console.print(f"{run['state']}: {counts or 'no rows'}", highlight=False)
    console.print(f"import {run['id']}", highlight=False)
    if run["problem"]:
        error_console.out(run["problem"]["detail"], style="red", highlight=False)
    for reason in run["held_reasons"]:
        error_console.out(_reason(reason), style="yellow", highlight=False)
    for issue in issues:
        place = f"row {issue['row']}" + (f", {issue['column']}" if issue["column"] else "")
        error_console.out(f"{place}: {issue['code']}, expected {issue['expected']}")
    if run["rows"]["rejected"] > len(issues):
        error_console.out(f"and {run['rows']['rejected'] - len(issues):,} more")


def _reason(reason: dict[str, Any]) -> str:
    where = f" at {reason['school']}" if reason["school"] else ""
    return f"held: {reason['code']}{where}, {reason['count']:,} of {reason['of']:,} students"
