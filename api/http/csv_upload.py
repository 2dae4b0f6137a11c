"""A CSV file as a request's body, and the two questions that every import of one is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Query, Request

from api.http.strict import UnsupportedMediaType

Mode = Annotated[
    Literal["apply", "dry_run"],
    Query(description="`dry_run` answers what would happen, and writes nothing."),
]
OnError = Annotated[
    Literal["skip", "abort"],
    Query(description="`abort` writes nothing at all when any row has a problem."),
]
# For `openapi_extra`: the body is read as it is, past what FastAPI would declare.
CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_TYPES = frozenset({"", "text/csv", "text/plain", "application/octet-stream"})


async def read_csv(request: Request) -> bytes:
    """Raises: UnsupportedMediaType for a form or JSON, which would be no file."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _TYPES:
        raise UnsupportedMediaType("Send the file itself as the body, as text/csv.")
    return await request.body()
