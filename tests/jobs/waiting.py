"""Waiting for what happens in another task, process or host."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PATIENCE = 30.0


async def until(holds: Callable[[], bool]) -> None:
    """Return once `holds()`; fail when it does not within `PATIENCE` seconds."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110 (nobody here sets an event)
            await asyncio.sleep(0.01)
