"""Usernames that nobody else is ever given again, kept as HMACs: not even we can read them back.

HMAC-SHA256 (RFC 2104) in Python and, for sets, in SQL: the two agree.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import LiteralString
from uuid import UUID

from sqlalchemy import text

from api.db.uow import WriteSession

_BLOCK = 64
# Over an expression put for `{value}`; parameters are those of `pads`.
_HMAC: LiteralString = (
    "sha256(%(burn_outer)s::bytea || sha256(%(burn_inner)s::bytea || convert_to({value}, 'UTF8')))"
)


def digest_sql(name: LiteralString) -> LiteralString:
    """SQL for `name_digest` of an SQL expression."""
    return _HMAC.replace("{value}", "lower(" + name + ")")


def owner_sql(source_id: LiteralString, sourced_id: LiteralString) -> LiteralString:
    """SQL for `owner_digest` of two SQL expressions."""
    return _HMAC.replace("{value}", "'owner ' || " + source_id + " || ' ' || " + sourced_id)


def pads(secret: bytes) -> dict[str, bytes]:
    """The parameters of `digest_sql` and `owner_sql`."""
    key = _key(secret).ljust(_BLOCK, b"\0")
    return {
        "burn_inner": bytes(byte ^ 0x36 for byte in key),
        "burn_outer": bytes(byte ^ 0x5C for byte in key),
    }


def name_digest(secret: bytes, username: str) -> bytes:
    return _hmac(secret, username.lower())


def owner_digest(secret: bytes, source_id: UUID, sourced_id: str) -> bytes:
    """Whose a name was: an account by its source and sourced id."""
    return _hmac(secret, f"owner {source_id} {sourced_id}")


async def burn(
    session: WriteSession,
    secret: bytes,
    network_id: UUID,
    source_id: UUID,
    sourced_id: str,
    username: str,
) -> None:
    """Keep one account's name from everybody else; again does nothing."""
    await session.execute(
        text(
            "INSERT INTO burnt_usernames (network_id, digest, owner)"
            " VALUES (:network, :digest, :owner) ON CONFLICT DO NOTHING"
        ),
        {
            "network": network_id,
            "digest": name_digest(secret, username),
            "owner": owner_digest(secret, source_id, sourced_id),
        },
    )


def _key(secret: bytes) -> bytes:
    """A key of its own, so that no other use of the secret gives these digests."""
    return hashlib.sha256(b"firstbell burnt usernames, 1\0" + secret).digest()


def _hmac(secret: bytes, value: str) -> bytes:
    return hmac.new(_key(secret), value.encode(), hashlib.sha256).digest()
