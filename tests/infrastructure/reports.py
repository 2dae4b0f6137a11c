"""Reports as the probe writes them, made by hand."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from api.infrastructure.probe.listed import shipped_list
from api.infrastructure.probe.rules import signature

Body = dict[str, Any]


def seen(service: str, **given: Any) -> Body:
    """A service as a building without any trouble sees it."""
    listed = next(one for one in shipped_list().services if one.id == service)
    return {
        "id": service,
        "host": listed.host,
        "dns": {"ok": True, "ms": 10.0, "private": False},
        "tcp": {"ok": True, "ms": 20.0},
        "tls": {
            "verified": True,
            "ms": 30.0,
            "issuer": {"organisation": "Google Trust Services", "name": "WR2"},
            "chain": [],
        },
        "status": listed.status or 200,
        **given,
    }


def unresolved(service: str) -> Body:
    dns = {"ok": False, "ms": 5000.0, "error": "the name was not found"}
    return {"id": service, "host": "x", "dns": dns}


def signed_by(organisation: str | None, code: int | None = 20) -> Body:
    """A handshake that the laptop does not believe."""
    return {
        "verified": False,
        "ms": 30.0,
        "issuer": {"organisation": organisation, "name": None},
        "code": code,
        "error": "certificate: unable to get local issuer certificate",
    }


def report(*services: Body, school: str = "A", **given: Any) -> Body:
    """A report of these services; without any of the whole list, all of it well."""
    return {
        "format": 1,
        "id": str(uuid4()),
        "school": school,
        "measured_at": "2026-11-25T12:00:00Z",
        "clock_offset_seconds": 0.0,
        "python": "3.8.18",
        "system": "Windows",
        "services": list(services) or [seen(one.id) for one in shipped_list().services],
        "throughput": None,
        **given,
    }


def sealed(body: Body, code: str) -> tuple[bytes, dict[str, str]]:
    """The bytes to post, and the headers to post them with."""
    raw = json.dumps(body).encode()
    headers = {"content-type": "application/json", "firstbell-signature": signature(code, raw)}
    return raw, headers
