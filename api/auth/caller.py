"""Who is calling, what they may do, and which rows they may see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, true
from sqlalchemy.orm import Mapped

from api.auth.rules import Grant, Right, Role
from api.errors import Forbidden, NotFound

Column = ColumnElement[Any] | Mapped[Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """The user or token behind a request.

    `actor` is `user:<uuid>` or `token:<uuid>`. `network_id` is `None` for every network;
    `school_ids` is `None` for all schools of its network(s); an empty set sees no school.
    """

    actor: str
    name: str
    role: Role
    rights: frozenset[Right]
    network_id: UUID | None
    school_ids: frozenset[UUID] | None
    sees_names: bool

    @property
    def grant(self) -> Grant:
        return Grant(self.rights, self.network_id, self.school_ids, self.sees_names)

    def may(self, right: Right) -> bool:
        return right in self.rights

    def require(self, right: Right) -> None:
        """Raises: Forbidden naming the right."""
        if right not in self.rights:
            raise Forbidden(f"This needs the right {right}, which you do not have.", right=right)

    def require_everywhere(self) -> None:
        """For what belongs to no network (a new network, the shared catalogue).

        Raises: Forbidden for a caller limited to a network or to schools.
        """
        if self.network_id is not None or self.school_ids is not None:
            raise Forbidden("This concerns every network, and you are limited to one.")

    def require_whole_networks(self) -> None:
        """For what is never a single school's, such as users.

        Raises: Forbidden for a caller limited to schools.
        """
        if self.school_ids is not None:
            raise Forbidden("This concerns a whole network, and you are limited to schools.")

    def require_network(self, network_id: UUID) -> None:
        """For what concerns a whole network.

        Raises: NotFound when the caller may not see it; Forbidden when limited to schools of it.
        """
        if not sees(self, network_id):
            raise NotFound
        self.require_whole_networks()

    def require_school(self, network_id: UUID, school_id: UUID) -> None:
        """Raises: NotFound when the school is not one of the caller's."""
        if not sees(self, network_id, school_id):
            raise NotFound


def visible(
    caller: Caller, network_column: Column, school_column: Column | None = None
) -> ColumnElement[bool]:
    """The visibility predicate over given columns, for a `where`.

    Without a school column the rows are their network's: a caller limited to schools sees those
    of its network. With one, rows that name no school are hidden from such a caller.
    """
    conditions: list[ColumnElement[bool]] = []
    if caller.network_id is not None:
        conditions.append(network_column == caller.network_id)
    if caller.school_ids is not None and school_column is not None:
        conditions.append(school_column.in_(sorted(caller.school_ids)))
    return and_(true(), *conditions)


def sees(caller: Caller, network_id: UUID | None, school_id: UUID | None = None) -> bool:
    """What `visible` says, of one row: without a school, whether its network is the caller's."""
    if caller.network_id is not None and network_id != caller.network_id:
        return False
    return caller.school_ids is None or school_id is None or school_id in caller.school_ids
