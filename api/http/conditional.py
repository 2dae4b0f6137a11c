"""Conditional requests (RFC 9110, 13): ETags, `If-Match` before a change, 304 for a reader."""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

from api.errors import Malformed, PreconditionFailed, PreconditionRequired

# The answer depends on who asks, and may be kept by them alone, asking again each time.
CACHE_CONTROL = "private, no-cache"
VARY = "Authorization, Cookie"
_TAG = re.compile(r'\s*((?:W/)?"[\x21\x23-\x7e\x80-\xff]*")\s*')


def etag_of(*parts: object) -> str:
    """A strong entity tag of what the answer is made from (an id and a version, for one).

    Parts are told apart by their text, so give each in one form only.
    """
    text = "\x1f".join(map(str, parts)).encode()
    return f'"{hashlib.blake2b(text, digest_size=12).hexdigest()}"'


def check_if_match(request: Request, etag: str) -> None:
    """Let a change through only when the caller has read this very version.

    Raises: PreconditionRequired (428) without `If-Match`; PreconditionFailed (412) when none of
    its tags is `etag` by strong comparison, or `If-None-Match` names it; Malformed (400).
    """
    given = _joined(request, "if-match")
    if given is None:
        raise PreconditionRequired(
            "Send If-Match with the ETag you read, so that nobody's change is overwritten unseen."
        )
    _require_match(given, etag)
    if _none_match(request, etag):
        raise PreconditionFailed("If-None-Match names the version that is there.")


def not_modified(request: Request, etag: str) -> bool:
    """Whether a GET or HEAD may be answered 304: the caller has this version already.

    `If-Match` is looked at first, as RFC 9110 13.2.2 orders them.
    Raises: PreconditionFailed (412) for an `If-Match` without this version; Malformed (400).
    """
    given = _joined(request, "if-match")
    if given is not None:
        _require_match(given, etag)
    return _none_match(request, etag)


def not_modified_response(etag: str, cache_control: str = CACHE_CONTROL) -> Response:
    """A 304 with the headers the 200 would have had (RFC 9110, 15.4.5)."""
    return mark(Response(status_code=304), etag, cache_control)


def mark(response: Response, etag: str, cache_control: str = CACHE_CONTROL) -> Response:
    """Put the version's headers on an answer, and give it back."""
    response.headers["etag"] = etag
    response.headers["cache-control"] = cache_control
    response.headers["vary"] = VARY
    return response


def _require_match(given: str, etag: str) -> None:
    # Strong comparison: a weak tag never matches, and ours are never weak.
    if given != "*" and etag not in _tags(given, "If-Match"):
        raise PreconditionFailed("It is at another version now: read it again, then change it.")


def _none_match(request: Request, etag: str) -> bool:
    given = _joined(request, "if-none-match")
    if given is None:
        return False
    return given == "*" or etag in (tag.removeprefix("W/") for tag in _tags(given, "If-None-Match"))


def _joined(request: Request, name: str) -> str | None:
    """A list field's lines as one value (RFC 9110, 5.3)."""
    lines = request.headers.getlist(name)
    return ", ".join(lines).strip() if lines else None


def _tags(value: str, name: str) -> list[str]:
    tags, at = [], 0
    # Not a split at commas: a tag may hold one.
    while at < len(value):
        found = _TAG.match(value, at)
        if found:
            tags.append(found[1])
            at = found.end()
        if at < len(value) and value[at] != "," and not (value[at].isspace()):
            raise Malformed(f'{name} is a list of entity tags such as "3f9a", or *.')
        at += 1
    return tags
