"""`/v1/schools/{school}/initial-passwords` and `/login-cards`: made, then handed out once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from api import clock
from api.accounts.account_schemas import grade_number
from api.accounts.cards.page import cards_page
from api.accounts.cards.queries import list_card_counts
from api.accounts.cards.schemas import (
    CardCountsOut,
    CardsIn,
    CardsOut,
    PasswordsIn,
    PasswordsOut,
    card_out,
    passwords_out,
)
from api.accounts.cards.service import hand_out, make_passwords
from api.accounts.jobs import secret_of
from api.auth.caller import Caller
from api.auth.dependencies import (
    Reading,
    Writing,
    allow,
    current_caller,
    database_of,
    settings_of,
)
from api.auth.rules import Right
from api.db.uow import WriteSession, writing
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.http.scope import request_id
from api.schools.queries import find_network, find_school
from api.schools.service import require_open
from api.sealing import Sealer, sealer_of

router = APIRouter(
    prefix="/v1",
    tags=["accounts"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)

Reader = Annotated[Caller, Depends(allow(Right.accounts_read))]
Writer = Annotated[Caller, Depends(allow(Right.accounts_write))]


def sealer_from(request: Request) -> Sealer:
    """What seals passwords. Raises: Invalid without a secret key."""
    return sealer_of(secret_of(settings_of(request)).decode())


async def _unkept(request: Request, caller: Writer) -> AsyncIterator[WriteSession]:
    """A session whose answer is not kept for an Idempotency-Key: there are passwords in it."""
    named = request_id(request.scope)
    async with writing(database_of(request), caller.actor, named) as session:
        yield session


Unkept = Annotated[WriteSession, Depends(_unkept, scope="function")]


@router.get("/login-cards")
async def card_counts(
    *,
    request: Request,
    response: Response,
    caller: Reader,
    session: Reading,
    page: PageParams,
    network: Annotated[str | None, Query(max_length=100, description="Id or code.")] = None,
) -> ListOut[CardCountsOut]:
    """How far each school's login cards are, sorted by code."""
    owner = await find_network(session, caller, network) if network is not None else None
    found = await list_card_counts(session, caller, owner.id if owner else None, page)
    set_link(request, response, found)
    return ListOut(items=[*found.items])


@router.post("/schools/{school}/initial-passwords")
async def make(
    *, request: Request, school: str, given: PasswordsIn, caller: Writer, session: Writing
) -> PasswordsOut:
    """Make one-time passwords for a school's active students who have none.

    They leave in an export with `passwords=true`, to targets that are sent them by themselves and,
    once, on login cards.
    """
    place = await find_school(session, caller, school)
    require_open(place)
    grade = grade_number(given.grade)
    made = await make_passwords(session, place, grade, sealer_from(request), renew=given.renew)
    return passwords_out(made)


@router.post(
    "/schools/{school}/login-cards",
    response_model=CardsOut,
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}},
)
async def print_cards(
    *,
    request: Request,
    school: str,
    given: CardsIn,
    caller: Writer,
    session: Unkept,
    form: Annotated[
        Literal["json", "html"] | None,
        Query(alias="format", description="Left out: as `Accept` says."),
    ] = None,
) -> CardsOut | Response:
    """Hand out the passwords that wait for a school's students, as login cards.

    Once: afterwards nobody can read them any more, we neither. As HTML they are a page to print.
    """
    place, cards = await hand_out(
        session,
        caller,
        school,
        grade_number(given.grade),
        sealer_from(request),
        undelivered=given.undelivered,
    )
    if form == "html" or (form is None and _wants_html(request)):
        saved = f'attachment; filename="login-cards-{place.code}.html"'
        page = cards_page(place.name, cards, clock.now())
        return HTMLResponse(page, headers={"content-disposition": saved})
    return CardsOut(school=place.code, cards=[card_out(one) for one in cards])


def _wants_html(request: Request) -> bool:
    return request.headers.get("accept", "").partition(";")[0].strip().lower() == "text/html"
