"""What the probe signs with and how, and how much it may ask for. Pure.

A report is signed over its raw body, which holds its own id and moment; a request for bytes over
its method and target, which hold the moment. Both as `FirstBell-Signature: v1=HEX`, HMAC-SHA256
(RFC 2104) under the school's code.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

HEADER = "FirstBell-Signature"
# Crockford's alphabet: read aloud over a phone, no letter is taken for a digit.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS, _GROUP = 5, 6
# A technician may still hold the code before while the new one is handed out.
OVERLAP = timedelta(days=7)
# A captured request for bytes is worth nothing for long; both clocks may be off by as much.
TOLERANCE = timedelta(minutes=5)
# The longest that any check of the probe's stays fresh; older, the laptop's clock is the likelier
# explanation.
OLDEST = timedelta(days=92)
LARGEST_REPORT = 500_000
LARGEST_TRANSFER = 8_388_608
# What a school may transfer in an hour: two whole runs on a line of a gigabit.
HOURLY_BYTES = 4 * 2**30
BUDGET_STEP = 262_144


def make_code() -> str:
    """A new code such as `7KQ2MX-...`: 150 random bits, so nobody guesses one."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def key_of(code: str) -> bytes:
    """What a code signs with: case, hyphens and spaces do not matter."""
    return re.sub("[^0-9A-Z]", "", code.upper()).encode()


def signature(code: str, signed: bytes) -> str:
    return "v1=" + hmac.digest(key_of(code), signed, "sha256").hex()


def is_signed(given: str | None, signed: bytes, codes: Sequence[str]) -> bool:
    """Whether one of the codes made the signature; takes as long whichever it is, or none."""
    made = [signature(code, signed) for code in codes or (make_code(),)]
    shown = (given or "").encode("utf-8", "replace")
    matches = [hmac.compare_digest(one.encode(), shown) for one in made]
    return bool(codes) and any(matches)


def transfer_line(method: str, query: bytes) -> bytes:
    """What is signed of a request for bytes, or of bytes sent; the query is as it was sent."""
    return f"{method} /v1/probe/throughput?".encode() + query


def is_recent(at: int, now: datetime) -> bool:
    return abs(now.timestamp() - at) <= TOLERANCE.total_seconds()


def budget_steps(count: int) -> int:
    """How much of the hourly budget so many bytes take."""
    return -(-count // BUDGET_STEP)


HOURLY_STEPS = budget_steps(HOURLY_BYTES)
