"""What makes two deliveries the same event: the vendor's id of it, else the body's digest. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

import orjson

from api.devices.rules import Scheme
from api.webhooks.signatures import Posted, event_id_of

# The schemes whose vendor writes an id into the body. The others send none at all.
_FIELDS = {Scheme.EASYPOST: "id", Scheme.AFTERSHIP: "event_id"}
_USABLE = re.compile(r"[\x21-\x7e]{1,255}")


def event_key(scheme: Scheme, posted: Posted) -> str:
    """The key of an event among those of its vendor; of a request that has been verified."""
    if scheme is Scheme.STANDARD:
        return event_id_of(posted).decode()
    field = _FIELDS.get(scheme)
    return (field and _read(posted.body, field)) or f"sha256:{sha256(posted.body).hexdigest()}"


def _read(body: bytes, field: str) -> str | None:
    """A field of a body that may be anything: NaN, ten thousand levels or no JSON are no id."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    found = document.get(field) if isinstance(document, dict) else None
    return found if isinstance(found, str) and _USABLE.fullmatch(found) else None
