"""Secrets as key bytes, key sets, and what makes two deliveries one event."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.devices.rules import Scheme
from api.webhooks.identity import event_key
from api.webhooks.keys import KeyUnusable, key_of_secret, public_keys_of
from api.webhooks.signatures import Posted
from tests.webhooks.vectors import BY_NAME

JWKS: dict[str, Any] = BY_NAME["shipengine"].jwks or {}
KEY: dict[str, Any] = JWKS["keys"][0]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_AAAA",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "whsec_é",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=!",
        "whsec_" + "A" * 200,
        # What Karrio calls a secret looks alike and is none.
        "whsec_e2fed355115b4b9eb4b0ab8bf0d4d7e",
        "WHSEC_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ],
)
def test_a_standard_secret_that_is_none_is_named_as_such(secret: str) -> None:
    with pytest.raises(KeyUnusable, match="whsec_"):
        key_of_secret(Scheme.STANDARD, secret)


def test_a_standard_secret_may_come_without_its_padding() -> None:
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    assert key_of_secret(Scheme.STANDARD, secret) == bytes(range(32))
    assert key_of_secret(Scheme.STANDARD, secret.rstrip("=")) == bytes(range(32))


@given(st.sampled_from(Scheme), st.text())
def test_any_text_gives_a_key_or_a_refusal(scheme: Scheme, secret: str) -> None:
    try:
        found = key_of_secret(scheme, secret).decode("latin-1")
    except KeyUnusable as error:
        found = str(error)
    assert isinstance(found, str)


@pytest.mark.parametrize(
    "jwks",
    [
        {},
        {"keys": []},
        {"keys": {}},
        {"keys": [1]},
        {"keys": [KEY, KEY]},
        {"keys": [KEY | {"kid": ""}]},
        {"keys": [KEY | {"kid": 1}]},
        {"keys": [KEY | {"kty": "EC"}]},
        {"keys": [KEY | {"n": ""}]},
        {"keys": [KEY | {"n": "!"}]},
        {"keys": [KEY | {"n": "A"}]},
        {"keys": [KEY | {"n": KEY["n"][:100]}]},
        {"keys": [KEY | {"n": "_" * 5000}]},
        {"keys": [KEY | {"e": "AA"}]},
        {"keys": [KEY | {"e": "Ag"}]},
        {"keys": [KEY | {"e": None}]},
    ],
    ids=str,
)
def test_a_key_set_of_no_use_is_refused_with_a_sentence(jwks: dict[str, Any]) -> None:
    with pytest.raises(KeyUnusable, match=r"\.$"):
        public_keys_of(jwks)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["keys", "kty", "kid", "n", "e"]) | st.text(max_size=3),
            inner,
            max_size=5,
        )
    ),
)


@given(
    st.dictionaries(st.sampled_from(["keys", "x"]), JSON) | st.fixed_dictionaries({"keys": JSON})
)
def test_any_key_set_gives_keys_or_a_sentence(jwks: dict[str, object]) -> None:
    with pytest.raises(KeyUnusable):
        public_keys_of(jwks)


def key(scheme: Scheme, body: bytes, *headers: tuple[bytes, bytes]) -> str:
    return event_key(scheme, Posted(headers, body))


def test_an_event_goes_by_the_vendors_id_of_it() -> None:
    assert key(Scheme.STANDARD, b"", (b"webhook-id", b"msg_1")) == "msg_1"
    assert key(Scheme.EASYPOST, BY_NAME["easypost"].body) == "evt_b1c2d3"
    found = key(Scheme.AFTERSHIP, BY_NAME["aftership"].body)
    assert found == "94dadd60-ed26-46d0-aa52-3ced925a50ff"


@pytest.mark.parametrize("scheme", [Scheme.SHIPPO, Scheme.SEVENTEEN_TRACK, Scheme.SHIPENGINE])
def test_without_an_id_it_goes_by_its_bytes(scheme: Scheme) -> None:
    assert key(scheme, b"{}") == key(scheme, b"{}")
    assert key(scheme, b"{}") != key(scheme, b"{ }")
    assert key(scheme, b"{}").startswith("sha256:")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"NaN",
        b'{"id": NaN}',
        b'{"id": 1}',
        b'{"id": ""}',
        b'{"id": null}',
        b'{"id": "a\\u0000b"}',
        b'{"id": "\\ud800"}',
        b'{"id": "with space"}',
        b'{"id": "' + b"a" * 256 + b'"}',
        b'{"id": ["evt"]}',
        b'["id"]',
        b"[" * 10_000,
        b'{"id":' * 10_000,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"x":1e999}',
        b'{"x":' + b"9" * 5000 + b"}",
    ],
    ids=range(18),
)
def test_a_body_without_a_usable_id_goes_by_its_bytes(body: bytes) -> None:
    assert key(Scheme.EASYPOST, body) == key(Scheme.EASYPOST, body)
    assert key(Scheme.EASYPOST, body).startswith("sha256:")


def test_of_two_ids_in_a_body_one_is_taken_and_always_the_same() -> None:
    assert key(Scheme.EASYPOST, b'{"id": "evt_1", "id": "evt_2"}') == "evt_2"


@given(st.sampled_from([Scheme.EASYPOST, Scheme.AFTERSHIP]), st.binary() | JSON.map(json.dumps))
def test_any_body_has_a_key_that_can_be_stored(scheme: Scheme, body: bytes | str) -> None:
    found = key(scheme, body if isinstance(body, bytes) else body.encode())
    assert 0 < len(found) <= 255
    assert "\x00" not in found
