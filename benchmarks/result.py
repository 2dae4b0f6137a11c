"""One row of the table: a subject's figure against its limit's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

RESULTS = Path(__file__).with_name("results.json")


@dataclass(frozen=True, slots=True)
class Result:
    """`goal` is the floor of the issue and `aim` its target, as ratios of value to limit.

    `spread` is the largest less the smallest ratio of the rounds.
    """

    name: str
    value: float
    unit: str
    limit: float
    limit_name: str
    ratio: float
    goal: float
    better: Literal["higher", "lower"]
    rounds: int
    spread: float
    aim: float | None = None

    @property
    def reached(self) -> bool:
        return self.ratio >= self.goal if self.better == "higher" else self.ratio <= self.goal


def compare(
    name: str,
    unit: str,
    pairs: Sequence[tuple[float, float]],
    *,
    limit_name: str,
    goal: float,
    better: Literal["higher", "lower"],
    aim: float | None = None,
) -> Result:
    """A result from (value, limit) pairs that were measured in turn; medians, pair by pair."""
    ratios = sorted(value / limit for value, limit in pairs)
    return Result(
        name=name,
        value=round(median(value for value, _ in pairs), 3),
        unit=unit,
        limit=round(median(limit for _, limit in pairs), 3),
        limit_name=limit_name,
        ratio=round(median(ratios), 3),
        goal=goal,
        better=better,
        rounds=len(pairs),
        spread=round(ratios[-1] - ratios[0], 3),
        aim=aim,
    )


def save(results: Sequence[Result]) -> None:
    """Write the figures of this run; those of benchmarks that were not run stay."""
    known: dict[str, dict[str, Any]] = {}
    if RESULTS.exists():
        known = {row["name"]: row for row in json.loads(RESULTS.read_text())}
    for result in results:
        row = asdict(result)
        known[result.name] = {key: value for key, value in row.items() if value is not None}
    RESULTS.write_text(json.dumps(sorted(known.values(), key=lambda row: row["name"]), indent=1))
