"""A real SCIM server in a process of its own, and what another client reads from it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

TOKEN = "a token of the target's"
_COMMAND = str(Path(sys.executable).with_name("scim2-server"))


@contextmanager
def scim_server() -> Iterator[str]:
    """Its address; below it every path is a server of its own, made when it is first asked."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--port", str(port), "--dynamic-tenants", "--bearer-token", TOKEN]
    process = subprocess.Popen(
        [_COMMAND, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process)
        yield address
    finally:
        process.kill()
        process.wait()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        assert process.poll() is None, "scim2-server ended before it was ready"
        try:
            httpx.get(f"{address}/ready/v2/ServiceProviderConfig", timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("scim2-server did not start within a minute")


def tenant(address: str) -> str:
    """The address of a server without users."""
    return f"{address}/t{uuid4().hex[:12]}/v2"


def independent(module: str) -> Any:
    """A part of scim2-models or scim2-client: each worker of the suite would import them, whose
    models take seconds to be built, for two tests."""
    return import_module(module)


def users(base: str) -> list[dict[str, Any]]:
    """Everybody there, as the server itself tells it."""
    found: list[dict[str, Any]] = []
    with httpx.Client(headers={"authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        while True:
            query = {"startIndex": str(len(found) + 1), "count": "500"}
            page = client.get(f"{base}/Users", params=query).raise_for_status().json()
            found += page.get("Resources", [])
            if len(found) >= page["totalResults"]:
                return found


def who_has(base: str, password: str) -> set[str]:
    """Our ids of whose password the server says it is: it shows none, but compares."""
    query = {"filter": f'password eq "{password}"'}
    headers = {"authorization": f"Bearer {TOKEN}"}
    found = httpx.get(f"{base}/Users", params=query, headers=headers, timeout=30)
    page = found.raise_for_status().json()
    return {one.get("externalId", one["userName"]) for one in page.get("Resources", [])}


def add_user(base: str, **given: Any) -> dict[str, Any]:
    """Somebody whom not we have made."""
    body = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], **given}
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/scim+json"}
    answer = httpx.post(f"{base}/Users", json=body, headers=headers, timeout=30)
    made: dict[str, Any] = answer.raise_for_status().json()
    return made


def change_user(base: str, user_id: str, **given: Any) -> None:
    operations = [{"op": "replace", "path": path, "value": given[path]} for path in given]
    body = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    }
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/scim+json"}
    answer = httpx.patch(f"{base}/Users/{user_id}", json=body, headers=headers, timeout=30)
    answer.raise_for_status()


def remove_user(base: str, user_id: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    httpx.delete(f"{base}/Users/{user_id}", headers=headers, timeout=30).raise_for_status()
