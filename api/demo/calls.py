"""Calls of the public API, for which an unexpected answer is an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from api.errors import FirstBellError


class DemoRefused(FirstBellError):
    code = "demo-refused"
    title = "The demo could not be made"


class Calls:
    """A client whose answers are JSON; 4xx and 5xx raise DemoRefused with the problem's detail."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._read(await self._client.get(path, params=query))

    async def items(self, path: str) -> list[dict[str, Any]]:
        """The first 1,000 items of a list."""
        found: list[dict[str, Any]] = (await self.get(path, {"limit": "1000"}))["items"]
        return found

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self._read(await self._client.post(path, json=body or {}))

    async def put(self, path: str) -> dict[str, Any]:
        return self._read(await self._client.put(path))

    async def make(self, path: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """What was made; None when it is there already (409)."""
        answer = await self._client.post(path, json=body)
        return None if answer.status_code == 409 else self._read(answer)

    async def upload(self, path: str, content: bytes) -> dict[str, Any]:
        """Send a CSV file."""
        headers = {"content-type": "text/csv"}
        return self._read(await self._client.post(path, content=content, headers=headers))

    async def deliver(self, path: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Send bytes as they are: what is signed may not be written anew."""
        self._read(await self._client.post(path, content=content, headers=headers))

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change what was just read."""
        etag = (await self._client.get(path)).headers["etag"]
        headers = {"if-match": etag, "content-type": "application/merge-patch+json"}
        return self._read(await self._client.patch(path, json=body, headers=headers))

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        if answer.is_error:
            raise DemoRefused(
                f"{answer.request.method} {answer.request.url.path} was answered"
                f" {answer.status_code}: {answer.text[:500]}"
            )
        body: dict[str, Any] = answer.json()
        return body
