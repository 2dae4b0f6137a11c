"""`accounts export`: students in a file for another system, from here or where they are served."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Annotated

import httpx
import typer

from api import logging_setup
from api.accounts.exports.form import Audience, ExportFormat, OnUnfit
from api.accounts.exports.sending import Senders
from api.accounts.exports.service import Asked, export_accounts
from api.accounts.jobs import secret_of
from api.accounts.rules import AccountStatus
from api.cli.accounts import CallRefused, Token, Url, call
from api.cli.common import Exit, error_console, print_json, with_database
from api.cli.people import OPERATOR, JsonOption
from api.db.pool import Database
from api.db.uow import writing
from api.errors import FirstBellError
from api.sealing import sealer_of
from api.settings import Settings

# A person may take a while over what a pipe shows them.
_STALLED_SECONDS = 3600.0
_NAMED = re.compile(r'filename="([A-Za-z0-9._-]+)"')


class Unwritable(FirstBellError):
    """The file cannot be made where it is asked for."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """What was written where; `file` is - for standard output."""

    file: str
    students: int
    left_out: int


FormatOf = Annotated[ExportFormat, typer.Argument(metavar="FORMAT", help="Whose file it is.")]
To = Annotated[
    str | None, typer.Option(help="Where to write it; - is standard output. Else by its name.")
]
Network = Annotated[str | None, typer.Option(help="A code or id.")]
School = Annotated[str | None, typer.Option(help="Only this school: a code or id.")]
Source = Annotated[str | None, typer.Option(help="Only of this source.")]
Status = Annotated[AccountStatus, typer.Option(help="suspended where the format can say so.")]
For = Annotated[Audience, typer.Option(help="people: safe to open in a spreadsheet.")]
Unfit = Annotated[OnUnfit, typer.Option(help="About accounts that the format cannot hold.")]
Domain = Annotated[str | None, typer.Option(help="Makes addresses of usernames.")]
OrgUnit = Annotated[str | None, typer.Option(help="Google's path: /Students/{school}/{grad_year}.")]
Passwords = Annotated[
    bool, typer.Option("--passwords", help="With the initial passwords that wait.")
]
Recipient = Annotated[str | None, typer.Option(help="Who is told, for the record.")]
Basis = Annotated[str | None, typer.Option(help="On what ground, for the record.")]


def export(
    form: FormatOf,
    *,
    to: To = None,
    network: Network = None,
    school: School = None,
    source: Source = None,
    status: Status = AccountStatus.active,
    audience: For = Audience.machine,
    on_unfit: Unfit = OnUnfit.refuse,
    domain: Domain = None,
    org_unit: OrgUnit = None,
    passwords: Passwords = False,
    recipient: Recipient = None,
    basis: Basis = None,
    url: Url = None,
    token: Token = None,
    as_json: JsonOption = False,
) -> None:
    """Write students' accounts into a file for Google, Microsoft, Clever, Apple and others.

    One file is CSV, several are a zip. Exit codes: 0 written, 6 written but some accounts were
    left out, 1 refused; those of all commands are in `firstbell --help`.
    """
    asked = Asked(form, network, school, source, status, audience, on_unfit)
    asked = replace(asked, domain=domain, org_unit=org_unit, passwords=passwords)
    asked = replace(asked, recipient=recipient, basis=basis)
    saved: _Saved
    if url is None:
        # Not through the API as other commands: in one process its answer would be held whole.
        logging_setup.configure(Settings().model_copy(update={"log_level": "WARNING"}))
        saved = with_database(lambda database, settings: _here(database, settings, asked, to))
    else:
        saved = call(lambda client: _there(client, asked, to), url, token, sees_names=True)
    _tell(saved, as_json)
    raise typer.Exit(Exit.rejected if saved.left_out else Exit.ok)


def _tell(saved: _Saved, as_json: bool) -> None:
    # Where the file itself goes to standard output, nothing else does.
    if as_json and saved.file != "-":
        print_json(asdict(saved))
        return
    said = f"{saved.students:,} students in {saved.file}, {saved.left_out:,} left out"
    error_console.out(said, highlight=False)


async def _here(database: Database, settings: Settings, asked: Asked, to: str | None) -> _Saved:
    sealer = sealer_of(secret_of(settings).decode())
    senders = Senders(database, 1, _STALLED_SECONDS)
    async with writing(database, OPERATOR.actor, one_snapshot=True) as session:
        found = await export_accounts(session, senders, OPERATOR, asked, sealer)
    file = await _written(found.pieces, to or found.name)
    return _Saved(file, found.students, found.left_out)


async def _there(client: httpx.AsyncClient, asked: Asked, to: str | None) -> _Saved:
    """Raises: CallRefused."""
    query = {
        name: str(value) for name, value in asdict(asked).items() if value not in (None, False)
    }
    async with client.stream("GET", "/v1/accounts/export", params=query) as answer:
        if answer.is_error:
            await answer.aread()
            raise CallRefused(answer.json()["detail"])
        named = _NAMED.search(answer.headers.get("content-disposition", ""))
        name = named[1] if named else f"{asked.format}.export"
        file = await _written(answer.aiter_bytes(), to or name)
        students, left_out = (
            int(answer.headers[f"firstbell-{what}"]) for what in ("students", "left-out")
        )
    return _Saved(file, students, left_out)


async def _written(pieces: AsyncIterator[bytes], to: str) -> str:
    """Write a file, whole or not at all."""
    if to == "-":
        async for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return to
    with _draft(Path(to)) as file:
        async for piece in pieces:
            file.write(piece)
    return to


@contextmanager
def _draft(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name once it is whole; it is students' names, so only its owner's."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise Unwritable(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
