"""What this process knows of vendors: how each signs, kept so that intake need not ask each time.

It may be out of date, and that is harmless: the statement that stores an event compares the
vendor's version, and a signature that fails is tried once more with what is read anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from api.db.pool import Database
from api.devices.errors import vendor_not_found
from api.devices.rules import Scheme
from api.sealing import Sealer, Unsealable
from api.webhooks.keys import Keys, key_of_secret, public_keys_of
from api.webhooks.rules import is_slug, secret_purpose

_log = logging.getLogger(__name__)
_READ = b"""
SELECT v.id, v.version, v.scheme, v.public_keys, s.sealed, s.retires_at FROM vendors v
LEFT JOIN vendor_secrets s ON s.vendor_id = v.id WHERE v.slug = %s
"""
# Bad signatures let a vendor be read so often at once, and then so often a second; anybody can
# send them, and each would cost a select.
_BURST = 10.0
_PER_SECOND = 5.0


@dataclass(frozen=True, slots=True)
class KnownVendor:
    """A vendor as it was at `version`; `secrets` with the moment each retires."""

    id: UUID
    slug: str
    scheme: Scheme
    version: int
    secrets: tuple[tuple[bytes, datetime | None], ...]
    public: Mapping[bytes, RSAPublicKey]

    def keys(self, now: datetime) -> Keys:
        """What may be signed with at this moment."""
        live = [key for key, retires_at in self.secrets if retires_at is None or now < retires_at]
        return Keys(live, self.public)


class KnownVendors:
    """Vendors by slug, each read when it is first asked for."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._by_slug: dict[str, KnownVendor] = {}
        self._allowed: dict[str, tuple[float, float]] = {}

    async def find(self, slug: str) -> KnownVendor:
        """Raises: VendorNotFound; unknown slugs are not remembered, or they would fill memory."""
        return self._by_slug.get(slug) or await self.read(slug)

    async def read(self, slug: str) -> KnownVendor:
        """The vendor as it is now. Raises: VendorNotFound."""
        rows = []
        if is_slug(slug):
            async with self._database.raw() as connection:
                rows = await (await connection.execute(_READ, (slug,))).fetchall()
        if not rows:
            self._by_slug.pop(slug, None)
            raise vendor_not_found(slug)
        vendor_id, version, scheme, jwks, _, _ = rows[0]
        known = KnownVendor(
            id=vendor_id,
            slug=slug,
            scheme=Scheme(scheme),
            version=version,
            secrets=tuple(
                (key, retires_at)
                for *_, sealed, retires_at in rows
                if sealed is not None and (key := self._open(slug, vendor_id, scheme, sealed))
            ),
            public=public_keys_of(jwks) if jwks else {},
        )
        self._by_slug[slug] = known
        return known

    async def read_after_refusal(self, refused: KnownVendor) -> KnownVendor | None:
        """The vendor when it is another by now; None when it is not, or was asked too often."""
        now = time.monotonic()
        left, since = self._allowed.get(refused.slug, (_BURST, now))
        left = min(_BURST, left + (now - since) * _PER_SECOND)
        if left < 1:
            return None
        self._allowed[refused.slug] = (left - 1, now)
        fresh = await self.read(refused.slug)
        return fresh if fresh.version != refused.version else None

    def _open(self, slug: str, vendor_id: UUID, scheme: str, sealed: bytes) -> bytes | None:
        try:
            secret = self._sealer.open(sealed, secret_purpose(vendor_id))
        except Unsealable:
            _log.error(
                "a secret of the vendor %s was sealed with another FIRSTBELL_SECRET_KEY; give the"
                " vendor a new secret, or start with the key it was made with",
                slug,
            )
            return None
        return key_of_secret(Scheme(scheme), secret.decode())
