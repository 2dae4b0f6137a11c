"""The frontend: its files under their contents' hash, and one page for every path of a page.

Everything is read once, when the app is made: the files are small, and no request waits for a
disk. A release changes the hash and so every address; until then a browser asks for none twice.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

STATIC = Path(__file__).with_name("static")
# First segments of paths that belong to the service: a wrong one of them is a problem document.
RESERVED = frozenset(
    {"v1", "docs", "redoc", "openapi.json", "healthz", "readyz", "metrics", "assets", "problems"}
)
_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_VERSION = "%VERSION%"
# Below this a packed file is hardly smaller.
_WORTH_PACKING = 512
# The system's table may lack these or name them otherwise, and with nosniff a wrong type is fatal.
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent; `packed` is its gzip, `etag` of the unpacked content."""

    content: bytes
    packed: bytes | None
    media_type: str
    etag: str


@dataclass(frozen=True, slots=True)
class Frontend:
    """All files by path; `version` is the hash of them all, part of their addresses."""

    version: str
    assets: dict[str, Asset]
    page: Asset


def load(folder: Path = STATIC) -> Frontend:
    """Read the frontend from a folder with an `index.html`."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    whole = hashlib.blake2b(digest_size=8)
    for name, content in files.items():
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    version = whole.hexdigest()
    page = files.pop("index.html").replace(_VERSION.encode(), version.encode())
    assets = {name: _asset(name, content) for name, content in files.items()}
    return Frontend(version, assets, _asset("index.html", page))


def _asset(name: str, content: bytes) -> Asset:
    packed = gzip.compress(content, mtime=0) if len(content) > _WORTH_PACKING else None
    suffix = Path(name).suffix
    media_type = _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    etag = hashlib.blake2b(content, digest_size=12).hexdigest()
    return Asset(content, packed, media_type, etag)


class PageRoute(Route):
    """Matches a person's navigation to any path that is not the service's own.

    Everything else stays unmatched, so that a script's typing error answers 404 and not a page.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or not is_navigation(scope):
            return Match.NONE, {}
        return _named(self, super().matches(scope))


class AssetRoute(Route):
    """Matches addresses of files only: an empty name would turn `/assets/x` into a redirect."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"].endswith("/"):
            return Match.NONE, {}
        return _named(self, super().matches(scope))


def _named(route: Route, found: tuple[Match, Scope]) -> tuple[Match, Scope]:
    """Say which route it was, as FastAPI's own do: logs and figures name its template."""
    match, scope = found
    return match, {**scope, "route": route} if match is Match.FULL else scope


def is_navigation(scope: Scope) -> bool:
    """Whether this asks for a page: a GET that accepts HTML, outside of the reserved paths."""
    first = scope["path"].lstrip("/").partition("/")[0]
    if scope["method"] not in ("GET", "HEAD") or first in RESERVED:
        return False
    return first == "" or "text/html" in Request(scope).headers.get("accept", "")


def install(app: FastAPI, folder: Path = STATIC) -> None:
    """Serve the frontend on an app; call it after every router is included."""
    frontend = load(folder)

    async def asset(request: Request) -> Response:
        found = frontend.assets.get(request.path_params["path"])
        if found is None:
            raise HTTPException(404)
        # During a rollout a page of the other release may ask: ours will do, but is not kept.
        current = request.path_params["version"] == frontend.version
        return _respond(request, found, _FOREVER if current else _ASK_AGAIN)

    async def page(request: Request) -> Response:
        return _respond(request, frontend.page, _ASK_AGAIN)

    app.router.routes += [
        AssetRoute("/assets/{version}/{path:path}", asset, include_in_schema=False),
        PageRoute("/{path:path}", page, include_in_schema=False),
    ]


def _respond(request: Request, asset: Asset, cache_control: str) -> Response:
    packed = asset.packed is not None and _takes_gzip(request)
    # One tag a representation (RFC 9110, 8.8.3): packed and unpacked bytes differ.
    etag = f'"{asset.etag}{"-gz" if packed else ""}"'
    headers = {"ETag": etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if etag in (tag.strip().removeprefix("W/") for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    if packed and asset.packed is not None:
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, headers=headers, media_type=asset.media_type)
    return Response(asset.content, headers=headers, media_type=asset.media_type)


def _takes_gzip(request: Request) -> bool:
    for part in request.headers.get("accept-encoding", "").split(","):
        name, _, quality = part.partition(";")
        if name.strip().lower() == "gzip":
            return quality.replace(" ", "").lower() not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
