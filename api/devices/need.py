"""How many devices a school needs, per class of device. Pure.

Need = enrollment x the model's ratio, plus spares, rounded up; teachers' devices likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import NamedTuple

from api.devices.rules import CountsAs

# What a school without a model waits while nothing is promised; the shipped playbooks say so too.
USUAL_LEAD_DAYS = 30

Need = Mapping[CountsAs, int]


class Ratio(NamedTuple):
    """What a playbook says of devices: pieces per person, spares on top, usual lead time."""

    per_student: Decimal
    per_teacher: Decimal
    spare_percent: int
    lead_days: int


def need_of(enrollment: int | None, teacher_count: int | None, ratio: Ratio | None) -> Need | None:
    """Pieces per class; None while it is not known: no model, or nobody counted the students.

    Teachers nobody counted need nothing yet.
    """
    if ratio is None or (enrollment is None and ratio.per_student > 0):
        return None
    return {
        CountsAs.STUDENT_DEVICE: _with_spares(enrollment or 0, ratio.per_student, ratio),
        CountsAs.TEACHER_DEVICE: _with_spares(teacher_count or 0, ratio.per_teacher, ratio),
    }


def _with_spares(people: int, each: Decimal, ratio: Ratio) -> int:
    # Exact: 100 students with 8 % spares need 108, where binary fractions would say 109.
    return ceil(people * each * (100 + ratio.spare_percent) / 100)
