"""A proxy before a SCIM server that does to requests whatever a bad network or server does."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

# What is done with a request: `pass`; `drop` closes before, `lose` after the server has done it;
# `hang` never answers after that; `unfiltered` leaves a filter out, as a server does that does not
# know it; the others are answers of the proxy's own.
Fault = str | bytes
Plan = Callable[[str, str], Fault]
_REASONS = {200: "OK", 301: "Moved", 401: "No", 404: "None", 429: "Slow", 500: "Bad", 501: "No"}


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Other')}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines += [f"content-length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@dataclass
class Proxy:
    """`plan(method, path)` says what becomes of each request; `seen` are all that came, and
    `bodies` what they brought.
    """

    upstream: str
    plan: Plan | None = None
    seen: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    address: str = ""
    open: dict[asyncio.Task[Any], asyncio.StreamWriter] = field(default_factory=dict)

    def count(self, method: str, part: str = "") -> int:
        return sum(one[0] == method and part in one[1] for one in self.seen)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open[task] = writer
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while (request := await _message(reader)) is not None:
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                try:
                    answered = await self._answer(request, reader)
                finally:
                    self.at_once -= 1
                if answered is None:
                    break
                writer.write(answered)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.open.pop(task, None)

    async def close(self) -> None:
        """Hang up on everybody, and wait until that is done."""
        for writer in self.open.values():
            writer.transport.abort()
        await asyncio.gather(*self.open, return_exceptions=True)

    async def _answer(self, request: bytes, reader: asyncio.StreamReader) -> bytes | None:
        method, path, _ = request.split(b"\r\n", 1)[0].decode().split(" ")
        self.seen.append((method, path))
        self.bodies.append(request.partition(b"\r\n\r\n")[2])
        fault = self.plan(method, path) if self.plan else "pass"
        if isinstance(fault, bytes):
            return fault
        if fault == "drop":
            return None
        if fault == "unfiltered":
            request = re.sub(rb"\?filter=[^ ]*", b"", request, count=1)
        answered = await self._forward(request)
        if fault == "hang":
            # Until the client gives up.
            await reader.read()
        return None if fault in ("lose", "hang") else answered

    async def _forward(self, request: bytes) -> bytes:
        at = urlsplit(self.upstream)
        reader, writer = await asyncio.open_connection(at.hostname, at.port)
        head, _, body = request.partition(b"\r\n\r\n")
        # The server answers HTTP/1.0, closing where an answer ends.
        writer.write(head + b"\r\nconnection: close\r\n\r\n" + body)
        await writer.drain()
        answered = await reader.read(-1)
        writer.close()
        return _framed(answered)


def _framed(answered: bytes) -> bytes:
    """The answer as HTTP/1.1, whose length is known."""
    head, _, body = answered.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    kept = [one for one in lines if not one.lower().startswith((b"content-length", b"connection"))]
    first = first.replace(b"HTTP/1.0", b"HTTP/1.1")
    return b"\r\n".join([first, *kept, b"content-length: %d" % len(body), b"", b""]) + body


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head + await reader.readexactly(length)


@asynccontextmanager
async def proxied(upstream: str, plan: Plan | None = None) -> AsyncIterator[Proxy]:
    """A proxy of a server's address, path included."""
    proxy = Proxy(upstream, plan)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 24)
    port = server.sockets[0].getsockname()[1]
    proxy.address = f"http://127.0.0.1:{port}{urlsplit(upstream).path}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
