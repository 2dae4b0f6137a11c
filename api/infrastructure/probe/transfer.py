"""Bytes to measure a line with: sent from memory, and received to be forgotten."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import cache

from starlette.requests import Request

_BLOCK = 262_144


@cache
def _noise() -> bytes:
    """Random, so that nothing on the way makes it smaller."""
    return os.urandom(_BLOCK)


async def noise(count: int) -> AsyncIterator[bytes]:
    """So many bytes, in blocks."""
    while count > 0:
        block = _noise()[:count]
        count -= len(block)
        yield block


async def swallow(request: Request) -> int:
    """Receive a body without keeping it; gives how long it was."""
    count = 0
    async for block in request.stream():
        count += len(block)
    return count
