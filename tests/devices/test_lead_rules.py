"""What deliveries teach."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from api.devices.lead_rules import Delivery, Learned, learn_from

days = st.integers(-50, 500)
deliveries = st.lists(st.builds(Delivery, days, st.none() | days), min_size=1, max_size=60)


def test_the_median_leads_and_four_of_five_slip_less() -> None:
    slips = (0, 0, 2, 9, -3)
    found = learn_from([Delivery(10 + n, slip) for n, slip in enumerate(slips)])
    assert found == Learned(samples=5, lead_days=12, spread_days=2)


def test_without_a_promise_nothing_slips() -> None:
    assert learn_from([Delivery(8, None)]) == Learned(1, 8, 0)


@given(deliveries)
def test_half_take_no_longer_and_four_of_five_slip_no_further(some: list[Delivery]) -> None:
    found = learn_from(some)
    assert found.samples == len(some)
    assert 2 * sum(one.lead_days <= found.lead_days for one in some) >= len(some)
    slips = [one.slip_days for one in some if one.slip_days is not None]
    assert 10 * sum(slip <= found.spread_days for slip in slips) >= 8 * len(slips)


@given(deliveries)
def test_their_order_does_not_matter(some: list[Delivery]) -> None:
    assert learn_from(some[::-1]) == learn_from(some)
