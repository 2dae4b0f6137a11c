"""What a school's accounts say of its readiness: how many there should be, and why so. Pure."""

from __future__ import annotations

from typing import NamedTuple

# A roster that names fewer of the enrolled may be cut short, so enrollment counts.
COVERS_PERCENT = 85
UNIT = "accounts"


class Evidence(NamedTuple):
    """`total` null: nobody knows how many students there are. `cause` is shown as `why`."""

    done: int
    total: int | None
    unit: str
    cause: str | None


def accounts_evidence(active: int, roster: int | None, enrollment: int | None) -> Evidence:
    """Active accounts of those expected.

    `roster` counts the students of the last full rosters, null where there was none. It is what
    is expected once it names at least 85 percent of enrollment; until then enrollment is.
    """
    covers = roster is not None and (
        enrollment is None or roster * 100 >= enrollment * COVERS_PERCENT
    )
    total = roster if covers else enrollment
    if total is None:
        return Evidence(active, None, UNIT, "neither enrollment nor a full roster is known")
    basis = "by the last full roster" if covers else "by enrollment"
    if roster is not None and not covers:
        basis += f"; the last full roster names {roster}, less than {COVERS_PERCENT} % of it"
    lacking = total - active
    if lacking <= 0:
        return Evidence(active, total, UNIT, f"{total} accounts expected {basis}")
    return Evidence(active, total, UNIT, f"{lacking} of {total} accounts missing {basis}")
