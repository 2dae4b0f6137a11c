"""The pure rules: rights, grants, throttles, shapes of secrets."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.auth.rules import (
    PER_ACCOUNT,
    ROLE_RIGHTS,
    Grant,
    Right,
    Role,
    address_key,
    build_token,
    parse_token,
    password_fault,
    rights_of,
    within,
)

# Four of each, so that equal ones meet often.
ids = st.integers(1, 4).map(lambda n: UUID(int=n))
schools = st.none() | st.frozensets(ids)
grants = st.builds(
    Grant, st.frozensets(st.sampled_from(Right)), st.none() | ids, schools, st.booleans()
)


def test_only_an_admin_rules_over_people_networks_and_gates() -> None:
    for right in (
        Right.users_manage,
        Right.tokens_manage,
        Right.networks_write,
        Right.gates_cancel,
    ):
        assert [role for role in Role if right in ROLE_RIGHTS[role]] == [Role.admin]
    assert Right.waivers_approve in ROLE_RIGHTS[Role.ops]


def test_a_viewer_changes_nothing() -> None:
    assert all(right.value.endswith(":read") for right in ROLE_RIGHTS[Role.viewer])
    assert ROLE_RIGHTS[Role.viewer] < ROLE_RIGHTS[Role.school_lead]


def test_a_school_lead_counts_boxes_but_orders_nothing() -> None:
    receiving = [role for role in Role if Right.orders_receive in ROLE_RIGHTS[role]]
    assert receiving == [Role.admin, Role.ops, Role.school_lead]
    assert Right.orders_write not in ROLE_RIGHTS[Role.school_lead]


@given(st.sampled_from(Role), st.booleans(), st.lists(st.sampled_from(Right) | st.text()))
def test_scopes_only_ever_narrow(role: Role, sees_names: bool, scopes: list[str]) -> None:
    whole = rights_of(role, sees_names)
    narrowed = rights_of(role, sees_names, tuple(str(scope) for scope in scopes))
    assert narrowed <= whole
    assert {right.value for right in narrowed} <= set(scopes)


def reaches(grant: Grant, network: UUID, school: UUID) -> bool:
    """Whether a grant covers one school, written down a second way."""
    return grant.network_id in (None, network) and (
        grant.school_ids is None or school in grant.school_ids
    )


@given(grants, grants)
def test_a_grant_within_another_reaches_nowhere_new(less: Grant, more: Grant) -> None:
    if within(less, more):
        places = [(UUID(int=n), UUID(int=s)) for n in range(1, 5) for s in range(1, 5)]
        assert all(reaches(more, *place) for place in places if reaches(less, *place))
        assert less.rights <= more.rights
        assert more.sees_names or not less.sees_names


@given(grants, grants, grants)
def test_within_is_an_order(a: Grant, b: Grant, c: Grant) -> None:
    assert within(a, a)
    if within(a, b) and within(b, c):
        assert within(a, c)
    if within(a, b) and within(b, a):
        assert a == b


@given(st.integers(0, 10_000))
def test_waits_grow_to_a_ceiling(attempts: int) -> None:
    wait = PER_ACCOUNT.pause_after(attempts)
    assert wait <= PER_ACCOUNT.pause_after(attempts + 1) <= PER_ACCOUNT.longest_seconds
    assert (wait > 0) == (attempts > PER_ACCOUNT.free)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("nonsense", "", True),
    ],
)
def test_addresses_are_counted_by_customer(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


@given(
    st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=16, max_size=16),
    st.text("abcXYZ019-_", min_size=43, max_size=43),
)
def test_a_token_is_read_as_it_was_built(public_id: str, secret: str) -> None:
    assert parse_token(build_token(public_id, secret)) == (public_id, secret)


@given(st.text(max_size=80))
def test_what_is_no_token_is_none(text: str) -> None:
    assert parse_token(text) is None or text.startswith("fb_")


@pytest.mark.parametrize(
    "text", ["", "fb_", "fb_a_b", "FB_" + "a" * 16 + "_" + "a" * 43, "fb_" + "a" * 60, "é" * 63]
)
def test_near_tokens_are_none(text: str) -> None:
    assert parse_token(text) is None


@pytest.mark.parametrize(
    "password", ["correct horse battery", "пароль длинный", "            x y z", "1234abcd5678"]
)
def test_length_makes_a_password(password: str) -> None:
    assert password_fault(password, "ada@school.org") is None


@pytest.mark.parametrize(
    ("password", "email"),
    [
        ("elevenchars", "ada@school.org"),
        ("x" * 257, "ada@school.org"),
        ("Ada@School.org", "ada@school.org"),
        ("ada.lovelace", "ada.lovelace@school.org"),
        ("ababababababab", "ada@school.org"),
    ],
)
def test_what_makes_no_password(password: str, email: str) -> None:
    assert password_fault(password, email) is not None
