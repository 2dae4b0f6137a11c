"""What a SCIM server may answer, and what must not become of it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote
from uuid import UUID

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from api.accounts.targets.adapter import Order, Person, Remote
from api.accounts.targets.rules import Action, Desired
from api.accounts.targets.scim_wire import (
    Offers,
    bulk,
    bulk_requests,
    call_of,
    differing,
    filter_of,
    quoted,
    read_bulk,
    read_list,
    read_offers,
    read_user,
)
from tests.accounts.targets.scim_server import independent

WORDS = st.sampled_from(
    [
        *("id", "userName", "externalId", "name", "emails", "meta", "active", "Resources"),
        *("totalResults", "Operations", "bulkId", "status", "location", "response", "scimType"),
        *("bulk", "filter", "patch", "supported", "maxOperations", "maxPayloadSize", "maxResults"),
    ]
)
# As they are read: a larger integer has become a float by then.
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(max_size=8) | WORDS
ANSWERS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
ADA = Person("alovelace30", "Ada", "Lovelace", "ada@example.org", "10001")


def order(action: Action = Action.create, **given: Any) -> Order:
    return Order(UUID(int=7), action, Desired.active, ADA, **given)


@given(ANSWERS)
@settings(max_examples=60)
def test_no_answer_is_more_than_it_is(body: Any) -> None:
    offers = read_offers(body, body)
    assert 0 <= offers.bulk_operations <= 1000
    assert 1 <= offers.page <= 200
    found = read_user(body)
    if found is not None:
        assert isinstance(differing(order(), found), list)
    listed = read_list(body)
    assert listed is None or all(isinstance(one, Remote) for one in listed.users)
    for answered in (read_bulk(body) or {}).values():
        assert isinstance(answered.status, int)


@given(st.text(min_size=1, max_size=20))
def test_an_id_of_theirs_is_one_segment_of_a_path(remote_id: str) -> None:
    segment = quoted(remote_id)
    assert not set(segment) & set("/?#%") - {"%"}
    assert segment not in (".", "..")
    assert unquote(segment) == remote_id


def test_a_name_cannot_end_the_filter_that_it_is_in() -> None:
    assert filter_of("userName", 'x" or userName pr "') == r'userName eq "x\" or userName pr \""'


def test_messages_are_valid_by_an_independent_model() -> None:
    offers = Offers(enterprise=True, bulk_operations=10, bulk_bytes=100_000)
    made = call_of(order(), offers)
    scim = independent("scim2_models")
    enterprise, context = scim.EnterpriseUser, scim.Context
    model = scim.User[enterprise]
    user = model.model_validate(made.body, scim_ctx=context.RESOURCE_CREATION_REQUEST)
    assert (user.user_name, user.external_id) == ("alovelace30", str(UUID(int=7)))
    assert (user[enterprise].employee_number, user.active) == ("10001", True)
    assert (user.name.given_name, user.emails[0].value) == ("Ada", "ada@example.org")
    changed = call_of(order(Action.update, remote_id="a/b", etag='W/"3"'), offers)
    assert (changed.method, changed.path, changed.etag) == ("PATCH", "/Users/a%2Fb", 'W/"3"')
    patched = scim.PatchOp[model].model_validate(
        changed.body, scim_ctx=context.RESOURCE_PATCH_REQUEST
    )
    assert len(patched.operations) == 6
    replaced = call_of(order(Action.update, remote_id="1"), Offers(patch=False))
    assert (replaced.method, replaced.body) == ("PUT", call_of(order(), Offers()).body)
    operations = list(bulk([(order(), made), (order(), changed)]))
    [(body, count)] = bulk_requests(operations, offers)
    assert count == 2
    request = scim.BulkRequest[model].model_validate(orjson.loads(body))
    assert len(request.operations) == 2


def test_bulk_requests_keep_to_a_servers_limits() -> None:
    operations = [b"{%d}" % number for number in range(25)]
    some = list(bulk_requests(operations, Offers(bulk_operations=10, bulk_bytes=1 << 20)))
    assert [count for _, count in some] == [10, 10, 5]
    tight = list(bulk_requests([b"x" * 100] * 6, Offers(bulk_operations=10, bulk_bytes=450)))
    assert [count for _, count in tight] == [2, 2, 2]
    assert all(len(body) <= 450 for body, _ in tight)
