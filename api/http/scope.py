"""What a request's ASGI scope says about it, in one place."""

from __future__ import annotations

from typing import Any

from fastapi.dependencies.models import Dependant
from starlette.types import Scope


def effective_route(scope: Scope) -> Any:
    """The matched route with what its routers added (prefix, dependencies); None if unmatched.

    FastAPI keeps included routes as declared and puts the combination into the scope.
    """
    return scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")


def path_template(scope: Scope) -> str:
    """The matched path with its parameters' names, such as `/v1/tasks/{id}`; "" if unmatched."""
    template: str = getattr(effective_route(scope), "path_format", "")
    return template


def dependant_of(scope: Scope) -> Dependant:
    """The parameters and dependencies of the matched route, its routers' included."""
    dependant: Dependant = effective_route(scope).dependant
    return dependant


def request_id(scope: Scope) -> str:
    """The id the middleware gave this request; "" outside of it."""
    identity: str = scope.get("state", {}).get("request_id", "")
    return identity
