"""`user` and `token`: who may use FirstBell, from the machine it runs on.

Whoever can run these can read the database, so nobody is asked who they are; what they do is
recorded as `job:command-line`.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from pydantic import BaseModel
from rich.table import Table
from sqlalchemy import select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.auth.errors import PasswordRefused
from api.auth.models import ApiToken, User
from api.auth.passwords import hash_password
from api.auth.queries import find_scope, user_by_email, visible_tokens, visible_users
from api.auth.rules import Role, password_fault, rights_of
from api.auth.service import create_user, invite_user, reset_user, sign_in_link
from api.auth.tokens import BY_COMMAND_LINE, issue_token, revoke_token
from api.auth.views import show_tokens, show_users
from api.cli.common import console, print_json, with_database
from api.db.pool import Database
from api.db.uow import WriteSession, reading, transact
from api.errors import NotFound
from api.settings import Settings

FIRST_ADMIN = "admin@firstbell.example"

users = typer.Typer(help="Make, list and invite users.", no_args_is_help=True)
tokens = typer.Typer(help="Make, list and revoke API tokens.", no_args_is_help=True)

OPERATOR = Caller(
    actor=BY_COMMAND_LINE,
    name="command line",
    role=Role.admin,
    rights=rights_of(Role.admin, sees_names=True),
    network_id=None,
    school_ids=None,
    sees_names=True,
)

Email = Annotated[str, typer.Argument(help="The address they sign in with.")]
RoleOption = Annotated[Role, typer.Option(help="What they may do.")]
NetworkOption = Annotated[str | None, typer.Option(help="Only this network: a code or id.")]
SchoolOption = Annotated[
    list[str] | None, typer.Option(help="Only this school: a code or id; may be repeated.")
]
NamesOption = Annotated[bool, typer.Option("--sees-names", help="May see students' names.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


def link_address(settings: Settings, token: str) -> str:
    """Where a one-time link is opened; after the #, so that no server on the way logs it."""
    base = settings.public_url or f"http://{settings.host}:{settings.port}"
    return f"{base.rstrip('/')}/sign-in#token={token}"


async def first_sign_in(database: Database, always: bool) -> str | None:
    """A link's secret for the first admin, who is made when there is no user at all.

    When there are users already, one is only given if `always`, for the oldest admin of every
    network; None otherwise.
    """

    async def work(session: WriteSession) -> str | None:
        statement = (
            select(col(User.email))
            .where(
                col(User.role) == Role.admin.value,
                col(User.network_id).is_(None),
                col(User.active),
            )
            .order_by(col(User.created_at), col(User.id))
            .limit(1)
        )
        email: str | None = await session.scalar(statement)
        if email is None:
            if await session.scalar(select(col(User.id)).limit(1)) is not None:
                return None
            email = FIRST_ADMIN
            await create_user(
                session, email=email, name="First admin", role=Role.admin, sees_names=True
            )
        elif not always:
            return None
        return await sign_in_link(session, email)

    return await transact(database, OPERATOR.actor, work)


@users.command("create")
def user_create(
    email: Email,
    *,
    name: Annotated[str, typer.Option(help="Shown to others.")],
    role: RoleOption,
    network: NetworkOption = None,
    school: SchoolOption = None,
    sees_names: NamesOption = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Make a user; without a password they sign in elsewhere (OpenID Connect) or by a link."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    if password is not None and (fault := password_fault(password, email)):
        raise PasswordRefused(fault)

    async def run(database: Database, _: Settings) -> str:
        hashed = await hash_password(password) if password is not None else None

        async def work(session: WriteSession) -> str:
            scope = await find_scope(session, OPERATOR, network, school)
            made = await create_user(
                session,
                email=email,
                name=name,
                role=role,
                network_id=scope.network_id,
                school_ids=scope.school_ids,
                sees_names=sees_names,
                password_hash=hashed,
            )
            return str(made.id)

        return await transact(database, OPERATOR.actor, work)

    console.print(with_database(run), highlight=False)


@users.command("invite")
def user_invite(
    email: Email,
    *,
    name: Annotated[str, typer.Option(help="Shown to others.")],
    role: RoleOption,
    network: NetworkOption = None,
    school: SchoolOption = None,
    sees_names: NamesOption = False,
) -> None:
    """Make a user and print the link with which they choose a password."""

    async def run(database: Database, settings: Settings) -> str:
        async def work(session: WriteSession) -> str:
            _, link = await invite_user(
                session,
                OPERATOR,
                email=email,
                name=name,
                role=role,
                network=network,
                schools=school,
                sees_names=sees_names,
            )
            return link_address(settings, link.token)

        return await transact(database, OPERATOR.actor, work)

    console.out(with_database(run), highlight=False)


@users.command("reset")
def user_reset(email: Email) -> None:
    """Print a link with which they choose a new password; the old one works until then."""

    async def run(database: Database, settings: Settings) -> str:
        async def work(session: WriteSession) -> str:
            user = await user_by_email(session, email)
            if user is None:
                raise NotFound(f"There is no user with the email {email}.")
            return link_address(settings, (await reset_user(session, OPERATOR, user.id)).token)

        return await transact(database, OPERATOR.actor, work)

    console.out(with_database(run), highlight=False)


@users.command("list")
def user_list(as_json: JsonOption = False) -> None:
    """List the users."""

    async def run(database: Database, _: Settings) -> list[BaseModel]:
        async with reading(database) as session:
            statement = visible_users(OPERATOR).order_by(col(User.email))
            found = (await session.execute(statement)).scalars().all()
            return [*await show_users(session, found)]

    _show(with_database(run), ("email", "name", "role", "network", "schools", "active"), as_json)


@tokens.command("create")
def token_create(
    name: Annotated[str, typer.Argument(help="What it is for.")],
    *,
    role: RoleOption,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="Only this right of the role, such as readiness:read; repeatable."),
    ] = None,
    network: NetworkOption = None,
    school: SchoolOption = None,
    sees_names: NamesOption = False,
    expires_days: Annotated[int | None, typer.Option(min=1, help="Default: never.")] = None,
) -> None:
    """Make an API token and print it, alone; it is not shown again."""

    async def run(database: Database, _: Settings) -> str:
        ends = None if expires_days is None else clock.now() + timedelta(days=expires_days)

        async def work(session: WriteSession) -> str:
            _, text = await issue_token(
                session,
                OPERATOR,
                name=name,
                role=role,
                scopes=scope,
                network=network,
                schools=school,
                sees_names=sees_names,
                expires_at=ends,
            )
            return text

        return await transact(database, OPERATOR.actor, work)

    console.out(with_database(run), highlight=False)


@tokens.command("list")
def token_list(as_json: JsonOption = False) -> None:
    """List the tokens that work, without their secrets."""

    async def run(database: Database, _: Settings) -> list[BaseModel]:
        async with reading(database) as session:
            statement = visible_tokens(OPERATOR).order_by(col(ApiToken.created_at))
            found = (await session.execute(statement)).scalars().all()
            return [*await show_tokens(session, found)]

    columns = ("id", "name", "role", "scopes", "network", "expires_at", "last_used_at")
    _show(with_database(run), columns, as_json)


@tokens.command("revoke")
def token_revoke(token_id: Annotated[UUID, typer.Argument(help="Its id in the list.")]) -> None:
    """End a token, and every token made with it, at once."""

    async def run(database: Database, _: Settings) -> None:
        async def work(session: WriteSession) -> None:
            await revoke_token(session, OPERATOR, token_id)

        await transact(database, OPERATOR.actor, work)

    with_database(run)


def _show(rows: list[BaseModel], columns: tuple[str, ...], as_json: bool) -> None:
    documents = [row.model_dump(mode="json") for row in rows]
    if as_json:
        print_json(documents)
        return
    table = Table()
    for column in columns:
        # A cut id could not be given to another command.
        table.add_column(column.replace("_", " "), no_wrap=column == "id", overflow="fold")
    for document in documents:
        table.add_row(*(_cell(document[column]) for column in columns))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
