"""`POST /v1/webhooks/{slug}` over HTTP: what is stored, what is refused, what is told."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from api import clock
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.sealing import Sealer, Unsealable
from api.settings import Settings
from api.webhooks.intake_routes import LARGEST_EVENT
from api.webhooks.rules import Outcome, event_purpose
from api.webhooks.secrets import sealer_for
from api.webhooks.signatures import aftership_signature, easypost_signature
from tests.shelf import furnished
from tests.webhooks.conftest import (
    Client,
    Sender,
    add_vendor,
    all_of,
    client_of,
    events_of,
    post_event,
    signed,
    vendor_id_of,
)

EVENT = {"type": "shipment.updated", "data": {"order_number": "PO-1", "status": "delivered"}}


async def test_a_signed_event_is_stored_sealed_and_answered_202(
    client: Client, stranger: Client, acme: Sender, database: Database, settings: Settings
) -> None:
    body = json.dumps(EVENT).encode()
    before = clock.now()
    answer = await post_event(stranger, acme, body, "msg_1")
    assert answer.status_code == 202, answer.text
    (event,) = await events_of(database)
    assert answer.json() == {"id": str(event.id), "outcome": "stored"}
    assert answer.headers["cache-control"] == "no-store"
    assert (event.key, event.outcome, event.deliveries, event.attempts) == ("msg_1", "stored", 1, 0)
    assert before <= event.received_at <= clock.now()
    assert event.sealed is not None
    assert b"PO-1" not in event.sealed
    sealer, vendor_id = sealer_for(settings), await vendor_id_of(client, "acme")
    assert event.vendor_id == vendor_id
    assert sealer.open(event.sealed, event_purpose(vendor_id)) == body
    with pytest.raises(Unsealable):
        Sealer("another key").open(event.sealed, event_purpose(vendor_id))


async def test_the_same_event_again_is_answered_200_and_only_counted(
    stranger: Client, acme: Sender, database: Database
) -> None:
    first = await post_event(stranger, acme, EVENT, "msg_1")
    for _ in range(3):
        again = await post_event(stranger, acme, EVENT, "msg_1")
        assert again.status_code == 200
        assert again.json() == {"id": first.json()["id"], "outcome": "duplicate"}
    (event,) = await events_of(database)
    assert (event.deliveries, event.outcome) == (4, "stored")


async def test_an_id_with_another_body_is_a_duplicate_and_is_told(
    stranger: Client, acme: Sender, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await post_event(stranger, acme, EVENT, "msg_1")
    with caplog.at_level(logging.WARNING):
        assert (await post_event(stranger, acme, EVENT, "msg_1")).status_code == 200
        assert not caplog.records
        other = await post_event(stranger, acme, EVENT | {"type": "other"}, "msg_1")
    assert (other.status_code, other.json()["outcome"]) == (200, "duplicate")
    assert ["another body" in record.getMessage() for record in caplog.records] == [True]
    (event,) = await events_of(database)
    assert event.deliveries == 2 + 1


async def test_one_id_of_two_vendors_is_two_events(
    client: Client, stranger: Client, acme: Sender, database: Database
) -> None:
    globex = await add_vendor(client, "globex")
    for sender in (acme, globex):
        assert (await post_event(stranger, sender, EVENT, "msg_1")).status_code == 202
    assert len(await events_of(database)) == 2


async def test_many_at_once_are_each_stored_once_and_each_answered(
    stranger: Client, acme: Sender, database: Database
) -> None:
    """Two deliveries of each of 200 events, all at once: they share statements and batches."""
    sent = [f"msg_{number % 200}" for number in range(400)]
    answers = await all_of(*(post_event(stranger, acme, EVENT, one) for one in sent))
    events = {event.key: event for event in await events_of(database)}
    assert set(events) == set(sent)
    for event_id, answer in zip(sent, answers, strict=True):
        assert answer.json()["id"] == str(events[event_id].id)
    outcomes = sorted(answer.json()["outcome"] for answer in answers)
    assert outcomes == ["duplicate"] * 200 + ["stored"] * 200
    assert {event.deliveries for event in events.values()} == {2}


BAD: tuple[dict[str, str | None], ...] = (
    {"webhook-id": None},
    {"webhook-timestamp": None},
    {"webhook-signature": None},
    {"webhook-signature": "v1,AAAA"},
    {"webhook-signature": "v1a,AAAA"},
    {"webhook-signature": "garbage"},
    {"webhook-signature": "v1,a,b"},
    {"webhook-timestamp": "NaN"},
    {"webhook-timestamp": "1e9"},
    {"webhook-timestamp": "-1"},
    {"webhook-timestamp": ""},
    {"webhook-id": "another"},
)


async def test_a_bad_signature_is_401_one_line_and_nothing_stored(
    stranger: Client, acme: Sender, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    body = b'{"secret-of-the-body": 1}'
    for changed in BAD:
        caplog.clear()
        headers = {**signed(acme.secret, body), **changed}
        with caplog.at_level(logging.INFO, logger="api"):
            answer = await stranger.post(
                acme.path, content=body, headers={k: v for k, v in headers.items() if v is not None}
            )
        assert answer.status_code == 401, changed
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "signature-refused"
        (line,) = caplog.records
        assert "acme" in line.getMessage()
        assert "secret-of-the-body" not in caplog.text
    assert await events_of(database) == []


async def test_an_old_or_early_attempt_is_refused(
    stranger: Client, acme: Sender, database: Database
) -> None:
    body = b"{}"
    headers = signed(acme.secret, body)
    for minutes in (-6, 6):
        with clock.moved_to(clock.now() + timedelta(minutes=minutes)):
            answer = await stranger.post(acme.path, content=body, headers=headers)
        assert answer.status_code == 401
    assert (await stranger.post(acme.path, content=body, headers=headers)).status_code == 202


async def test_a_doubled_header_is_refused(stranger: Client, acme: Sender) -> None:
    pairs = [(k, v) for k, v in signed(acme.secret, b"{}").items()]
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        answer = await stranger.post(
            acme.path, content=b"{}", headers=[*pairs, (name, dict(pairs)[name])]
        )
        assert answer.status_code == 401


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "no utf-8": b"\xff\xfe\x00",
    "no json": b"<xml/>",
    "nan": b'{"id": NaN, "x": Infinity}',
    "doubled keys": b'{"id": 1, "id": 2}',
    "deep lists": b"[" * 10_000 + b"]" * 10_000,
    "deep objects": b'{"id":' * 10_000 + b"1" + b"}" * 10_000,
    "nul": b'{"id": "\\u0000"}',
    "half a pair": b'{"id": "\\ud800"}',
    "huge number": b'{"id": ' + b"9" * 100_000 + b"}",
    "largest": b"a" * LARGEST_EVENT,
}


async def test_a_signed_body_may_be_anything(
    client: Client, stranger: Client, database: Database
) -> None:
    """What it means is for the inbox; its sender proved who they are, so it is kept."""
    token = "a token in the url of shippo"
    for scheme in ("shippo", "easypost", "aftership"):
        await add_vendor(client, scheme, scheme=scheme, kind="tracker", secret=token)
    odd = {"content-type": "text/plain; charset=klingon"}
    for name, body in HOSTILE.items():
        for status in (202, 200):
            answer = await stranger.post(
                "/v1/webhooks/shippo", params={"token": token}, content=body, headers=odd
            )
            assert answer.status_code == status, (name, answer.text)
        for scheme, header, signature in (
            ("easypost", "x-hmac-signature", easypost_signature(token.encode(), body)),
            ("aftership", "aftership-hmac-sha256", aftership_signature(token.encode(), body)),
        ):
            path, headers = f"/v1/webhooks/{scheme}", {header: signature.decode()}
            assert (await stranger.post(path, content=body)).status_code == 401
            answer = await stranger.post(path, content=body, headers=headers)
            assert answer.status_code == 202, (name, answer.text)
    assert len(await events_of(database)) == 3 * len(HOSTILE)


async def test_a_larger_body_is_413_before_it_is_read(
    stranger: Client, acme: Sender, database: Database
) -> None:
    for size in (LARGEST_EVENT + 1, 2_000_000):
        body = b"a" * size

        async def chunked(size: int = size) -> AsyncIterator[bytes]:
            for _ in range(size // 1000 + 1):
                yield b"a" * 1000

        for content in (body, chunked()):
            headers = signed(acme.secret, body)
            answer = await stranger.post(acme.path, content=content, headers=headers)
            assert answer.status_code == 413
            assert answer.headers["content-type"] == "application/problem+json"
    assert await events_of(database) == []


async def test_an_unknown_vendor_is_404(stranger: Client, acme: Sender) -> None:
    odd = ("%00", "acme%00", "%F0%9F%92%A5", "%ff", "a%2Fb", "-", ":", "a" * 5000)
    for slug in ("nobody", "ACME", *odd):
        answer = await stranger.post(f"/v1/webhooks/{slug}", content=b"{}")
        assert answer.status_code == 404, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


async def test_the_query_knows_only_the_token(stranger: Client, acme: Sender) -> None:
    headers = signed(acme.secret, b"{}")
    answer = await stranger.post(acme.path, params={"tokn": "x"}, content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    unsigned = signed("whsec_" + "A" * 32, b"{}")
    for query in ("?token=%00", "?token=%ff&token", "?token=a&token=b", "?token", "?&&="):
        answer = await stranger.post(acme.path + query, content=b"{}", headers=unsigned)
        assert answer.status_code in (401, 422), (query, answer.text)
    assert (await stranger.get(acme.path)).status_code == 405


async def test_a_token_and_a_path_are_in_no_line_of_the_log(
    client: Client,
    stranger: Client,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    token = "very-secret-token-of-shippo"
    await add_vendor(client, "shippo", scheme="shippo", kind="tracker", secret=token)
    with caplog.at_level(logging.DEBUG):
        for given, slug in ((token, "shippo"), (token[:-1], "shippo"), (token, "path-of-nobody")):
            await stranger.post(f"/v1/webhooks/{slug}", params={"token": given}, content=b"x")
    out = capsys.readouterr()
    lines = [line for line in (caplog.text + out.out + out.err).splitlines() if "httpx" not in line]
    assert any("refused" in line for line in lines)
    assert not [line for line in lines if token[:-1] in line or "path-of-nobody" in line]


async def test_refusals_write_nothing(
    acme: Sender, built_apart: FastAPI, settings: Settings, database_url: str
) -> None:
    """On connections that cannot write: a write would answer 5xx."""
    sign = "&" if "?" in database_url else "?"
    url = f"{database_url}{sign}options=-c%20default_transaction_read_only%3Don"
    async with (
        Database(url, settings) as read_only,
        client_of(furnished(built_apart, settings, read_only)) as stranger,
    ):
        for path, status in ((acme.path, 401), ("/v1/webhooks/nobody", 404)):
            for _ in range(3):
                assert (await stranger.post(path, content=b"{}")).status_code == status
        assert (await post_event(stranger, acme, EVENT)).status_code >= 500


async def test_a_session_or_token_of_ours_changes_nothing(
    client: Client, acme: Sender, app: FastAPI, database: Database
) -> None:
    """The signature alone decides: not even an admin posts for a vendor without it."""
    assert (await client.post(acme.path, content=b"{}")).status_code == 401
    assert (await post_event(client, acme, EVENT)).status_code == 202
    async with writing(database, "job:test") as session:
        await create_token(session, name="viewer", role=Role.viewer)
    async with client_of(app, "fb_nonsense") as odd:
        assert (await post_event(odd, acme, EVENT)).status_code == 202


async def test_each_scheme_has_a_test_event_that_goes_all_the_way(
    client: Client, database: Database
) -> None:
    for scheme in ("standard", "easypost", "shippo", "aftership", "17track"):
        given = (
            {} if scheme == "standard" else {"secret": f"the secret of {scheme}", "kind": "tracker"}
        )
        await add_vendor(client, scheme, scheme=scheme, **given)
        answers = [await client.post(f"/v1/vendors/{scheme}/test-event") for _ in range(2)]
        assert [one.status_code for one in answers] == [202, 202], answers[0].text
        assert {one.json()["outcome"] for one in answers} == {Outcome.STORED}
    assert len(await events_of(database)) == 10


async def test_past_the_door_or_through_the_router_the_answers_are_the_same(
    app: FastAPI, stranger: Client, acme: Sender
) -> None:
    """Under a `root_path` no path begins as the door's, so the router finds the route."""
    transport = httpx.ASGITransport(app, root_path="/below")
    async with Client(transport=transport, base_url="http://127.0.0.1/below") as routed:
        unsigned = signed("whsec_" + "A" * 32, b"{}")
        too_large = b"a" * (LARGEST_EVENT + 1)
        kept: list[list[object]] = []
        for client in (stranger, routed):
            answers = [
                await post_event(client, acme, EVENT, f"msg_{len(kept)}"),
                await post_event(client, acme, EVENT, f"msg_{len(kept)}"),
                await client.post(acme.path, content=b"{}", headers=unsigned),
                await client.post(acme.path, content=too_large, headers=unsigned),
                await client.post(acme.path, params={"x": "y"}, content=b"{}", headers=unsigned),
                await client.post("/v1/webhooks/nobody", content=b"{}"),
            ]
            statuses = [answer.status_code for answer in answers]
            kept.append([_without_what_differs(answer) for answer in answers])
    assert statuses == [202, 200, 401, 413, 422, 404]
    assert kept[0] == kept[1]


def _without_what_differs(answer: httpx.Response) -> tuple[int, set[str], dict[str, object]]:
    document = answer.json()
    for name in ("id", "request_id", "instance", "detail"):
        document.pop(name, None)
    return answer.status_code, set(answer.headers), document
