"""`/v1/me`, `/v1/users`, `/v1/tokens`: closed to everybody without the right."""

from __future__ import annotations

from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from sqlmodel import col

from api.auth.browser import own_address
from api.auth.caller import Caller
from api.auth.dependencies import (
    CurrentCaller,
    Reading,
    Writing,
    allow,
    current_caller,
    settings_of,
)
from api.auth.errors import EmailTaken
from api.auth.models import ApiToken, User
from api.auth.queries import user_for, visible_tokens, visible_users
from api.auth.rules import Right
from api.auth.schemas import (
    InvitedOut,
    LinkOut,
    MeOut,
    NewTokenOut,
    TokenIn,
    TokenOut,
    UserIn,
    UserOut,
    UserPatchIn,
)
from api.auth.service import Link, UserChanges, change_user, invite_user, reset_user
from api.auth.tokens import issue_token, revoke_token
from api.auth.views import show_caller, show_tokens, show_users
from api.db.paging import page_of
from api.db.uow import ReadSession
from api.http.conditional import check_if_match, etag_of, mark
from api.http.database_errors import on_violation
from api.http.idempotency import never_store
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute

router = APIRouter(
    prefix="/v1",
    tags=["auth"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)
ManagesUsers = Annotated[Caller, Depends(allow(Right.users_manage))]
ManagesTokens = Annotated[Caller, Depends(allow(Right.tokens_manage))]

# Two changes to one address at once: the second is only refused by the index.
on_violation("uq_users_email", EmailTaken, EmailTaken.code, "Somebody has this email.", "/email")
_USER_ID: Any = col(User.id)
_USER_SORTS: dict[str, Any] = {
    "email": col(User.email),
    "name": col(User.name),
    "created_at": col(User.created_at),
}
_TOKEN_ID: Any = col(ApiToken.id)
_TOKEN_SORTS: dict[str, Any] = {
    "created_at": col(ApiToken.created_at),
    "name": col(ApiToken.name),
    "last_used_at": col(ApiToken.last_used_at),
    "expires_at": col(ApiToken.expires_at),
}


def _etag(user: User) -> str:
    return etag_of("user", user.id, user.version)


async def _user_out(session: ReadSession, user: User, response: Response) -> UserOut:
    mark(response, _etag(user))
    return (await show_users(session, [user]))[0]


def _link_out(request: Request, link: Link) -> LinkOut:
    # After the #, so that no server on the way logs the secret.
    never_store(request, "token", "url")
    return LinkOut(
        purpose=link.purpose,
        url=f"{own_address(request, settings_of(request))}/sign-in#token={link.token}",
        token=link.token,
        expires_at=link.expires_at,
    )


@router.get("/me")
async def read_me(caller: CurrentCaller, session: Reading) -> MeOut:
    """Who you are to this service, and what you may do where."""
    return await show_caller(session, caller)


@router.get("/users")
async def list_users(
    request: Request, response: Response, caller: ManagesUsers, session: Reading, page: PageParams
) -> ListOut[UserOut]:
    """Users of your network(s), also deactivated ones."""
    caller.require_whole_networks()
    found = await page_of(session, visible_users(caller), page, _USER_SORTS, _USER_ID)
    set_link(request, response, found)
    return ListOut(items=await show_users(session, found.items))


@router.post("/users", status_code=201)
async def invite(
    request: Request, response: Response, given: UserIn, caller: ManagesUsers, session: Writing
) -> InvitedOut:
    """Invite somebody. The link is shown once: hand it to them."""
    caller.require_whole_networks()
    user, link = await invite_user(
        session,
        caller,
        email=given.email,
        name=given.name,
        role=given.role,
        network=given.network,
        schools=given.schools,
        sees_names=given.sees_names,
    )
    response.headers["location"] = f"/v1/users/{user.id}"
    shown = await _user_out(session, user, response)
    return InvitedOut(user=shown, link=_link_out(request, link))


@router.get("/users/{user_id}")
async def read_user(
    response: Response, user_id: UUID, caller: ManagesUsers, session: Reading
) -> UserOut:
    caller.require_whole_networks()
    return await _user_out(session, await user_for(session, caller, user_id), response)


@router.patch("/users/{user_id}")
async def change(
    *,
    request: Request,
    response: Response,
    user_id: UUID,
    given: UserPatchIn,
    caller: ManagesUsers,
    session: Writing,
) -> UserOut:
    """Change a user. Deactivating ends their sign-ins, links and the tokens they made."""
    caller.require_whole_networks()
    user = await user_for(session, caller, user_id, lock=True)
    check_if_match(request, _etag(user))
    await change_user(session, caller, user, cast("UserChanges", given.changes()))
    return await _user_out(session, user, response)


@router.post("/users/{user_id}/reset", status_code=201)
async def reset(request: Request, user_id: UUID, caller: ManagesUsers, session: Writing) -> LinkOut:
    """A link with which the user chooses a new password (again an invitation if they have none)."""
    caller.require_whole_networks()
    return _link_out(request, await reset_user(session, caller, user_id))


@router.get("/tokens")
async def list_tokens(
    request: Request, response: Response, caller: ManagesTokens, session: Reading, page: PageParams
) -> ListOut[TokenOut]:
    """Tokens that have not been revoked, of your network(s)."""
    caller.require_whole_networks()
    found = await page_of(session, visible_tokens(caller), page, _TOKEN_SORTS, _TOKEN_ID)
    set_link(request, response, found)
    return ListOut(items=await show_tokens(session, found.items))


@router.post("/tokens", status_code=201)
async def make_token(
    request: Request, given: TokenIn, caller: ManagesTokens, session: Writing
) -> NewTokenOut:
    """Make a token, worth at most what you may do. Its text is shown once."""
    caller.require_whole_networks()
    token, text = await issue_token(
        session,
        caller,
        name=given.name,
        role=given.role,
        scopes=given.scopes,
        network=given.network,
        schools=given.schools,
        sees_names=given.sees_names,
        expires_at=given.expires_at,
    )
    never_store(request, "token")
    shown = (await show_tokens(session, [token]))[0]
    return NewTokenOut(**shown.model_dump(), token=text)


@router.delete("/tokens/{token_id}", status_code=204)
async def revoke(token_id: UUID, caller: ManagesTokens, session: Writing) -> None:
    """Revoke a token, and every token that was made with it."""
    caller.require_whole_networks()
    await revoke_token(session, caller, token_id)
