"""Load from a process of its own: keep-alive connections, each asking again once answered.

`run` asks for one path again and again; `post` sends each of many bodies once, as senders of
events do.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import NamedTuple, cast

import uvloop


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float
    statuses: dict[int, int]


class Post(NamedTuple):
    """One request's body with headers of its own, such as its signature."""

    headers: Mapping[str, str]
    body: bytes


def run(port: int, path: str, headers: dict[str, str], *, connections: int, seconds: float) -> Load:
    """Ask for one path over `connections` at once, in a process of its own, for `seconds`."""
    request = _request("GET", path, headers, b"")
    return _in_process(port, [request], connections, seconds)


def post(port: int, path: str, posts: Sequence[Post], *, connections: int) -> Load:
    """Send each of `posts` once over `connections` at once, in a process of its own."""
    requests = [_request("POST", path, one.headers, one.body) for one in posts]
    return _in_process(port, requests, connections, None)


def put(port: int, paths: Sequence[str], headers: dict[str, str], *, connections: int) -> Load:
    """Ask for each of `paths` once, without a body, over `connections` at once."""
    requests = [_request("PUT", path, headers, b"") for path in paths]
    return _in_process(port, requests, connections, None)


def _request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _in_process(
    port: int, requests: Sequence[bytes], connections: int, seconds: float | None
) -> Load:
    """Without `seconds`, until each request was sent once."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        Path(file.name).write_text(json.dumps([one.decode("latin-1") for one in requests]))
        job = {"port": port, "requests": file.name, "connections": connections, "seconds": seconds}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.load", json.dumps(job)],
            check=True,
            capture_output=True,
            text=True,
            timeout=(seconds or 120) + 60,
        )
    found = json.loads(done.stdout)
    statuses = {int(status): count for status, count in found["statuses"].items()}
    return Load(found["rate"], found["p50"], found["p99"], statuses)


class _Connection(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], until: float, done: asyncio.Future[None]) -> None:
        self.requests, self.until, self.done = requests, until, done
        self.times: list[float] = []
        self.statuses: dict[int, int] = {}
        self.buffer = b""
        self.asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            return
        self.asked = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        status = int(head[9:12])
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(body) < length:
            return
        now = time.perf_counter()
        self.buffer = b""
        self.times.append(now - self.asked)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if now < self.until:
            self._ask()
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _same(one: _Connection) -> _Connection:
    return one


async def _run(job: dict[str, object], raw: Sequence[bytes]) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    requests = iter(raw) if job["seconds"] is None else repeat(raw[0])
    begin = time.perf_counter()
    until = begin + float(str(job["seconds"] or "inf"))
    ends, connections = [], []
    for _ in range(int(str(job["connections"]))):
        end: asyncio.Future[None] = loop.create_future()
        one = _Connection(requests, until, end)
        made = partial(_same, one)
        await loop.create_connection(made, "127.0.0.1", int(str(job["port"])))
        ends.append(end)
        connections.append(one)
    await asyncio.gather(*ends)
    took = time.perf_counter() - begin
    times = sorted(time for one in connections for time in one.times)
    statuses: dict[int, int] = {}
    for one in connections:
        for status, count in one.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return {
        "rate": len(times) / took,
        "p50": median(times) * 1000,
        "p99": times[int(len(times) * 0.99)] * 1000,
        "statuses": statuses,
    }


def main() -> None:
    job = json.loads(sys.argv[1])
    raw = [one.encode("latin-1") for one in json.loads(Path(job["requests"]).read_text())]
    print(json.dumps(uvloop.run(_run(job, raw))))


if __name__ == "__main__":
    main()
