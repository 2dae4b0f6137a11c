"""What the clock does for the devices room: lead times are learned anew every night."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from api.db.pool import Database
from api.db.uow import WriteSession, reading, transact
from api.devices.lead_times import learn_lead_times
from api.devices.models import Vendor


async def learn(database: Database) -> None:
    """Vendor by vendor, each in a transaction of its own: none waits for another's schools."""
    async with reading(database) as session:
        vendors = (await session.scalars(select(col(Vendor.id)).order_by(col(Vendor.id)))).all()
    for vendor_id in vendors:
        await transact(database, "job:learn", partial(_learn, vendor_id))


async def _learn(vendor_id: UUID, session: WriteSession) -> int:
    return await learn_lead_times(session, vendor_id)
