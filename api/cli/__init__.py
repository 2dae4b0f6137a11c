"""The command `firstbell`: every command finds its database itself.

Without a `DATABASE_URL` that is the embedded server of `FIRSTBELL_DATA_DIR`, shared with whatever
else runs on that directory, started and migrated when nothing does.
"""

from __future__ import annotations

import sys

import psycopg
import sqlalchemy.exc
import typer
from pydantic import ValidationError

from api.app import package_version
from api.cli import accounts, demo, doctor, exports, people, school, serve, targets
from api.cli.common import EPILOG, Exit, console, error_console
from api.db.embedded import EmbeddedServerFailed
from api.db.schema import SchemaMismatch
from api.errors import FirstBellError

cli = typer.Typer(
    name="firstbell",
    help="Tells a school network whether each school will be ready for its first bell.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
cli.command()(serve.serve)
cli.command()(serve.worker)
cli.command()(serve.migrate)
cli.command()(demo.demo)
cli.add_typer(people.users, name="user")
cli.add_typer(people.tokens, name="token")
cli.command()(school.readiness)
accounts.accounts.command()(exports.export)
accounts.accounts.command()(targets.sync)
cli.add_typer(accounts.accounts, name="accounts")
cli.command()(doctor.doctor)


@cli.command()
def version() -> None:
    """Print the version."""
    console.print(package_version(), highlight=False)


def main() -> None:
    """Run a command; what went wrong is one sentence on standard error and an exit code."""
    try:
        cli(prog_name="firstbell")
    except SchemaMismatch as error:
        _end(Exit.schema, error.detail)
    except FirstBellError as error:
        _end(Exit.failed, str(error))
    except EmbeddedServerFailed as error:
        _end(Exit.unreachable, str(error))
    except ValidationError as error:
        # Of the settings: the environment's names, without its values.
        names = ", ".join(str(fault["loc"][0]) for fault in error.errors())
        _end(Exit.usage, f"These settings are not valid: {names}.")
    except (psycopg.OperationalError, sqlalchemy.exc.OperationalError) as error:
        cause = getattr(error, "orig", None) or error
        _end(Exit.unreachable, f"The database cannot be reached: {str(cause).strip()}")
    except KeyboardInterrupt:
        _end(Exit.interrupted, "")


def _end(code: Exit, message: str) -> None:
    if message:
        error_console.out(message, style="red", highlight=False)
    sys.exit(code)
