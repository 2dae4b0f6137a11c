"""Making, changing and showing vendors, with how their events fare."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlmodel import col

from api import clock
from api.auth.caller import Caller
from api.auth.rules import Right
from api.db.paging import Page, PageRequest, page_of
from api.db.uow import ReadSession, WriteSession
from api.devices.errors import invalid
from api.devices.models import Vendor, VendorTracks
from api.devices.rules import Scheme, VendorKind
from api.schools.service import changed_fields, flush, locked, write_changes
from api.sealing import Sealer
from api.webhooks.errors import SlugTaken
from api.webhooks.keys import KeyUnusable, public_keys_of
from api.webhooks.models import WebhookEvent
from api.webhooks.rules import Outcome
from api.webhooks.schemas import (
    HealthOut,
    KeySetIn,
    LiveSecretOut,
    VendorIn,
    VendorOut,
    VendorPatch,
)
from api.webhooks.secrets import chosen_secret, live_secrets, seal_secret

HEALTH_WINDOW = timedelta(hours=24)
_SORTS = {name: getattr(Vendor, name) for name in ("slug", "name", "created_at")}
_VENDOR_ID: Any = col(Vendor.id)


def manages(caller: Caller) -> bool:
    """Vendors belong to no network, so only who is limited to none manages them."""
    unlimited = caller.network_id is None and caller.school_ids is None
    return unlimited and caller.may(Right.vendors_manage)


async def add_vendor(
    session: WriteSession, caller: Caller, sealer: Sealer, given: VendorIn
) -> tuple[Vendor, str | None]:
    """A vendor, and its secret to be shown once (None: it signs with keys of its own).

    Raises: Forbidden for a caller limited to a network; SlugTaken; NoSecretOfOurs; Invalid.
    """
    caller.require_everywhere()
    jwks = _key_set(given.scheme, given.public_keys)
    secret = None
    if given.secret is not None or given.scheme is not Scheme.SHIPENGINE:
        secret = chosen_secret(given.scheme, given.secret)
    now = clock.now()
    vendor = Vendor(
        slug=given.slug,
        name=given.name,
        kind=given.kind,
        scheme=given.scheme,
        public_keys=jwks,
        created_at=now,
        updated_at=now,
    )
    session.add(vendor)
    taken = SlugTaken(f"Another vendor has the slug {given.slug}; choose a different one.")
    await flush(session, {"uq_vendors_slug": taken})
    if secret is not None:
        session.add(seal_secret(sealer, vendor.id, secret, session.actor))
    await _set_tracks(session, vendor, given.tracks)
    await session.flush()
    return vendor, secret


async def change_vendor(
    session: WriteSession, caller: Caller, vendor: Vendor, patch: VendorPatch
) -> Vendor:
    """Raises: Forbidden for a caller limited to a network; PreconditionFailed; Invalid."""
    caller.require_everywhere()
    given = patch.changes()
    tracks = given.pop("tracks", None)
    if patch.public_keys is not None:
        given["public_keys"] = _key_set(Scheme(vendor.scheme), patch.public_keys)
    vendor = await locked(session, vendor, vendor.id)
    changes = changed_fields(vendor, given)
    if tracks is not None and await _set_tracks(session, vendor, tracks):
        changes.setdefault("name", vendor.name)
    if changes:
        write_changes(vendor, changes)
    await session.flush()
    return vendor


def _key_set(scheme: Scheme, given: KeySetIn | None) -> dict[str, object] | None:
    """The public keys as they are kept. Raises: Invalid where they are missing or of no use."""
    if scheme is not Scheme.SHIPENGINE:
        if given is not None:
            raise invalid("/public_keys", "not-used", f"{scheme} signs with a secret, not a key.")
        return None
    if given is None:
        detail = "ShipEngine signs with its own keys: give the JWKS that it publishes."
        raise invalid("/public_keys", "missing", detail)
    jwks: dict[str, object] = given.model_dump(mode="json")
    try:
        public_keys_of(jwks)
    except KeyUnusable as error:
        raise invalid("/public_keys", "key-unusable", str(error)) from error
    return jwks


async def _set_tracks(session: WriteSession, tracker: Vendor, slugs: Collection[str]) -> bool:
    """Let a tracker speak about these sellers and no others; whether that is new.

    Raises: Invalid.
    """
    wanted = set(slugs)
    if wanted and tracker.kind != VendorKind.TRACKER:
        raise invalid("/tracks", "not-a-tracker", "Only a tracker reports on other sellers.")
    statement = select(Vendor).where(
        col(Vendor.slug).in_(wanted), col(Vendor.kind) == VendorKind.SELLER
    )
    sellers = {one.slug: one.id for one in (await session.scalars(statement)).all()}
    if unknown := sorted(wanted - sellers.keys()):
        shown = ", ".join(unknown[:20])
        raise invalid("/tracks", "seller-unknown", f"These are no sellers here: {shown}.")
    mine = col(VendorTracks.tracker_id) == tracker.id
    before = set((await session.scalars(select(col(VendorTracks.seller_id)).where(mine))).all())
    after = set(sellers.values())
    if before - after:
        gone = delete(VendorTracks).where(mine, col(VendorTracks.seller_id).in_(before - after))
        await session.execute(gone)
    session.add_all(
        VendorTracks(tracker_id=tracker.id, seller_id=seller) for seller in sorted(after - before)
    )
    return before != after


async def list_vendors(session: ReadSession, page: PageRequest) -> Page[Vendor]:
    return await page_of(session, select(Vendor), page, _SORTS, _VENDOR_ID)


async def show_vendors(
    session: ReadSession, caller: Caller, vendors: Sequence[Vendor], address: str
) -> list[VendorOut]:
    """Vendors as the caller may see them; `address` is where this service is reached."""
    ids = [vendor.id for vendor in vendors]
    tracks = await _tracks_of(session, ids)
    shown = [_vendor_out(one, tracks.get(one.id, []), address) for one in vendors]
    if manages(caller):
        now = clock.now()
        health, live = await health_of(session, ids, now), await live_secrets(session, ids, now)
        for vendor, out in zip(vendors, shown, strict=True):
            out.health, out.public_keys = health[vendor.id], vendor.public_keys
            out.secrets = [
                LiveSecretOut(created_at=one.created_at, retires_at=one.retires_at)
                for one in live.get(vendor.id, [])
            ]
    return shown


def _vendor_out(vendor: Vendor, tracks: list[str], address: str) -> VendorOut:
    return VendorOut(
        id=vendor.id,
        slug=vendor.slug,
        name=vendor.name,
        kind=VendorKind(vendor.kind),
        scheme=Scheme(vendor.scheme),
        tracks=tracks,
        url=f"{address}/v1/webhooks/{vendor.slug}",
        version=vendor.version,
        created_at=vendor.created_at,
        updated_at=vendor.updated_at,
    )


async def _tracks_of(session: ReadSession, ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    statement = (
        select(col(VendorTracks.tracker_id), col(Vendor.slug))
        .join(Vendor, col(Vendor.id) == col(VendorTracks.seller_id))
        .where(col(VendorTracks.tracker_id).in_(list(ids)))
        .order_by(col(Vendor.slug))
    )
    found: dict[UUID, list[str]] = {}
    for tracker_id, slug in (await session.execute(statement)).all():
        found.setdefault(tracker_id, []).append(slug)
    return found


async def health_of(
    session: ReadSession, ids: Sequence[UUID], now: datetime
) -> dict[UUID, HealthOut]:
    """How each vendor's events fare, in three statements however many vendors there are."""
    mine, recent = col(WebhookEvent.vendor_id).in_(ids), col(WebhookEvent.received_at)
    of_window = (mine, recent > now - HEALTH_WINDOW)
    last = select(col(WebhookEvent.vendor_id), func.max(recent)).where(mine)
    lasts = await session.execute(last.group_by(col(WebhookEvent.vendor_id)))
    counted = select(
        col(WebhookEvent.vendor_id),
        col(WebhookEvent.outcome),
        func.count(),
        func.sum(col(WebhookEvent.deliveries) - 1),
    ).where(*of_window)
    counts = await session.execute(
        counted.group_by(col(WebhookEvent.vendor_id), col(WebhookEvent.outcome))
    )
    delay = func.extract("epoch", col(WebhookEvent.settled_at) - recent)
    median = select(
        col(WebhookEvent.vendor_id), func.percentile_cont(0.5).within_group(delay)
    ).where(*of_window, col(WebhookEvent.settled_at).is_not(None))
    medians = await session.execute(median.group_by(col(WebhookEvent.vendor_id)))
    found = {
        one: HealthOut(
            last_event_at=None, outcomes={}, failures=0, repeats=0, median_delay_seconds=None
        )
        for one in ids
    }
    for vendor_id, at in lasts:
        found[vendor_id].last_event_at = at
    for vendor_id, outcome, count, repeats in counts:
        health = found[vendor_id]
        health.outcomes[Outcome(outcome)] = count
        health.failures += count if outcome == Outcome.FAILED else 0
        health.repeats += repeats
    for vendor_id, seconds in medians:
        found[vendor_id].median_delay_seconds = round(float(seconds), 3)
    return found
