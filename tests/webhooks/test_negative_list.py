"""What is not signed is refused, for every scheme, by a served application on a real socket."""

from __future__ import annotations

import json
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from fastapi import FastAPI
from sqlalchemy import delete

from api import clock
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.devices.rules import Scheme
from api.settings import Settings
from api.webhooks import trial
from api.webhooks.intake_routes import LARGEST_EVENT
from api.webhooks.jobs import drain
from api.webhooks.keys import key_of_secret
from api.webhooks.models import VendorSecret
from api.webhooks.secrets import seal_secret, sealer_for
from tests.readiness.test_events import serving
from tests.shelf import furnished
from tests.webhooks.conftest import client_of, events_of, vendor_id_of
from tests.webhooks.scene import rows
from tests.webhooks.test_signatures import moment, name_of
from tests.webhooks.vectors import BY_NAME, EACH, Vector

Raw = list[tuple[bytes, bytes]]
TIMED = (Scheme.STANDARD, Scheme.SHIPPO, Scheme.SHIPENGINE)
OF_EACH = [BY_NAME["standard key a"], *(one for one in EACH if one.scheme is not Scheme.STANDARD)]
GARBAGE = ("", "garbage", "v1,", "v1,a", "v1,a,b", "v1,é", "v1a,AAAA", "t=,v1=", ",", "=")
STAMPS = ("", "NaN", "1e9", "-1", "1785765900.5", "178_5765900", "0x6A6F")


@pytest.fixture
async def app(built_app: FastAPI, settings: Settings, database: Database) -> FastAPI:
    return furnished(built_app, settings, database)


@pytest.fixture
async def served(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app) as (_, url), httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


@pytest.fixture
async def admin(app: FastAPI, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with writing(database, "job:test") as session:
        token = await create_token(session, name="admin", role=Role.admin)
    async with client_of(app, token) as opened:
        yield opened


async def add(admin: httpx.AsyncClient, slug: str, scheme: Scheme, **given: Any) -> None:
    if scheme is not Scheme.SHIPENGINE:
        secret = "whsec_" + "A" * 40 if scheme is Scheme.STANDARD else "another secret of theirs"
        given = {"secret": secret}
    body = {"slug": slug, "name": slug, "scheme": scheme, "kind": "tracker", **given}
    answer = await admin.post("/v1/vendors", json=body)
    assert answer.status_code == 201, answer.text


async def vendor_of(
    admin: httpx.AsyncClient, database: Database, settings: Settings, vector: Vector
) -> str:
    """The vendor whose request the vector is; its path. Some secrets are too short to be given."""
    slug = f"v-{vector.scheme}"
    await add(admin, slug, vector.scheme, public_keys=vector.jwks)
    if vector.jwks is None:
        vendor_id = await vendor_id_of(admin, slug)
        async with writing(database, "job:test") as session:
            await session.execute(delete(VendorSecret))
            session.add(seal_secret(sealer_for(settings), vendor_id, vector.secret, "job:test"))
    return f"/v1/webhooks/{slug}"


def raw(vector: Vector, changes: dict[str, str | None]) -> Raw:
    return list(vector.changed(changes).headers)


def refused(vector: Vector) -> Iterator[tuple[str, Raw, bytes]]:
    """Every request that is not by the vendor, with what is wrong with it."""
    good, body = raw(vector, {}), vector.body
    for name in vector.headers.keys() - {"as-webhook-version"}:
        yield f"without {name}", raw(vector, {name: None}), body
        twice = (name.encode(), vector.headers[name].encode())
        yield f"{name} twice", [*good, twice], body
        yield f"{name} and another", [*good, (name.encode(), b"another")], body
    for value in GARBAGE:
        yield f"signed {value!r}", raw(vector, {vector.signs: value}), body
    yield "one byte more", good, body + b" "
    yield "one byte changed", good, bytes([body[0] ^ 1]) + body[1:]
    yield "written anew", good, json.dumps(json.loads(body), indent=1).encode()
    yield "nothing", good, b""


def refused_standard(vector: Vector) -> Iterator[tuple[str, Raw, bytes]]:
    signature = vector.headers["webhook-signature"]
    for value in ("v1a," + signature[3:], "v2," + signature[3:], "V1," + signature[3:]):
        yield f"signed {value[:4]}", raw(vector, {"webhook-signature": value}), vector.body
    for stamp in STAMPS:
        yield f"at {stamp!r}", raw(vector, {"webhook-timestamp": stamp}), vector.body
    yield "id changed", raw(vector, {"webhook-id": "msg_another"}), vector.body
    b = BY_NAME["standard key b"].headers["webhook-signature"]
    yield "by another secret", raw(vector, {"webhook-signature": b}), vector.body


def lines_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.name.startswith("api.webhooks")]


@pytest.mark.parametrize("vector", OF_EACH, ids=name_of)
async def test_only_what_the_vendor_signed_is_kept(
    served: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    database: Database,
    settings: Settings,
    vector: Vector,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = await vendor_of(admin, database, settings, vector)
    await add(admin, "other", vector.scheme, public_keys=_jwks(_private_key()))
    cases = list(refused(vector))
    if vector.scheme is Scheme.STANDARD:
        cases += refused_standard(vector)
    caplog.set_level(logging.INFO, logger="api")
    with clock.moved_to(moment(vector.at)):
        for what, headers, body in cases:
            caplog.clear()
            answer = await served.post(path, content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "signature-refused"), what
            (line,) = lines_of(caplog)
            assert "1Z999AA" not in line + answer.text, what
        others = await served.post(
            "/v1/webhooks/other", content=vector.body, headers=raw(vector, {})
        )
        assert others.status_code == 401
    assert await events_of(database) == []
    await _in_its_time(served, path, vector)
    if vector.scheme is Scheme.STANDARD:
        among = "garbage v1,a  v1a,AAAA " + vector.headers[vector.signs]
        with clock.moved_to(moment(vector.at)):
            headers = raw(vector, {vector.signs: among})
            answer = await served.post(path, content=vector.body, headers=headers)
        assert answer.status_code == 200
    (event,) = await events_of(database)
    assert event.deliveries == 2 + (vector.scheme is Scheme.STANDARD) + (vector.scheme in TIMED)


async def _in_its_time(served: httpx.AsyncClient, path: str, vector: Vector) -> None:
    """Five minutes either way where the time is signed; told again, it is the same event."""
    signed_at = moment(vector.at)
    statuses = []
    for seconds in (-301, 301, -299, 299, 0):
        with clock.moved_to(signed_at + timedelta(seconds=seconds)):
            if vector.scheme in TIMED or seconds in (0, 301):
                answer = await served.post(path, content=vector.body, headers=raw(vector, {}))
                statuses.append(answer.status_code)
    assert statuses == ([401, 401, 202, 200, 200] if vector.scheme in TIMED else [202, 200])


def _private_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _jwks(key: RSAPrivateKey) -> dict[str, Any]:
    numbers = key.public_key().public_numbers()
    n, e = (
        urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode()
        for number in (numbers.n, numbers.e)
    )
    return {"keys": [{"kty": "RSA", "kid": "k1", "n": n.rstrip("="), "e": e.rstrip("=")}]}


WHY = {
    "": "The body is not valid JSON, or is nested too deep.",
    "doubled keys": "The body has the same key twice in one object.",
    "a list": "The body is not a JSON object.",
}
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "no utf-8": b"\xff\xfe\x00",
    "no json": b"<xml/>",
    "nan": b'{"id": NaN, "x": Infinity}',
    "doubled keys": b'{"type": "shipment.updated", "type": "test.event"}',
    "deep lists": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"id":' * 10_000 + b"1" + b"}" * 10_000,
    "half a pair": b'{"id": "\\ud800"}',
    "huge number": b'{"id": ' + b"9" * 100_000 + b"}",
    "a list": b"[1, 2]",
    "largest": b"a" * LARGEST_EVENT,
}


def signer(scheme: Scheme, key: RSAPrivateKey) -> Callable[[bytes, int], Raw]:
    """How a vendor of the scheme signs any bytes now; the number makes the id another."""
    secret = "whsec_" + "A" * 40 if scheme is Scheme.STANDARD else "another secret of theirs"

    def sign(body: bytes, number: int) -> Raw:
        now = clock.now()
        if scheme is Scheme.SHIPENGINE:
            stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
            signature = key.sign(stamp + b"." + body, PKCS1v15(), SHA256())
            return [
                (b"x-shipengine-rsa-sha256-key-id", b"k1"),
                (b"x-shipengine-timestamp", stamp),
                (b"x-shipengine-rsa-sha256-signature", b64encode(signature)),
            ]
        seconds = str(int(now.timestamp())).encode()
        return trial._headers(
            scheme, key_of_secret(scheme, secret), UUID(int=number), seconds, body
        )

    return sign


@pytest.mark.parametrize("scheme", list(Scheme))
async def test_a_signed_body_may_be_anything_and_ends_as_a_sentence(
    served: httpx.AsyncClient,
    admin: httpx.AsyncClient,
    database: Database,
    settings: Settings,
    scheme: Scheme,
) -> None:
    key = _private_key()
    await add(admin, "v", scheme, public_keys=_jwks(key))
    sign = signer(scheme, key)
    for number, (name, body) in enumerate(HOSTILE.items()):
        for status in (202, 200):
            answer = await served.post("/v1/webhooks/v", content=body, headers=sign(body, number))
            assert answer.status_code == status, (name, answer.text)
    large = b"a" * 2_000_000
    answer = await served.post("/v1/webhooks/v", content=large, headers=sign(large, 99))
    assert answer.status_code == 413
    assert await drain(database, sealer_for(settings)) == len(HOSTILE)
    found = await rows(database, "SELECT outcome, reason FROM webhook_events ORDER BY id")
    for name, (outcome, reason) in zip(HOSTILE, found, strict=True):
        assert (outcome, reason) == ("failed", WHY.get(name, WHY[""])), name
