"""What a kind of target has to do: the one door through which accounts leave.

Adding another kind is one file that has these methods, and a line in `sync.ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol
from uuid import UUID

from api.accounts.targets.rules import FAILURES_TO_OPEN, Action, Desired, Outcome, Policy

# Gives back when the next call may begin; a call that stands for many accounts asks for as many.
Pacing = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Person:
    """All that a target is ever told of a student. `number` is the source's id of them."""

    username: str
    given_name: str
    family_name: str
    email: str | None
    number: str


@dataclass(frozen=True, slots=True)
class Order:
    """What one row of the queue asks for; `person` is null where the account is gone.

    `doubtful`: look for the account before making it. `remote_id` and `etag` are the target's.
    `password` is the initial one, in clear, so it is in no text of this object. Whoever makes the
    account sends it; an account that is there already is sent it only where it `is_news` to it.
    """

    account_id: UUID
    action: Action
    desired: Desired
    person: Person | None
    remote_id: str | None = None
    remote_name: str | None = None
    etag: str | None = None
    doubtful: bool = False
    password: str | None = field(default=None, repr=False)
    is_news: bool = True

    @property
    def key(self) -> str:
        """By which the target and we call the same account; says nothing of whose it is."""
        return str(self.account_id)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an order. `error` is a stable code, never text of the target's.

    `outage`: it says more about the target than about this account. `refused`: our credentials
    are. `hold_seconds`: the target asked not to be called before then. `told`: the target took the
    password that the order had. `found`: the account was there before us.
    """

    account_id: UUID
    outcome: Outcome
    remote_id: str | None = None
    remote_name: str | None = None
    etag: str | None = None
    error: str | None = None
    doubtful: bool = False
    outage: bool = False
    refused: bool = False
    hold_seconds: float | None = None
    told: bool = False
    found: bool = False


@dataclass(frozen=True, slots=True)
class Remote:
    """An account as the target gives it out; `fields` are those that we send, by their names."""

    remote_id: str
    key: str | None
    name: str
    etag: str | None
    fields: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Connection:
    """What an adapter needs to know of a target."""

    base_url: str
    token: str | None
    policy: Policy
    concurrency: int
    offers: dict[str, Any] | None
    may_be_private: bool


@dataclass(slots=True)
class Fuse:
    """Whether a target may still be asked, as those who ask it find out together.

    `failures` counts what failed in a row and said more about the target than about an account;
    after `limit` of them, a refusal of our credentials, or a plea to wait, it is blown. `ends` is
    when nothing more is begun, in seconds of the event loop's clock.
    """

    ends: float
    limit: int = FAILURES_TO_OPEN
    failures: int = 0
    refused: bool = False
    hold_seconds: float | None = None
    error: str | None = None

    def note(self, result: Result) -> None:
        if result.refused or result.hold_seconds is not None or result.outage:
            self.error = result.error
        if result.refused:
            self.refused = True
        elif result.hold_seconds is not None:
            self.hold_seconds = max(self.hold_seconds or 0.0, result.hold_seconds)
        elif result.outage:
            self.failures += 1
        elif result.outcome is not Outcome.untried:
            self.failures = 0

    @property
    def tripped(self) -> bool:
        return self.failures >= self.limit

    def blown(self, now: float) -> bool:
        return self.refused or self.tripped or self.hold_seconds is not None or now >= self.ends


class TargetFails(Exception):
    """The target as a whole cannot be worked with now: `code` says why, `refused` that our
    credentials are, `hold_seconds` (with code `held`) that it asked to be left alone.
    """

    def __init__(
        self, code: str, *, refused: bool = False, hold_seconds: float | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.refused, self.hold_seconds = code, refused, hold_seconds


class Adapter(Protocol):
    """A conversation with one target; entered once for many orders."""

    async def __aenter__(self) -> Adapter: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    @property
    def offers(self) -> dict[str, Any]:
        """What discovery said, as far as behaviour has not shown otherwise; kept for next time."""

    @property
    def most_at_once(self) -> int:
        """How many orders `carry_out` may be given; 1 where the target takes one at a time."""

    async def carry_out(self, orders: Sequence[Order]) -> list[Result]:
        """One result for each order; never raises for what a target does."""

    def read_back(self) -> AsyncIterator[list[Remote]]:
        """Every account of the target, page by page. Raises: TargetFails."""

    def differing(self, order: Order, remote: Remote) -> list[str]:
        """The names of the fields that are not there as the order would have them."""
