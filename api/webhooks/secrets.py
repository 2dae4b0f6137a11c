"""Vendors' shared secrets: sealed at rest, shown once, two live while one replaces the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from api import clock
from api.db.uow import ReadSession, WriteSession
from api.devices.errors import invalid
from api.devices.models import Vendor
from api.devices.rules import Scheme
from api.errors import Invalid
from api.schools.service import locked
from api.sealing import Sealer, sealer_of
from api.settings import Settings
from api.webhooks.errors import NoSecretOfOurs
from api.webhooks.keys import KeyUnusable, key_of_secret, make_secret
from api.webhooks.models import VendorSecret
from api.webhooks.rules import secret_purpose


def sealer_for(settings: Settings) -> Sealer:
    """Raises: Invalid without a secret key, which every command that serves makes sure of."""
    if settings.secret_key is None:
        raise Invalid("FIRSTBELL_SECRET_KEY is not set: it encrypts what vendors post.")
    return sealer_of(settings.secret_key.get_secret_value())


def chosen_secret(scheme: Scheme, given: str | None) -> str:
    """The secret to use: the given one, or for Standard Webhooks one that is made.

    Raises: NoSecretOfOurs for a scheme of public keys; Invalid.
    """
    if scheme is Scheme.SHIPENGINE:
        raise NoSecretOfOurs(
            "ShipEngine signs with its own keys: give the vendor `public_keys`, the JWKS it"
            " publishes, and no secret."
        )
    if given is None:
        if scheme is not Scheme.STANDARD:
            detail = f"Give the secret that signs the webhooks of {scheme}, as its pages show it."
            raise invalid("/secret", "missing", detail)
        return make_secret()
    try:
        key_of_secret(scheme, given)
    except KeyUnusable as error:
        raise invalid("/secret", "secret-unusable", str(error)) from error
    return given


def seal_secret(sealer: Sealer, vendor_id: UUID, secret: str, by: str) -> VendorSecret:
    """A row for a vendor's new secret."""
    return VendorSecret(
        vendor_id=vendor_id,
        sealed=sealer.seal(secret.encode(), secret_purpose(vendor_id)),
        created_at=clock.now(),
        created_by=by,
    )


async def rotate_secret(
    session: WriteSession, sealer: Sealer, vendor: Vendor, given: str | None, overlap: timedelta
) -> tuple[str, datetime | None]:
    """Put a new secret beside the newest, which stays good for `overlap`; older ones end now.

    Gives the secret, and when the one before retires (None: none is left).
    Raises: NoSecretOfOurs; Invalid; PreconditionFailed when others change the vendor.
    """
    secret = chosen_secret(Scheme(vendor.scheme), given)
    vendor = await locked(session, vendor, vendor.id)
    now = clock.now()
    live = (await live_secrets(session, [vendor.id], now)).get(vendor.id, [])
    stays = live[:1] if overlap else []
    for one in stays:
        one.retires_at = now + overlap
    await session.flush()
    await session.execute(
        delete(VendorSecret).where(
            col(VendorSecret.vendor_id) == vendor.id,
            col(VendorSecret.id).not_in([one.id for one in stays]),
        )
    )
    session.add(seal_secret(sealer, vendor.id, secret, session.actor))
    # Whoever knows the vendor as it was looks again before the next event is kept.
    vendor.version += 1
    vendor.updated_at = now
    await session.flush()
    return secret, stays[0].retires_at if stays else None


async def live_secrets(
    session: ReadSession, vendor_ids: Iterable[UUID], now: datetime
) -> dict[UUID, list[VendorSecret]]:
    """The secrets that are good at `now`, newest first, of each vendor that has any."""
    statement = (
        select(VendorSecret)
        .where(col(VendorSecret.vendor_id).in_(list(vendor_ids)))
        .order_by(col(VendorSecret.created_at).desc(), col(VendorSecret.id).desc())
    )
    found: dict[UUID, list[VendorSecret]] = {}
    for one in (await session.scalars(statement)).all():
        if one.retires_at is None or now < one.retires_at:
            found.setdefault(one.vendor_id, []).append(one)
    return found


async def purge_retired(session: WriteSession, now: datetime) -> int:
    """Delete the secrets that have retired by `now`; gives how many."""
    gone = await session.execute(
        delete(VendorSecret)
        .where(col(VendorSecret.retires_at) <= now)
        .returning(col(VendorSecret.id))
    )
    return len(gone.all())


def opened(sealer: Sealer, secrets: Sequence[VendorSecret]) -> str | None:
    """The newest secret as text; None when there is none. Raises: Unsealable."""
    if not secrets:
        return None
    return sealer.open(secrets[0].sealed, secret_purpose(secrets[0].vendor_id)).decode()
