"""Load from a process of its own: keep-alive connections, each asking again once answered."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import cast

import uvloop


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, and latencies in milliseconds."""

    rate: float
    p50: float
    p99: float
    statuses: dict[int, int]


def run(port: int, path: str, headers: dict[str, str], *, connections: int, seconds: float) -> Load:
    """Ask for one path over `connections` at once, in a process of its own, for `seconds`."""
    job = json.dumps(
        {
            "port": port,
            "path": path,
            "headers": headers,
            "connections": connections,
            "seconds": seconds,
        }
    )
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load", job],
        check=True,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    found = json.loads(done.stdout)
    statuses = {int(status): count for status, count in found["statuses"].items()}
    return Load(found["rate"], found["p50"], found["p99"], statuses)


class _Connection(asyncio.Protocol):
    def __init__(self, request: bytes, until: float, done: asyncio.Future[None]) -> None:
        self.request, self.until, self.done = request, until, done
        self.times: list[float] = []
        self.statuses: dict[int, int] = {}
        self.buffer = b""
        self.asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self._ask()

    def _ask(self) -> None:
        self.asked = time.perf_counter()
        self.transport.write(self.request)

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


async def _run(job: dict[str, object]) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    headers = job["headers"]
    assert isinstance(headers, dict)
    lines = [f"GET {job['path']} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    request = ("\r\n".join(lines) + "\r\n\r\n").encode()
    begin = time.perf_counter()
    until = begin + float(str(job["seconds"]))
    ends, connections = [], []
    for _ in range(int(str(job["connections"]))):
        end: asyncio.Future[None] = loop.create_future()
        one = _Connection(request, until, end)
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


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run(json.loads(sys.argv[1])))))
