"""What signatures are made with: secrets as key bytes, and public keys out of a JWKS. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from api.devices.rules import Scheme

STANDARD_PREFIX = "whsec_"
_STANDARD_BYTES = range(24, 65)
_BASE64_URL = re.compile(r"[A-Za-z0-9_-]+")
# Less is factored, more costs an attacker's target milliseconds a request.
_RSA_BITS = range(2048, 8193)


class KeyUnusable(ValueError):
    """A sentence that says what is wrong with a secret or a key, without repeating it."""


class Keys(NamedTuple):
    """What a vendor may have signed with at this moment; `public` by key id."""

    secrets: Sequence[bytes] = ()
    public: Mapping[bytes, RSAPublicKey] = MappingProxyType({})


def make_secret() -> str:
    """A new secret as Standard Webhooks 1.0.0 writes them: 32 random bytes after `whsec_`."""
    return STANDARD_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key_of_secret(scheme: Scheme, secret: str) -> bytes:
    """The bytes a scheme's signatures are keyed with.

    Raises: KeyUnusable.
    """
    if scheme is Scheme.STANDARD:
        return _standard_key(secret)
    if scheme is Scheme.EASYPOST:
        # Its library normalises, which shows only with letters outside of ASCII.
        secret = unicodedata.normalize("NFKD", secret)
    return secret.encode("utf-8", "surrogatepass")


def _standard_key(secret: str) -> bytes:
    coded = secret.removeprefix(STANDARD_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(STANDARD_PREFIX) or len(key) not in _STANDARD_BYTES:
        raise KeyUnusable(
            "A Standard Webhooks secret is whsec_ and then the base64 of 24 to 64 bytes."
        )
    return key


def public_keys_of(jwks: Mapping[str, object]) -> dict[bytes, RSAPublicKey]:
    """The RSA keys of a JWKS (RFC 7517) by key id.

    Raises: KeyUnusable.
    """
    listed = jwks.get("keys")
    if not isinstance(listed, list) or not listed:
        raise KeyUnusable('A key set is {"keys": [...]} with at least one RSA key.')
    found: dict[bytes, RSAPublicKey] = {}
    for one in listed:
        if not isinstance(one, Mapping):
            raise KeyUnusable("Each key of the set is an object.")
        kid = one.get("kid")
        if not isinstance(kid, str) or not kid or kid.encode() in found:
            raise KeyUnusable("Each key of the set needs a `kid` of its own.")
        found[kid.encode()] = _rsa_key(one)
    return found


def _rsa_key(jwk: Mapping[str, object]) -> RSAPublicKey:
    if jwk.get("kty") != "RSA":
        raise KeyUnusable("Only RSA keys can be used.")
    numbers = RSAPublicNumbers(e=_number(jwk.get("e")), n=_number(jwk.get("n")))
    if numbers.n.bit_length() not in _RSA_BITS:
        raise KeyUnusable("An RSA key has 2048 to 8192 bits.")
    try:
        return numbers.public_key()
    except ValueError as error:
        raise KeyUnusable("This RSA key has an impossible exponent or modulus.") from error


def _number(coded: object) -> int:
    """A Base64urlUInt (RFC 7518, 2)."""
    if not isinstance(coded, str) or not _BASE64_URL.fullmatch(coded):
        raise KeyUnusable("`n` and `e` of an RSA key are numbers in base64url.")
    try:
        raw = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
    except binascii.Error as error:
        raise KeyUnusable("`n` and `e` of an RSA key are numbers in base64url.") from error
    return int.from_bytes(raw, "big")
