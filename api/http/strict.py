"""Nothing unknown is accepted: query parameters, body fields, content types, NUL characters."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import parse_qsl

from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request

from api.errors import FirstBellError, Invalid, NotFound, field_error
from api.http.scope import dependant_of, effective_route

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


class UnsupportedMediaType(FirstBellError):
    status = 415
    code = "unsupported-media-type"
    title = "The body is of a type this does not read"


class RequestRules:
    """What one route accepts around its fields; learned at its first request, then kept."""

    def __init__(self) -> None:
        self._query: frozenset[str] | None = None
        self._types: frozenset[str] = frozenset()

    def check(self, request: Request) -> None:
        """Raises: NotFound, Invalid (unknown query parameter), UnsupportedMediaType."""
        scope = request.scope
        if self._query is None:
            self._query = known_query_parameters(dependant_of(scope))
            self._types = _accepted_types(effective_route(scope), request.method)
        if "\x00" in scope["path"]:
            raise NotFound
        if scope["query_string"]:
            check_query(scope["query_string"], self._query)
        if self._types:
            _check_type(request, self._types)


def known_query_parameters(dependant: Dependant) -> frozenset[str]:
    """The names a route reads from the query, those of its dependencies included."""
    return frozenset(
        field.alias
        for field in get_flat_params(dependant)
        if isinstance(field.field_info, params.Query)
    )


def check_query(query: bytes, known: frozenset[str]) -> None:
    """Raises: Invalid for a parameter that is not `known`, or a value with a NUL character."""
    given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    allowed = f"It takes {', '.join(sorted(known))}." if known else "It takes none."
    errors = [
        {"in": "query", **field_error(_pointer(name), "unknown-parameter", f"Unknown. {allowed}")}
        for name in dict.fromkeys(name for name, _ in given)
        if name not in known
    ]
    errors += [
        {"in": "query", **field_error(_pointer(name), "nul-character", _NUL)}
        for name, value in given
        if name in known and "\x00" in value
    ]
    if errors:
        raise Invalid(
            f"The query has parameters that cannot be used here. {allowed}", errors=errors
        )


def _pointer(name: str) -> str:
    return "/" + name.replace("~", "~0").replace("/", "~1")


def _accepted_types(route: Any, method: str) -> frozenset[str]:
    """The content types of a route with a JSON body; empty where the endpoint decides."""
    field = route.body_field
    if field is None or isinstance(field.field_info, params.Form):
        return frozenset()
    return frozenset({JSON, MERGE_PATCH} if method == "PATCH" else {JSON})


def _check_type(request: Request, accepted: frozenset[str]) -> None:
    headers = request.headers
    given = headers.get("content-type", "").partition(";")[0].strip().lower()
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if given not in accepted and (given or has_body):
        raise UnsupportedMediaType(f"Send the body as {' or '.join(sorted(accepted))}.")


_NUL = "A NUL character cannot be stored; leave it out."


# No document of ours or of a program that we read is half as deep, and deeper ones exhaust whatever
# walks them.
_DEEPEST = 50


def _has_nul(value: Any, depth: int = 0) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if not isinstance(value, dict | list):
        return False
    if depth == _DEEPEST:
        raise PydanticCustomError(
            "too_deep", "Nested more than {levels} levels deep; flatten it.", {"levels": _DEEPEST}
        )
    inside = depth + 1
    if isinstance(value, dict):
        return any(_has_nul(k) or _has_nul(v, inside) for k, v in value.items())
    return any(_has_nul(item, inside) for item in value)


class Strict(BaseModel):
    """The base of every `In`: unknown fields, NUL characters, NaN, infinity and documents nested
    without end are refused.
    """

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        allow_inf_nan=False,
        # Where one is made outside of a request, its error may be logged.
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_nul(cls, value: Any) -> Any:
        if _has_nul(value):
            raise PydanticCustomError("nul_character", _NUL)
        return value


class PatchIn(Strict):
    """A merge patch (RFC 7396): an absent field stays, null removes.

    Every field is declared optional with the default None; those a row cannot be without are
    named in `never_null`, and a null for them is refused.
    """

    never_null: ClassVar[frozenset[str]] = frozenset()

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_removal(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None and info.field_name in cls.never_null:
            raise PydanticCustomError("not_removable", "This must have a value.")
        return value

    def changes(self) -> dict[str, Any]:
        """The fields the caller named, with their values; null where they are to be removed."""
        return {name: getattr(self, name) for name in self.model_fields_set}
