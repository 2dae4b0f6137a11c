"""Which pieces of a line another line may stand in for, and whose they are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID


@dataclass(slots=True)
class Remainder:
    """What of a line has neither come nor is in a shipment: only that can be substituted.

    `free` pieces no school is planned to get; `schools` are the movable pieces by school, of
    those that have any. `pieces` may be fewer than both together, when some are at a site for
    schools.
    """

    pieces: int
    free: int
    schools: dict[UUID, int] = field(default_factory=dict)

    def shares_of(self, pieces: int) -> dict[UUID, int]:
        """Of each school as large a part of its movable pieces; what no school has comes last.

        The fractions go to those of whom most was cut off.
        """
        total = sum(self.schools.values())
        if pieces >= total:
            return dict(self.schools)
        exact = {school: divmod(pieces * most, total) for school, most in self.schools.items()}
        left = pieces - sum(whole for whole, _ in exact.values())
        ranked = sorted(exact, key=lambda school: (-exact[school][1], school))
        shares = {school: whole for school, (whole, _) in exact.items()}
        for school in ranked[:left]:
            shares[school] += 1
        return {school: share for school, share in shares.items() if share}

    def taken_for(self, plan: Mapping[UUID, int]) -> dict[UUID, int]:
        """What schools give up when the substitute goes to them by this plan."""
        shares = {one: min(pieces, self.schools.get(one, 0)) for one, pieces in plan.items()}
        return {school: share for school, share in shares.items() if share}

    def take(self, pieces: int, shares: Mapping[UUID, int]) -> None:
        """Take pieces away, these of them from schools. They have to be there."""
        self.pieces -= pieces
        self.free -= pieces - sum(shares.values())
        for school, share in shares.items():
            self.schools[school] -= share
            if not self.schools[school]:
                del self.schools[school]
