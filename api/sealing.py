"""Encryption of secrets at rest: AES-256-GCM (NIST SP 800-38D) under a key made of ours.

What is sealed for one purpose does not open for another, so a value copied to another row or
table is refused instead of believed.
"""

from __future__ import annotations

import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class Unsealable(Exception):
    """It was sealed with another secret key, for another purpose, or has been changed."""


class Sealer:
    """Seals and opens bytes under `FIRSTBELL_SECRET_KEY`."""

    def __init__(self, secret_key: str) -> None:
        key = HKDF(SHA256(), 32, None, b"firstbell at rest, 1").derive(secret_key.encode())
        self._cipher = AESGCM(key)

    def seal(self, data: bytes, purpose: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, purpose)

    def open(self, sealed: bytes, purpose: bytes) -> bytes:
        """Raises: Unsealable."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
        except (InvalidTag, ValueError) as error:
            raise Unsealable from error


@lru_cache(maxsize=4)
def sealer_of(secret_key: str) -> Sealer:
    """The sealer of a secret key, derived once a process."""
    return Sealer(secret_key)
