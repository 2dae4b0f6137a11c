"""`/docs` without a network: Swagger UI from an installed package, under the strict policy.

The page has no inline script or style; what starts Swagger UI is a file of its own.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>FirstBell API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  filter: true,
  validatorUrl: null,
});
"""
_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
# They change only with the installed version; a day spares a reader 1.7 MB a page.
_CACHE = {"Cache-Control": "public, max-age=86400"}


async def _page(_: Request) -> Response:
    return HTMLResponse(_PAGE)


async def _start(_: Request) -> Response:
    return Response(_START, media_type="text/javascript", headers=_CACHE)


async def _file(request: Request) -> Response:
    return FileResponse(_folder() / request.url.path.rpartition("/")[2], headers=_CACHE)


def _folder() -> Path:
    # A wheel is installed as files, so the resources have a path.
    return Path(str(resources.files("fastapi_swagger.resources")))


def install(app: FastAPI) -> None:
    """Serve `/docs` on an app made with `docs_url=None, redoc_url=None`."""
    app.add_route("/docs", _page, include_in_schema=False)
    app.add_route("/docs/start.js", _start, include_in_schema=False)
    for name in _FILES:
        app.add_route(f"/docs/{name}", _file, include_in_schema=False)
