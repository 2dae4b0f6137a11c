"""Argon2 in threads, a few at a time: each hash takes 64 MiB and a good part of a second."""

from __future__ import annotations

from base64 import b64encode

from anyio import CapacityLimiter, to_thread
from pwdlib.hashers.argon2 import Argon2Hasher

from api.errors import Unavailable

# The second recommended option of RFC 9106, section 4.
_TIME, _MEMORY_KIB, _LANES = 3, 65536, 4
_hasher = Argon2Hasher(time_cost=_TIME, memory_cost=_MEMORY_KIB, parallelism=_LANES)


def _part(size: int) -> str:
    return b64encode(bytes(size)).rstrip(b"=").decode()


# No password has this hash; comparing with it takes as long as with a real one.
_NOBODY = f"$argon2id$v=19$m={_MEMORY_KIB},t={_TIME},p={_LANES}${_part(16)}${_part(32)}"

_AT_ONCE = 2
_WAITING = 64
_limiter = CapacityLimiter(_AT_ONCE)


def _refuse_crowd() -> None:
    if _limiter.statistics().tasks_waiting >= _WAITING:
        raise Unavailable("Too many people are signing in at this moment; try again shortly.")


async def hash_password(password: str) -> str:
    """Raises: Unavailable when too many are already waiting."""
    _refuse_crowd()
    return await to_thread.run_sync(_hasher.hash, password, limiter=_limiter)


async def verify_password(password: str, stored: str | None) -> bool:
    """Whether the password is the one; without a stored hash no, after the same time.

    Raises: Unavailable when too many are already waiting.
    """
    _refuse_crowd()
    matches = await to_thread.run_sync(
        _hasher.verify, password, stored or _NOBODY, limiter=_limiter
    )
    return matches and stored is not None


def outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(stored)
