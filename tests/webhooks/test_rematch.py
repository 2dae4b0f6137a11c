"""Unmatched events are tried again when what they were about appears, and then left alone."""

from __future__ import annotations

from datetime import timedelta

from api import clock
from api.webhooks.jobs import look_after
from tests.webhooks.bodies import NUMBER
from tests.webhooks.conftest import Client, add_vendor
from tests.webhooks.scene import (
    Scene,
    make,
    order_of,
    place,
    promise_event,
    shipment_event,
)
from tests.webhooks.test_inbox_api import EYE_SECRET, detail, listed, watch


async def test_what_was_overlooked_is_tried_again_and_then_left_alone(
    scene: Scene, client: Client
) -> None:
    """As when an order was being placed while its event was found unmatched."""
    await scene.told(shipment_event("PO-1", "T1", "delivered", scene.begin))
    async with scene.database.raw() as connection:
        await connection.execute(b"UPDATE webhook_events SET outcome = 'ignored'")
    await place(client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    async with scene.database.raw() as connection:
        await connection.execute(b"UPDATE webhook_events SET outcome = 'unmatched'")
    # However long no worker was there to find it.
    with clock.moved_to(clock.now() + timedelta(days=3)):
        await look_after(scene.database)
    assert await scene.apply() == 1
    # It still names no school; once it is clear that it has seen the order, it is left alone.
    with clock.moved_to(clock.now() + timedelta(minutes=5)):
        await look_after(scene.database)
        assert await scene.apply() == 1
        await look_after(scene.database)
        assert await scene.apply() == 0


async def test_what_names_a_school_that_comes_later_finds_it(scene: Scene, client: Client) -> None:
    await place(client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    # Long after the order was placed, or it would be tried again for that.
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        await scene.told(shipment_event("PO-1", "T1", "in_transit", scene.begin, school="new"))
        await scene.told(shipment_event("PO-1", "T2", "in_transit", scene.begin, school="org-9"))
        await scene.apply()
        assert [outcome for outcome, _ in await scene.outcomes()] == ["unmatched", "unmatched"]
        await make(client, "/schools", {"code": "NEW", "name": "New", "network": "N"})
        await look_after(scene.database)
        await scene.apply()
        assert sorted(outcome for outcome, _ in await scene.outcomes()) == ["applied", "unmatched"]
        answer = await client.patch(
            "/v1/schools/NEW", json={"sourced_id": "org-9"}, headers={"if-match": "*"}
        )
        assert answer.is_success, answer.text
        await look_after(scene.database)
        await scene.apply()
        assert [outcome for outcome, _ in await scene.outcomes()] == ["applied", "applied"]


async def test_what_names_a_line_that_comes_later_finds_it(scene: Scene, client: Client) -> None:
    draft = await make(client, "/orders", order_of("acme", "PO-1", {"A": 3}))
    # Long after the order was drawn up, or it would be tried again for that.
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        await scene.told(promise_event("PO-1", "2027-06-01", scene.begin, sku="NB"))
        [event] = await listed(client)
        assert (event["outcome"], event["order_id"]) == ("unmatched", draft["id"])
        # To match it to the order it has found would change nothing.
        [suggestion] = (await detail(client, event["id"]))["suggestions"]
        assert (suggestion["order_id"], suggestion["match"]) == (draft["id"], False)
    with clock.moved_to(clock.now() + timedelta(hours=2)):
        await look_after(scene.database)
        assert await scene.apply() == 0
        lines = [{"sku": sku, "quantity": 3} for sku in ("CB", "NB")]
        answer = await client.patch(
            f"/v1/orders/{draft['id']}", json={"lines": lines}, headers={"if-match": "*"}
        )
        assert answer.is_success, answer.text
        await look_after(scene.database)
        assert await scene.apply() == 1
        assert await scene.outcomes() == [("applied", None)]
        promised = {line: day for _, line, day in (await scene.tables())["lines"]}
        assert {sku: str(day) for sku, day in promised.items()} == {
            "CB": "None",
            "NB": "2027-06-01",
        }


async def test_an_event_waits_for_the_school_its_order_goes_to(
    scene: Scene, client: Client
) -> None:
    line = {"sku": "CB", "quantity": 3}
    order = await place(
        client, {"vendor": "acme", "number": "PO-1", "network": "N", "lines": [line]}
    )
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        await scene.told(shipment_event("PO-1", "T1", "in_transit", scene.begin))
        assert [outcome for outcome, _ in await scene.outcomes()] == ["unmatched"]
    with clock.moved_to(clock.now() + timedelta(hours=2)):
        answer = await client.put(
            f"/v1/orders/{order['id']}/lines/CB/allocations",
            json={"allocations": [{"school": "B", "quantity": 3}]},
        )
        assert answer.is_success, answer.text
        await look_after(scene.database)
        assert await scene.apply() == 1
        assert await scene.outcomes() == [("applied", None)]


async def test_an_event_of_a_substitute_waits_until_it_is_on_the_order(
    scene: Scene, client: Client
) -> None:
    order = await place(client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        parcel = shipment_event(
            "PO-1",
            "T1",
            "delivered",
            scene.begin,
            school="A",
            lines=[{"sku": "CB-2", "quantity": 3}],
        )
        await scene.told(parcel, promise_event("PO-1", "2027-06-01", scene.begin, sku="CB-2"))
        assert [outcome for outcome, _ in await scene.outcomes()] == ["unmatched", "unmatched"]
    with clock.moved_to(clock.now() + timedelta(hours=2)):
        line = {"sku": "CB-2", "quantity": 6, "substitutes": "CB"}
        answer = await client.post(
            f"/v1/orders/{order['id']}/lines",
            json={"lines": [line], "reason": "CB is discontinued."},
            headers={"if-match": "*"},
        )
        assert answer.status_code == 201, answer.text
        # By themselves: nobody replayed them, and no clock found them.
        assert await scene.apply() == 2
        assert await scene.outcomes() == [("applied", None), ("applied", None)]
        task = (await scene.tasks("A"))["order:acme:PO-1"]
        assert (task["progress_done"], task["progress_total"]) == (3, 3)
        assert (await scene.tasks("B"))["order:acme:PO-1"]["expected_on"] == "2027-06-01"


async def test_an_event_waits_for_the_school_that_a_transfer_gives_its_order(
    scene: Scene, client: Client
) -> None:
    await make(client, "/networks/N/sites", {"code": "WH", "name": "Warehouse"})
    line = {"sku": "CB", "quantity": 3}
    order = await place(
        client, {"vendor": "acme", "number": "PO-1", "network": "N", "lines": [line]}
    )
    counted = {"site": "WH", "lines": [{"sku": "CB", "accepted": 3}]}
    await make(client, f"/orders/{order['id']}/receipts", counted)
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        await scene.told(shipment_event("PO-1", "T1", "in_transit", scene.begin))
        assert [outcome for outcome, _ in await scene.outcomes()] == ["unmatched"]
    with clock.moved_to(clock.now() + timedelta(hours=2)):
        move = {"sku": "CB", "school": "B", "quantity": 2}
        sent = {"order": order["id"], "site": "WH", "transfers": [move]}
        [moved] = (await make(client, "/transfers", sent))["items"]
        assert await scene.apply() == 1
        assert await scene.outcomes() == [("applied", None)]
    # Two schools are no school to be sure of; with one of them taken back, the other is.
    with clock.moved_to(clock.now() + timedelta(hours=3)):
        move = {"sku": "CB", "school": "A", "quantity": 1}
        await make(client, "/transfers", sent | {"transfers": [move]})
        await scene.told(shipment_event("PO-1", "T2", "in_transit", scene.begin))
        assert (await scene.outcomes())[-1][0] == "unmatched"
    with clock.moved_to(clock.now() + timedelta(hours=4)):
        await make(client, f"/transfers/{moved['id']}/reverse", {})
        assert await scene.apply() == 1
        assert await scene.outcomes() == [("applied", None), ("applied", None)]


async def test_a_trackers_event_waits_until_it_tracks_the_seller(
    scene: Scene, client: Client, stranger: Client
) -> None:
    kind = {"kind": "tracker", "tracks": []}
    await add_vendor(client, "eye", scheme="easypost", secret=EYE_SECRET, **kind)
    order = await place(client, order_of("acme", "PO-1", {"A": 3}))
    parcel = {"carrier": "UPS", "tracking_number": NUMBER, "school": "A"}
    await make(client, f"/orders/{order['id']}/shipments", parcel)
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        await watch(stranger, "in_transit")
        await scene.apply()
        assert [outcome for outcome, _ in await scene.outcomes()] == ["unmatched"]
    with clock.moved_to(clock.now() + timedelta(hours=2)):
        answer = await client.patch(
            "/v1/vendors/eye", json={"tracks": ["acme"]}, headers={"if-match": "*"}
        )
        assert answer.is_success, answer.text
        await look_after(scene.database)
        assert await scene.apply() == 1
        assert await scene.outcomes() == [("applied", None)]
