"""Whether the raw bytes of a request were signed by the vendor: one function per scheme. Pure.

Everything is compared as bytes in constant time, and whatever is posted, either it is believed or
`SignatureRefused` is raised: there is no input for which anything else is.

Sources: Standard Webhooks 1.0.0 (`v1`); EasyPost's `validate_webhook`; Shippo's webhook security
page (HMAC or `?token=`); AfterShip's webhook signature page; 17TRACK API 2.2; ShipEngine's webhook
validation guide.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from api.devices.rules import Scheme
from api.webhooks.errors import SignatureRefused
from api.webhooks.keys import Keys

# A captured request is worth something only for so long; both clocks may be off by as much.
TOLERANCE_SECONDS = 300.0
# Standard Webhooks: an id holds no dot, since a dot ends it in what is signed.
_ID = re.compile(rb"[\x21-\x2d\x2f-\x7e]{1,255}")
_SECONDS = re.compile(rb"[0-9]{1,12}")
_ISO = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)?")


# A tuple, as all that is made for each event: a frozen dataclass takes three times as long.
class Posted(NamedTuple):
    """A request as it came: headers as ASGI has them (names in lower case, in order, doubled ones
    too), the untouched body, and the values of `?token=`.
    """

    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    tokens: tuple[str, ...] = ()


def verify(
    scheme: Scheme,
    posted: Posted,
    keys: Keys,
    now: datetime,
    tolerance_seconds: float = TOLERANCE_SECONDS,
) -> None:
    """Believe `posted` or not.

    Raises: SignatureRefused, saying what to mend.
    """
    _VERIFIERS[scheme](posted, keys, now, tolerance_seconds)


def header_of(posted: Posted, name: bytes) -> bytes:
    """The value of a header that must be there once: of two, each reader would pick its own.

    Raises: SignatureRefused.
    """
    found = [value for given, value in posted.headers if given == name]
    if len(found) != 1:
        raise SignatureRefused(f"Send the header {name.decode()} exactly once.")
    return found[0]


def event_id_of(posted: Posted) -> bytes:
    """`webhook-id`, the same for every attempt at one event.

    Raises: SignatureRefused.
    """
    given = header_of(posted, b"webhook-id")
    if not _ID.fullmatch(given):
        raise SignatureRefused("webhook-id is 1 to 255 visible ASCII characters without a dot.")
    return given


def verify_standard(posted: Posted, keys: Keys, now: datetime, tolerance: float) -> None:
    event_id = event_id_of(posted)
    stamp = header_of(posted, b"webhook-timestamp")
    entries = header_of(posted, b"webhook-signature").split(b" ")
    _check_age("webhook-timestamp", _seconds("webhook-timestamp", stamp), now, tolerance)
    given = [entry[3:] for entry in entries if entry.startswith(b"v1,")]
    _require_one(
        given, (standard_signature(key, event_id, stamp, posted.body) for key in keys.secrets)
    )


def standard_signature(key: bytes, event_id: bytes, stamp: bytes, body: bytes) -> bytes:
    signed = b".".join((event_id, stamp, body))
    return base64.b64encode(hmac.digest(key, signed, "sha256"))


def verify_easypost(posted: Posted, keys: Keys, _now: datetime, _tolerance: float) -> None:
    given = header_of(posted, b"x-hmac-signature")
    _require_one([given], (easypost_signature(key, posted.body) for key in keys.secrets))


def easypost_signature(key: bytes, body: bytes) -> bytes:
    return b"hmac-sha256-hex=" + hmac.new(key, body, sha256).hexdigest().encode()


def verify_shippo(posted: Posted, keys: Keys, now: datetime, tolerance: float) -> None:
    """By the token in the URL where there is one, else by the HMAC that Shippo gives on request."""
    if posted.tokens:
        if len(posted.tokens) != 1:
            raise SignatureRefused("Send the query parameter token once.")
        _require_one([posted.tokens[0].encode("utf-8", "surrogatepass")], keys.secrets)
        return
    stamp, given = _shippo_parts(header_of(posted, b"shippo-auth-signature"))
    _check_age("Shippo-Auth-Signature", _seconds("t", stamp), now, tolerance)
    _require_one(given, (shippo_signature(key, stamp, posted.body) for key in keys.secrets))


def shippo_signature(key: bytes, stamp: bytes, body: bytes) -> bytes:
    return hmac.new(key, stamp + b"." + body, sha256).hexdigest().encode()


def _shippo_parts(header: bytes) -> tuple[bytes, list[bytes]]:
    parts = [part.strip().partition(b"=") for part in header.split(b",")]
    stamps = [value for name, _, value in parts if name == b"t"]
    if len(stamps) != 1:
        raise SignatureRefused("Shippo-Auth-Signature is t=<seconds>,v1=<hex>.")
    return stamps[0], [value for name, _, value in parts if name == b"v1"]


def verify_aftership(posted: Posted, keys: Keys, _now: datetime, _tolerance: float) -> None:
    given = header_of(posted, b"aftership-hmac-sha256")
    _require_one([given], (aftership_signature(key, posted.body) for key in keys.secrets))


def aftership_signature(key: bytes, body: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, body, "sha256"))


def verify_17track(posted: Posted, keys: Keys, _now: datetime, _tolerance: float) -> None:
    given = header_of(posted, b"sign").lower()
    _require_one([given], (seventeen_track_signature(key, posted.body) for key in keys.secrets))


def seventeen_track_signature(key: bytes, body: bytes) -> bytes:
    """A plain digest and no HMAC: 17TRACK puts the key behind the body."""
    return sha256(body + b"/" + key).hexdigest().encode()


def verify_shipengine(posted: Posted, keys: Keys, now: datetime, tolerance: float) -> None:
    key_id = header_of(posted, b"x-shipengine-rsa-sha256-key-id")
    stamp = header_of(posted, b"x-shipengine-timestamp")
    coded = header_of(posted, b"x-shipengine-rsa-sha256-signature")
    _check_age("x-shipengine-timestamp", _moment(stamp), now, tolerance)
    key = keys.public.get(key_id)
    if key is None:
        raise SignatureRefused(
            "The vendor's public_keys have no key with this id; give the vendor its new key set."
        )
    try:
        given = base64.b64decode(coded, validate=True)
        key.verify(given, stamp + b"." + posted.body, PKCS1v15(), SHA256())
    except (binascii.Error, ValueError, InvalidSignature) as error:
        raise _mismatch() from error


def _seconds(name: str, given: bytes) -> float:
    if not _SECONDS.fullmatch(given):
        raise SignatureRefused(f"{name} is a whole number of seconds since 1970.")
    return float(given)


def _moment(given: bytes) -> float:
    problem = "x-shipengine-timestamp is a time such as 2027-08-23T12:00:00Z."
    if not _ISO.fullmatch(given):
        raise SignatureRefused(problem)
    try:
        moment = datetime.fromisoformat(given.decode())
        # Without an offset it is UTC, as everything ShipEngine states.
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError) as error:
        raise SignatureRefused(problem) from error


def _check_age(name: str, stated: float, now: datetime, tolerance: float) -> None:
    if abs(now.timestamp() - stated) > tolerance:
        raise SignatureRefused(
            f"{name} is more than {tolerance:g} seconds from now: sign each attempt anew, and"
            " set the sender's clock."
        )


def _require_one(given: Iterable[bytes], expected: Iterable[bytes]) -> None:
    candidates = list(given)
    # All of them, so that the time does not tell which secret of two was met.
    met = [hmac.compare_digest(one, other) for other in expected for one in candidates]
    if not any(met):
        raise _mismatch()


def _mismatch() -> SignatureRefused:
    return SignatureRefused(
        "No signature over these bytes is by a secret or key this vendor has here; sign the raw"
        " body, and use the newest secret."
    )


_VERIFIERS: dict[Scheme, Callable[[Posted, Keys, datetime, float], None]] = {
    Scheme.STANDARD: verify_standard,
    Scheme.EASYPOST: verify_easypost,
    Scheme.SHIPPO: verify_shippo,
    Scheme.AFTERSHIP: verify_aftership,
    Scheme.SEVENTEEN_TRACK: verify_17track,
    Scheme.SHIPENGINE: verify_shipengine,
}
