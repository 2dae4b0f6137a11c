"""What a network says of PD: how strict its rules are, how a freed seat is filled, when classes
are held.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from api.db.uow import ReadSession, WriteSession
from api.pd.models import RuleSetting, WaitlistSetting
from api.pd.rules import (
    DEFAULT_OFFER_HOURS,
    DEFAULT_RULES,
    USUAL_CLASSES,
    Classes,
    Rule,
    RuleName,
    Severity,
)
from api.pd.schemas import ClassesOut, RuleOut, RulesIn, RulesOut


class Settings(NamedTuple):
    rules: Mapping[RuleName, Rule]
    offer_hours: int = DEFAULT_OFFER_HOURS
    seat_at_once: bool = False
    classes: Classes = USUAL_CLASSES


async def read_settings(session: ReadSession, network_id: UUID) -> Settings:
    """What holds in a network: what it said, else the default."""
    rows = await session.scalars(
        select(RuleSetting).where(col(RuleSetting.network_id) == network_id)
    )
    said = {RuleName(one.rule): Rule(Severity(one.severity), one.limit) for one in rows}
    waitlist = await session.get(WaitlistSetting, network_id)
    rules = DEFAULT_RULES | said
    if waitlist is None:
        return Settings(rules)
    classes = Classes(waitlist.classes_begin, waitlist.classes_end)
    return Settings(rules, waitlist.offer_hours, waitlist.seat_at_once, classes)


async def write_settings(session: WriteSession, network_id: UUID, given: RulesIn) -> Settings:
    """All of them at once; what is left out is at its default again."""
    await session.execute(delete(RuleSetting).where(col(RuleSetting.network_id) == network_id))
    for one in given.rules:
        session.add(
            RuleSetting(
                network_id=network_id, rule=one.rule, severity=one.severity, limit=one.limit
            )
        )
    waitlist = WaitlistSetting(
        network_id=network_id,
        offer_hours=given.offer_hours,
        seat_at_once=given.seat_at_once,
        classes_begin=time.fromisoformat(given.classes.begin),
        classes_end=time.fromisoformat(given.classes.end),
    )
    await session.merge(waitlist)
    await session.flush()
    return await read_settings(session, network_id)


def rules_out(settings: Settings) -> RulesOut:
    return RulesOut(
        rules=[
            RuleOut(rule=name, severity=rule.severity, limit=rule.limit)
            for name, rule in settings.rules.items()
        ],
        offer_hours=settings.offer_hours,
        seat_at_once=settings.seat_at_once,
        classes=ClassesOut(
            begin=f"{settings.classes.begin:%H:%M}", end=f"{settings.classes.end:%H:%M}"
        ),
    )
