"""Facts: what has happened, told upward without importing upward.

A room publishes a frozen, past-tense dataclass inside its transaction; `wiring` holds the one
table of who listens. A listener runs in the same transaction, so either all of it happened
or none of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

Listener = Callable[[Any, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SchoolAdded:
    """A school now exists; the last three open its first rollout when any is given."""

    school_id: UUID
    network_id: UUID
    model: str | None = None
    first_bell: date | None = None
    wave: str | None = None


@dataclass(frozen=True, slots=True)
class EnrollmentChanged:
    """Students or teachers of a school were recounted: need and thresholds move with them."""

    school_id: UUID
    enrollment: int | None
    teacher_count: int | None


@dataclass(frozen=True, slots=True)
class SchoolsAdded:
    """An import made these schools: told at once, since 20,000 facts would be 20,000 statements."""

    schools: tuple[SchoolAdded, ...]


@dataclass(frozen=True, slots=True)
class EnrollmentsChanged:
    """An import recounted these schools."""

    schools: tuple[EnrollmentChanged, ...]


@dataclass(frozen=True, slots=True)
class RolloutWished:
    """What an import's row says of a known school's rollout; null means nothing was said."""

    school_id: UUID
    model: str | None = None
    first_bell: date | None = None
    wave: str | None = None


@dataclass(frozen=True, slots=True)
class RolloutsProposed:
    """Asked before an import writes, in a dry run too: which wishes would change something?

    A listener adds the ids of schools whose rollout differs from the wish to `differing`, and
    writes nothing.
    """

    wishes: tuple[RolloutWished, ...]
    differing: set[UUID] = field(default_factory=set, compare=False)


@dataclass(frozen=True, slots=True)
class RolloutsWished:
    """The wishes that differ, to be carried out. The import already holds these schools."""

    wishes: tuple[RolloutWished, ...]


@dataclass(frozen=True, slots=True)
class StaffChanged:
    """Someone joined, left or changed role at a school."""

    school_id: UUID


@dataclass(frozen=True, slots=True)
class StaffsChanged:
    """A roster brought or changed the staff of these schools."""

    school_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class PlaybookApplied:
    """A playbook's tasks are now in these schools' rollouts."""

    school_ids: tuple[UUID, ...]
    playbook: str
    version: int


@dataclass(frozen=True, slots=True)
class RolloutsChanged:
    """Another model was chosen for these schools, or a rollout of theirs began or was closed."""

    school_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class ReceivingChanged:
    """A network counts deliveries in another way: so does every order without a word of its own."""

    network_id: UUID


@dataclass(frozen=True, slots=True)
class OrderPlaced:
    """An order stands with its seller, so what the seller told of it before can be applied."""

    order_id: UUID
    network_id: UUID
    vendor_id: UUID
    number_key: str


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """An order has other lines, or goes to other schools, than before."""

    order_id: UUID


@dataclass(frozen=True, slots=True)
class ShipmentsOpened:
    """These shipments are known now, so what carriers told of them before can be applied."""

    shipment_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class EvidenceStated:
    """A person said what is known of a school's task; records may say something of that kind."""

    school_id: UUID
    task_id: UUID
    kind: str


class Bus:
    """Who listens to which fact. Filled once by `wiring`, then only read."""

    def __init__(self) -> None:
        self._listeners: dict[type, list[Listener]] = {}

    def subscribe(self, fact: type, listener: Listener) -> None:
        self._listeners.setdefault(fact, []).append(listener)

    async def publish(self, session: Any, fact: object) -> None:
        for listener in self._listeners.get(type(fact), ()):
            await listener(session, fact)
