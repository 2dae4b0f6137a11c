"""A provider that lies: what it may send, and that none of it signs anybody in."""

from __future__ import annotations

import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from api.auth.errors import SignInElsewhereRefused
from api.auth.oidc_provider import Client, authorization_url, verified_email
from api.errors import Unavailable

pytestmark = pytest.mark.anyio

SECRET = "a client secret that is long enough for HMAC"
NONCE = "the nonce"


class Liar(ThreadingHTTPServer):
    """Answers each path with what `answers` holds."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Any] = {}
        self.received: dict[str, str] = {}

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Liar

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.server.received["body"] = self.rfile.read(length).decode()
        self.server.received["authorization"] = self.headers.get("authorization", "")
        self._answer()

    def _answer(self) -> None:
        known = self.path in self.server.answers
        body = orjson.dumps(self.server.answers.get(self.path))
        self.send_response(200 if known else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base's name)
        """Nothing on the terminal."""


@pytest.fixture(scope="module")
def key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one"})


@pytest.fixture
def liar(key: RSAKey) -> Iterator[Liar]:
    with Liar() as server:
        server.answers = {
            "/.well-known/openid-configuration": {
                "issuer": server.issuer,
                "authorization_endpoint": f"{server.issuer}/authorize",
                "token_endpoint": f"{server.issuer}/token",
                "jwks_uri": f"{server.issuer}/jwks",
                "userinfo_endpoint": f"{server.issuer}/userinfo",
                "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
            },
            "/jwks": KeySet([key]).as_dict(private=False),
        }
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def claims_of(issuer: str, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    honest = {
        "iss": issuer,
        "aud": "firstbell",
        "sub": "ada",
        "iat": now,
        "exp": now + 300,
        "nonce": NONCE,
        "email": "ada@school.org",
        "email_verified": True,
    }
    return {name: value for name, value in {**honest, **changes}.items() if value is not None}


def sign(claims: dict[str, Any], key: Any, algorithm: str = "RS256") -> str:
    registry = JWSRegistry(algorithms=[algorithm])
    return jwt.encode({"alg": algorithm, "kid": "one"}, claims, key, registry=registry)


async def email_from(liar: Liar, id_token: Any) -> str:
    liar.answers["/token"] = {
        "access_token": "abc",
        "token_type": "Bearer",
        "id_token": id_token,
    }
    client = Client(liar.issuer, "firstbell", SECRET, "http://here/callback")
    return await verified_email(client, code="code", nonce=NONCE, verifier="verifier")


async def test_an_honest_answer_is_believed(liar: Liar, key: RSAKey) -> None:
    assert await email_from(liar, sign(claims_of(liar.issuer), key)) == "ada@school.org"
    assert "code_verifier=verifier" in liar.received["body"]
    assert liar.received["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "somebody-else"},
        {"aud": ["somebody-else", "third"]},
        {"aud": "somebody-else", "azp": "firstbell"},
        {"aud": None},
        {"azp": "somebody-else"},
        {"exp": 1_000_000_000},
        {"exp": None},
        {"nonce": "another"},
        {"nonce": None},
        {"email_verified": False},
        {"email_verified": None},
        {"at_hash": "bm90IHRoaXMgdG9rZW4"},
        {"sub": None},
    ],
    ids=str,
)
async def test_a_claim_that_is_not_for_us_is_refused(
    liar: Liar, key: RSAKey, changes: dict[str, Any]
) -> None:
    with pytest.raises(SignInElsewhereRefused):
        await email_from(liar, sign(claims_of(liar.issuer, **changes), key))


def unsigned(claims: dict[str, Any]) -> str:
    parts = (orjson.dumps({"alg": "none"}), orjson.dumps(claims), b"")
    return b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts).decode()


def signed_with_the_client_secret(claims: dict[str, Any]) -> str:
    return sign(claims, OctKey.import_key(SECRET), "HS256")


def signed_with_another_key(claims: dict[str, Any]) -> str:
    return sign(claims, RSAKey.generate_key(2048, {"kid": "one"}))


@pytest.mark.parametrize(
    "forge", [unsigned, signed_with_the_client_secret, signed_with_another_key]
)
async def test_a_signature_that_proves_nothing_is_refused(
    liar: Liar, forge: Callable[[dict[str, Any]], str]
) -> None:
    with pytest.raises(SignInElsewhereRefused):
        await email_from(liar, forge(claims_of(liar.issuer)))


@pytest.mark.parametrize("algorithms", [["none"], ["HS256"], []])
async def test_a_provider_that_offers_no_real_signature_is_refused(
    liar: Liar, key: RSAKey, algorithms: list[str]
) -> None:
    metadata = liar.answers["/.well-known/openid-configuration"]
    metadata["id_token_signing_alg_values_supported"] = algorithms
    with pytest.raises(SignInElsewhereRefused):
        await email_from(liar, sign(claims_of(liar.issuer), key))


@pytest.mark.parametrize("id_token", ["", "a.b.c", None, 5, {"a": 1}])
async def test_what_is_no_token_is_refused(liar: Liar, id_token: Any) -> None:
    with pytest.raises(SignInElsewhereRefused):
        await email_from(liar, id_token)


@pytest.mark.parametrize(
    ("sub", "believed"), [("ada", True), ("somebody-else", False), (None, False)]
)
async def test_userinfo_is_believed_about_the_same_person_only(
    liar: Liar, key: RSAKey, sub: str | None, believed: bool
) -> None:
    told = {"sub": sub, "email": "told@school.org", "email_verified": True}
    liar.answers["/userinfo"] = told
    id_token = sign(claims_of(liar.issuer, email=None, email_verified=None), key)
    if believed:
        assert await email_from(liar, id_token) == "told@school.org"
    else:
        with pytest.raises(SignInElsewhereRefused):
            await email_from(liar, id_token)


@pytest.mark.parametrize(
    "metadata", [{"issuer": "https://evil.example"}, {"token_endpoint": None}, {"jwks_uri": 7}]
)
async def test_metadata_of_another_provider_or_of_none_is_refused(
    liar: Liar, metadata: dict[str, Any]
) -> None:
    liar.answers["/.well-known/openid-configuration"] |= metadata
    client = Client(liar.issuer, "firstbell", SECRET, "http://here/callback")
    with pytest.raises(Unavailable):
        await authorization_url(client, state="s", nonce="n", verifier="v")


async def test_a_provider_may_want_the_secret_in_the_form(liar: Liar, key: RSAKey) -> None:
    metadata = liar.answers["/.well-known/openid-configuration"]
    metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert await email_from(liar, sign(claims_of(liar.issuer), key)) == "ada@school.org"
    assert "client_secret=" in liar.received["body"]
    assert liar.received["authorization"] == ""
