"""Rows of a target's queue as they were when they were taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from api.accounts.targets.adapter import Order, Person
from api.accounts.targets.rules import Desired, Observed, action_of


class Leased(NamedTuple):
    """A row that was taken, as it was then. `digest` is of the names in `order`.

    `password_made_at` is of the initial password that was live, at a target that is sent them;
    `unreadable`: it was sealed under another secret key.
    """

    order: Order
    digest: int | None
    attempts: int
    password_made_at: datetime | None = None
    unreadable: bool = False


class Lease(NamedTuple):
    """The rows that were taken together, at a moment."""

    id: UUID
    at: datetime
    rows: list[Leased]


def leased(row: tuple[Any, ...]) -> Leased:
    """A row as `_TAKE` selects it."""
    account_id, desired, digest, observed, remote_id, remote_name, etag, attempts, doubtful = row[
        :9
    ]
    username, given_name, family_name, email, number = row[9:]
    desired = Desired(desired)
    person = None
    if given_name is not None:
        person = Person(username or "", given_name, family_name, email, number)
    order = Order(
        account_id=account_id,
        action=action_of(desired, Observed(observed), known=remote_id is not None),
        desired=desired,
        person=person,
        remote_id=remote_id,
        remote_name=remote_name,
        etag=etag,
        # Nobody is made in order to be suspended: only an account that is there is.
        doubtful=doubtful or (remote_id is None and desired is Desired.suspended),
    )
    return Leased(order, digest, attempts)
