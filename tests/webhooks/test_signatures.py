"""Verification against others' vectors and libraries, and against whatever may be posted."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import easypost.util
import pytest
import standardwebhooks
from easypost.errors.general.signature_verification_error import SignatureVerificationError
from hypothesis import example, given
from hypothesis import strategies as st

from api.devices.rules import Scheme
from api.webhooks.errors import SignatureRefused
from api.webhooks.keys import Keys, key_of_secret, make_secret
from api.webhooks.signatures import Posted, easypost_signature, standard_signature, verify
from tests.webhooks.vectors import BY_NAME, EACH, STANDARD, VECTORS, Vector

A, B = BY_NAME["standard key a"], BY_NAME["standard key b"]
BOTH = Keys([*A.keys.secrets, *B.keys.secrets])


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def believed(vector: Vector, posted: Posted, keys: Keys | None = None, late: float = 0.0) -> bool:
    """Whether it is; anything raised but a refusal fails the test."""
    try:
        verify(vector.scheme, posted, keys or vector.keys, moment(vector.at + late))
    except SignatureRefused:
        return False
    return True


def name_of(vector: Vector) -> str:
    return vector.name


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_what_others_signed_is_believed(vector: Vector) -> None:
    assert believed(vector, vector.posted())


@pytest.mark.parametrize("vector", VECTORS, ids=name_of)
def test_a_body_with_one_byte_more_or_changed_is_not(vector: Vector) -> None:
    assert not believed(vector, vector.posted(vector.body + b" "))
    for at in range(len(vector.body)):
        changed = bytearray(vector.body)
        changed[at] ^= 1
        assert not believed(vector, vector.posted(bytes(changed)))


@pytest.mark.parametrize("vector", [v for v in VECTORS if v.body], ids=name_of)
def test_the_same_json_written_otherwise_is_not(vector: Vector) -> None:
    assert not believed(
        vector, vector.posted(json.dumps(json.loads(vector.body), indent=1).encode())
    )


@pytest.mark.parametrize("vector", EACH, ids=name_of)
def test_every_header_of_a_signature_is_needed_exactly_once(vector: Vector) -> None:
    for name, value in vector.headers.items():
        if name == "as-webhook-version":
            continue
        missing = vector.changed({name: None})
        assert not believed(vector, missing)
        pairs = vector.posted().headers
        for other in (value, "another"):
            doubled = [*pairs, (name.encode(), other.encode())]
            assert not believed(vector, Posted(doubled, vector.body))
            assert not believed(vector, Posted(doubled[::-1], vector.body))


@pytest.mark.parametrize("vector", EACH, ids=name_of)
@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "garbage",
        "v1,",
        "v1,a",
        "v1,a,b",
        "v1,é",
        "v1a,AAAA",
        ",",
        "=",
        "t=,v1=",
        "\x00",
        "a" * 60_000,
    ],
)
def test_a_signature_that_is_none_is_refused(vector: Vector, value: str) -> None:
    assert not believed(vector, vector.changed({vector.signs: value}))


@pytest.mark.parametrize("vector", EACH, ids=name_of)
def test_another_secret_does_not_verify_and_one_of_several_does(vector: Vector) -> None:
    if vector.scheme is Scheme.SHIPENGINE:
        assert not believed(vector, vector.posted(), Keys())
        assert not believed(vector, vector.posted(x_shipengine_rsa_sha256_key_id="test-key-2"))
        return
    strange = b"another secret of this vendor"
    assert not believed(vector, vector.posted(), Keys([strange]))
    assert not believed(vector, vector.posted(), Keys())
    assert believed(vector, vector.posted(), Keys([strange, *vector.keys.secrets]))


@pytest.mark.parametrize(
    "vector", [*STANDARD, BY_NAME["shippo"], BY_NAME["shipengine"]], ids=name_of
)
@pytest.mark.parametrize("sign", [1, -1])
def test_an_attempt_is_good_for_five_minutes_either_way(vector: Vector, sign: int) -> None:
    assert believed(vector, vector.posted(), late=sign * 299)
    assert not believed(vector, vector.posted(), late=sign * 301)


@pytest.mark.parametrize(
    "vector", [BY_NAME["easypost"], BY_NAME["aftership"], BY_NAME["17track"]], ids=name_of
)
def test_schemes_without_a_time_of_signing_are_believed_whenever_they_come(vector: Vector) -> None:
    assert believed(vector, vector.posted(), late=400 * 86_400)


@pytest.mark.parametrize(
    "stamp",
    [
        "NaN",
        "1e9",
        "-1",
        "+1785765900",
        "1785765900.5",
        "",
        " 1785765900",
        "1785765900 ",
        "178_5765900",
        "1" * 13,
        "१७८५७६५९००",
        "0x6A6F",
        "inf",
        "1785765900\n",
    ],
)
def test_a_standard_time_is_digits_and_nothing_else(stamp: str) -> None:
    """Also where the signature is right for it."""
    key = A.keys.secrets[0]
    signature = standard_signature(key, b"msg", stamp.encode(), A.body).decode()
    posted = A.posted(
        webhook_id="msg", webhook_timestamp=stamp, webhook_signature=f"v1,{signature}"
    )
    assert not believed(A, posted)


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "now",
        "2026-08-03",
        "2026-13-03T14:05:02Z",
        "2026-08-03T14:05:02+99:99",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1785765902",
    ],
)
def test_a_shipengine_time_that_is_none_is_refused(stamp: str) -> None:
    vector = BY_NAME["shipengine"]
    assert not believed(vector, vector.posted(x_shipengine_timestamp=stamp))


@pytest.mark.parametrize(
    ("written", "passes"),
    [
        ("{a}", True),
        ("{b}", True),
        ("{a} {b}", True),
        ("  {a}", True),
        ("garbage v1 v1, v1,a,b v1,é {a}", True),
        ("v1a,c2lnbmVk {a}", True),
        ("v2,c2lnbmVk {a} v1,AAAA", True),
        ("v1a,c2lnbmVk", False),
        ("{v2}", False),
        ("{upper}", False),
        ("{a},", False),
        ("{cut}", False),
    ],
)
def test_one_good_entry_of_a_list_is_enough_whatever_else_is_in_it(
    written: str, passes: bool
) -> None:
    a, b = A.headers["webhook-signature"], B.headers["webhook-signature"]
    value = written.format(
        a=a, b=b, v2=a.replace("v1", "v2"), upper=a.replace("v1", "V1"), cut=a.rstrip("=")
    )
    assert believed(A, A.posted(webhook_signature=value), BOTH) is passes


def test_a_rotation_is_believed_with_either_secret_or_both() -> None:
    both = f"{A.headers['webhook-signature']} {B.headers['webhook-signature']}"
    for keys in (A.keys, B.keys, BOTH):
        assert believed(A, A.posted(webhook_signature=both), keys)
    assert not believed(A, A.posted(), B.keys)


@pytest.mark.parametrize(
    "event_id", ["another", "", "with.dot", "with space", "é", "a" * 256, "\x00"]
)
def test_the_id_is_signed_too_and_holds_no_dot(event_id: str) -> None:
    assert not believed(A, A.posted(webhook_id=event_id))
    stamp = A.headers["webhook-timestamp"].encode()
    good = standard_signature(A.keys.secrets[0], event_id.encode(), stamp, A.body).decode()
    signed = A.posted(webhook_id=event_id, webhook_signature=f"v1,{good}")
    assert believed(A, signed) is (event_id == "another")


def test_shippo_is_also_believed_by_the_token_of_its_url() -> None:
    vector = BY_NAME["shippo"]

    def by_token(*tokens: str) -> bool:
        return believed(vector, Posted([], vector.body, tokens))

    assert by_token(vector.secret)
    assert not by_token("another")
    assert not by_token("")
    assert not by_token("é\ud800")
    assert not by_token(vector.secret, vector.secret)
    assert not by_token(vector.secret + " ")
    # The token is what this account signs with: a wrong one is not made good by a header.
    assert not believed(vector, Posted(vector.posted().headers, vector.body, ("another",)))


@pytest.mark.parametrize("vector", [v for v in EACH if v.scheme is not Scheme.SHIPPO], ids=name_of)
def test_a_token_means_nothing_to_the_other_schemes(vector: Vector) -> None:
    assert not believed(vector, Posted([], vector.body, (vector.secret,)))


HEADER_NAMES = sorted({name for vector in VECTORS for name in vector.headers})
KEYS_OF_ALL = Keys(
    [*BOTH.secrets, *BY_NAME["shippo"].keys.secrets], BY_NAME["shipengine"].keys.public
)
VALUES = st.one_of(
    st.binary(max_size=80),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.sampled_from([v.encode() for vector in VECTORS for v in vector.headers.values()]),
)


@given(
    st.sampled_from(Scheme),
    st.lists(st.tuples(st.sampled_from([n.encode() for n in HEADER_NAMES]), VALUES), max_size=8),
    st.binary(max_size=200),
    st.lists(st.text(max_size=30), max_size=3),
)
@example(Scheme.SHIPPO, [(b"shippo-auth-signature", b"t=1785765902,v1=\xff\xfe")], b"", [])
@example(
    Scheme.SHIPENGINE,
    [
        (b"x-shipengine-rsa-sha256-key-id", b"test-key-1"),
        (b"x-shipengine-timestamp", b"2026-08-03T14:05:02Z"),
        (b"x-shipengine-rsa-sha256-signature", b"AAAA"),
    ],
    b"",
    [],
)
def test_whatever_is_posted_is_refused_and_raises_nothing_else(
    scheme: Scheme, headers: list[tuple[bytes, bytes]], body: bytes, tokens: list[str]
) -> None:
    with pytest.raises(SignatureRefused):
        verify(scheme, Posted(headers, body, tuple(tokens)), KEYS_OF_ALL, moment(1785765902))


SECRETS = st.binary(min_size=24, max_size=64).map(
    lambda raw: "whsec_" + base64.b64encode(raw).decode()
)
IDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="."),
    min_size=1,
    max_size=255,
)


@given(SECRETS, IDS, st.text())
def test_standardwebhooks_signs_what_we_believe_and_believes_what_we_sign(
    secret: str, event_id: str, text: str
) -> None:
    judge, now = standardwebhooks.Webhook(secret), datetime.now(UTC)
    body = text.encode("utf-8", "replace")
    theirs = judge.sign(event_id, now, body.decode())
    stamp = str(int(now.timestamp()))
    key = key_of_secret(Scheme.STANDARD, secret)
    ours = f"v1,{standard_signature(key, event_id.encode(), stamp.encode(), body).decode()}"
    for signature in (theirs, ours):
        headers = {
            "webhook-id": event_id,
            "webhook-timestamp": stamp,
            "webhook-signature": signature,
        }
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        verify(Scheme.STANDARD, Posted(raw, body), Keys([key]), now)
        judge.verify(body, headers, json_parse=False)


def test_a_made_secret_is_one_that_standardwebhooks_takes() -> None:
    secret = make_secret()
    assert secret != make_secret()
    signature = standardwebhooks.Webhook(secret).sign("msg", moment(A.at), "body")
    raw = [(b"webhook-id", b"msg"), (b"webhook-timestamp", str(int(A.at)).encode())]
    posted = Posted([*raw, (b"webhook-signature", signature.encode())], b"body")
    assert believed(A, posted, Keys([key_of_secret(Scheme.STANDARD, secret)]))


@given(st.text(min_size=1), st.dictionaries(st.text(), st.integers()))
@example("sécret", {})
def test_easypost_believes_what_we_sign_and_nothing_else(
    secret: str, document: dict[str, int]
) -> None:
    body = json.dumps(document).encode()
    try:
        key = key_of_secret(Scheme.EASYPOST, secret)
        secret.encode()
    except UnicodeEncodeError:
        return
    good = easypost_signature(key, body).decode()
    judged = easypost.util.validate_webhook(body, {"X-Hmac-Signature": good}, secret)
    assert judged is not None
    with pytest.raises(SignatureVerificationError):
        easypost.util.validate_webhook(body, {"X-Hmac-Signature": good[:-1] + "x"}, secret)
    posted = Posted([(b"x-hmac-signature", good.encode())], body)
    verify(Scheme.EASYPOST, posted, Keys([key]), datetime.now(UTC) + timedelta(days=9))
