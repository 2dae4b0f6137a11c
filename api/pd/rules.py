"""Words of professional development, and what a registration may become. Pure."""

from __future__ import annotations

from datetime import time
from enum import StrEnum
from typing import NamedTuple


class SessionStatus(StrEnum):
    open = "open"
    completed = "completed"
    cancelled = "cancelled"


class RegistrationStatus(StrEnum):
    """`offered` keeps a seat for somebody who waited, until they accept or the offer expires.

    `trains` is the trainer's own, on no seat and in no list: who trains is nowhere else.
    """

    registered = "registered"
    waitlisted = "waitlisted"
    offered = "offered"
    attended = "attended"
    no_show = "no_show"
    cancelled = "cancelled"
    trains = "trains"


class RuleName(StrEnum):
    """The softer rules; what the database refuses (two places at once, no seat) is none of them."""

    travel = "travel"
    blackout = "blackout"
    out_of_school = "out_of_school"
    substitute = "substitute"


class Severity(StrEnum):
    block = "block"
    warn = "warn"
    ignore = "ignore"


class NoticeKind(StrEnum):
    """What somebody has to be told."""

    rescheduled = "rescheduled"
    cancelled = "cancelled"
    trainer_changed = "trainer_changed"
    offered = "offered"
    seated = "seated"
    offer_expired = "offer_expired"


class CalendarKind(StrEnum):
    school = "school"
    person = "person"
    trainer = "trainer"
    network = "network"


class Classes(NamedTuple):
    """When classes are held, as clocks at a school show: whoever is away then is missed."""

    begin: time
    end: time


class Rule(NamedTuple):
    """`limit`: minutes between places (travel), people at once (out_of_school), else none."""

    severity: Severity
    limit: int | None


# What holds where a network has said nothing.
DEFAULT_RULES: dict[RuleName, Rule] = {
    RuleName.travel: Rule(Severity.warn, 30),
    RuleName.blackout: Rule(Severity.warn, None),
    RuleName.out_of_school: Rule(Severity.warn, 5),
    RuleName.substitute: Rule(Severity.warn, None),
}
DEFAULT_OFFER_HOURS = 24
USUAL_CLASSES = Classes(time(8), time(15))
LONGEST_SESSION_HOURS = 24
# Where somebody is, so that they can be nowhere else: a waitlist entry and an offer block nobody.
PRESENT = frozenset(
    {RegistrationStatus.registered, RegistrationStatus.attended, RegistrationStatus.trains}
)
