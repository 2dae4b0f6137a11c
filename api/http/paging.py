"""Lists over HTTP: `?limit=&cursor=&sort=` in, `Link: rel="next"` out."""

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from fastapi import Depends, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from api.db.paging import Page, PageRequest

T = TypeVar("T")

_HOST = re.compile(r"[A-Za-z0-9._\-\[\]:]+")
_Cursor = Annotated[
    str | None,
    Query(max_length=2000, description="Where to go on: taken from the Link of the page before."),
]
_Sort = Annotated[
    str | None,
    Query(max_length=64, description="A column of the list; with - before it, descending."),
]


class ListOut(BaseModel, Generic[T]):
    """Every list answers an object, so that members can be added beside its items."""

    items: list[T]


def page_params(largest: int = 1000) -> Callable[..., Awaitable[PageRequest]]:
    """A dependency that reads a page request of at most `largest` items."""

    async def read(
        limit: Annotated[int, Query(ge=1, le=largest, description="Items on a page.")] = 100,
        cursor: _Cursor = None,
        sort: _Sort = None,
    ) -> PageRequest:
        return PageRequest(limit=limit, cursor=cursor, sort=sort)

    return read


PageParams = Annotated[PageRequest, Depends(page_params())]


def link_header(request: Request, next_cursor: str | None) -> str | None:
    """The value of `Link` (RFC 8288) to the next page on the request's own host, or None."""
    if next_cursor is None:
        return None
    query = [
        (name, value)
        for name, value in parse_qsl(request.url.query, keep_blank_values=True)
        if name != "cursor"
    ]
    query.append(("cursor", next_cursor))
    host = request.headers.get("host", "")
    # A Host that is none leaves a relative link, which a client resolves against its own URL.
    origin = f"{request.scope['scheme']}://{host}" if _HOST.fullmatch(host) else ""
    return f'<{origin}{quote(request.scope["path"])}?{urlencode(query)}>; rel="next"'


def set_link(request: Request, response: Response, page: Page[Any]) -> None:
    """Put the link to the next page on the answer, if there is a next page."""
    link = link_header(request, page.next_cursor)
    if link is not None:
        response.headers["link"] = link
