"""What checks ask of schools: the published formulas, their bands, and what is not known."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from api.infrastructure.check_schemas import BandedIn, CheckIn, CheckPatch
from api.infrastructure.shipped_checks import shipped_checks
from api.infrastructure.thresholds import Needed, School, needed, not_applicable
from api.infrastructure.units import converted, normal_unit
from api.tasks.playbooks import shipped_playbooks

# SETDA's targets for 2017-18, for a network that is not there yet.
EARLIER = {
    "kind": "banded",
    "per": "user",
    "bands": [
        {"below": 1000, "value": 1.5, "at_least": 100},
        {"below": 10001, "value": 1.0},
        {"value": 0.7},
    ],
}


def threshold_of(slug: str) -> dict[str, Any]:
    check = next(one for one in shipped_checks() if one.slug == slug)
    dumped: dict[str, Any] = check.threshold.model_dump(mode="json", exclude_none=True)
    return dumped


def asks(threshold: dict[str, Any], users: int) -> Decimal | None:
    return needed(threshold, School("A", students=users - 20, teachers=15, other_users=5)).value


@pytest.mark.parametrize(("users", "mbps"), [(400, 1720), (50, 300), (3000, 9000), (12000, 24000)])
def test_internet_capacity_follows_the_published_bands(users: int, mbps: int) -> None:
    """The vectors are those of the standard's tables: 4.3, 3.0 and 2.0 Mbps for each user."""
    assert asks(threshold_of("internet_bandwidth"), users) == mbps


def test_the_earlier_target_and_the_fccs_are_one_definition_away() -> None:
    assert asks(EARLIER, 400) == 600
    assert asks(EARLIER, 50) == 100
    assert asks(threshold_of("internet_bandwidth_fcc"), 400) == 400
    assert asks(threshold_of("wan_capacity"), 1000) == 10_000


def test_bands_change_where_they_say() -> None:
    """SETDA leaves out what is between its sizes; docs/checks.md says what was chosen."""
    threshold = threshold_of("internet_bandwidth")
    assert asks(threshold, 999) == Decimal("4295.7")
    assert asks(threshold, 1000) == 3000
    assert asks(threshold, 10_000) == 30_000
    assert asks(threshold, 10_001) == 20_002


def test_the_arithmetic_is_told() -> None:
    threshold = threshold_of("internet_bandwidth")
    assert needed(threshold, School("A", 375, 25)).how == "400 users x 4.3"
    small = needed(threshold, School("A", 45, 5))
    assert small.how == "50 users x 4.3 is less than the least, 300"
    unknown = needed(threshold, School("A", None, 25))
    assert unknown == (None, "the enrollment of A is not known; set it on the school")
    rooms = {"kind": "per_room", "value": 1}
    assert needed(rooms, School("A", 375, 25, rooms=1)) == Needed(Decimal(1), "1 room x 1")
    assert needed(rooms, School("A", 375, 25)).value is None


def test_a_rule_says_whom_a_check_concerns() -> None:
    only = {"models": ["one_to_one"], "min_students": 100}
    there = School("A", 375, model="one_to_one")
    assert not_applicable(only, there) is None
    lab = School("A", 375, model="lab_rotation")
    assert not_applicable(only, lab) == "asked of one to one only, and A runs lab rotation"
    small = School("A", 99, model="one_to_one")
    assert not_applicable(only, small) == "asked from 100 students on, and A has 99"
    # Nobody has said what would let it off.
    assert not_applicable(only, School("A")) is None
    assert not_applicable({}, lab) is None


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "same"),
    [
        ("1.8", "Gbps", "Mbps", "1800"),
        ("997402597.4", "bps", "Mbps", "997.402597"),
        ("0.95", "ratio", "percent", "95"),
        ("0.02", "s", "ms", "20"),
        ("-67", "dBm", "dBm", "-67"),
        ("-67", "dBm", "dB", None),
        ("3", "rooms", "devices", None),
        ("3", "Mbps", "percent", None),
    ],
)
def test_units_of_a_family_are_converted(
    value: str, unit: str, wanted: str, same: str | None
) -> None:
    found = converted(Decimal(value), unit, wanted)
    assert found == (None if same is None else Decimal(same))


def test_units_are_read_as_people_write_them() -> None:
    assert [normal_unit(one) for one in ("mbps", " Mbit/s", "%", "DBM", "Rooms", "µs")] == [
        *("Mbps", "Mbps", "percent", "dBm", "rooms", "us")
    ]
    # Bytes taken for bits would be eight times too little.
    assert normal_unit("MB/s") is None
    assert normal_unit("mb/s") == "Mbps"


@pytest.mark.parametrize(
    "bands",
    [
        [{"below": 1000, "value": 4}],
        [{"value": 4}, {"value": 3}],
        [{"below": 1000, "value": 4}, {"below": 1000, "value": 3}, {"value": 2}],
    ],
)
def test_bands_cover_every_school_once(bands: list[dict[str, float]]) -> None:
    with pytest.raises(ValidationError):
        BandedIn.model_validate({"kind": "banded", "per": "user", "bands": bands})


def test_a_check_has_to_be_sound() -> None:
    sound = shipped_checks()[0].model_dump(mode="json", exclude_none=True)
    for wrong in (
        {"threshold": {"kind": "per_moon", "value": 1}},
        {"threshold": {"kind": "per_user", "value": -1}},
        {"threshold": {"kind": "constant", "value": float("nan")}},
        {"unit": "MB/s"},
        {"slug": "Not A Slug"},
        {"comparator": "!="},
        {"freshness_days": 0},
        {"severity": "none"},
    ):
        with pytest.raises(ValidationError):
            CheckIn.model_validate(sound | wrong)
    with pytest.raises(ValidationError):
        CheckPatch.model_validate({"threshold": None})


def test_every_check_that_a_shipped_playbook_names_is_shipped() -> None:
    slugs = [check.slug for check in shipped_checks()]
    assert len(set(slugs)) == len(slugs)
    named = {
        task.check for playbook in shipped_playbooks() for task in playbook.tasks if task.check
    }
    assert named
    assert named <= set(slugs)
    by_slug = {check.slug: check for check in shipped_checks()}
    for playbook in shipped_playbooks():
        for slug in playbook.checks:
            models = by_slug[slug].applies.models
            # A playbook's own check has to concern the schools that follow it.
            assert models is None or playbook.model in models, (playbook.name, slug)
