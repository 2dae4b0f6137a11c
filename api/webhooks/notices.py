"""Telling open pages that the inbox changed: on the channel that wakes workers, with a payload."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text

from api.db.uow import WriteSession
from api.webhooks.backlog import Item

# What has a payload wakes no worker; the event stream passes it on to who may see it.
_TELL = text("SELECT pg_notify('inbox', :networks)")
_OF_NO_NETWORK = "-"
# A notification holds at most 8,000 bytes.
_NAMED_IN_NOTICE = 200


async def tell_pages(session: WriteSession, settled: Iterable[Item]) -> None:
    """Name the networks whose events were settled, with the commit; `*` for very many."""
    named = {str(item.network_id or _OF_NO_NETWORK) for item in settled}
    networks = ",".join(sorted(named)) if len(named) <= _NAMED_IN_NOTICE else "*"
    await session.execute(_TELL, {"networks": networks})
