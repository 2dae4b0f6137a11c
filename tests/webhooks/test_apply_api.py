"""What vendors tell becomes shipments, promises and evidence; never of another seller's order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from api import clock
from api.db.uow import writing
from api.devices import orders
from api.devices.holding import hold_order
from api.devices.rules import Scheme
from api.webhooks.events import Document, Event
from api.webhooks.translators import TRANSLATORS
from tests.devices.test_order_races import until_somebody_waits
from tests.webhooks.conftest import Client, add_vendor, post_event
from tests.webhooks.scene import (
    SCHOOLS,
    Scene,
    day_of,
    make,
    order_of,
    place,
    promise_event,
    rows,
    shipment_event,
    shuffled,
)

TRACKING = "1Z999AA10123456784"


async def test_an_event_opens_the_shipment_and_moves_the_task(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 10}))
    lines = [{"sku": "CB", "quantity": 10, "serial_numbers": ["S1"]}]
    on_its_way = shipment_event(
        "po-1 ", TRACKING, "in_transit", scene.begin, expected_on="2027-06-01", lines=lines
    )
    await scene.told(on_its_way)
    assert await scene.outcomes() == [("applied", None)]
    task = (await scene.tasks())["order:acme:PO-1"]
    assert (task["progress_done"], task["progress_total"]) == (0, 10)
    assert task["expected_on"] == "2027-06-01"

    later = scene.begin + timedelta(hours=2)
    await scene.told(shipment_event("PO-1", "1z999 AA10123456784", "delivered", later))
    task = (await scene.tasks())["order:acme:PO-1"]
    assert (task["progress_done"], task["status"]) == (10, "done")
    assert len((await scene.tables())["shipments"]) == 1


async def test_an_order_for_four_schools_is_carried_to_counted_receipt(scene: Scene) -> None:
    shares = {school: 5 + number for number, school in enumerate(SCHOOLS)}
    order = await place(scene.client, order_of("acme", "PO-1", shares))
    done: list[list[int]] = []
    events = [body for _, body in day_of([("PO-1", shares)], scene.begin)]
    for event in events:
        await scene.told(event)
        tasks = [(await scene.tasks(school))["order:acme:PO-1"] for school in SCHOOLS]
        done.append([task["progress_done"] for task in tasks])
    assert done[0] == [0, 0, 0, 0]
    assert done[-1] == list(shares.values())
    # What a clerk counts replaces what the carrier said, downward too; what was there before the
    # delivery, at whatever hour this runs, does not.
    before = (scene.begin - timedelta(days=1)).date().isoformat()
    await make(
        scene.client,
        f"/orders/{order['id']}/receipts",
        {
            "school": "A",
            "received_on": before,
            "lines": [{"sku": "CB", "accepted": 4}],
        },
    )
    assert (await scene.tasks("A"))["order:acme:PO-1"]["progress_done"] == 5
    shipments = await scene.client.get("/v1/shipments?limit=100")
    box = next(one for one in shipments.json()["items"] if one["school"] == "A")
    await make(
        scene.client,
        f"/shipments/{box['id']}/receipts",
        {
            "received_on": before,
            "lines": [{"sku": "CB", "accepted": 1}],
        },
    )
    assert (await scene.tasks("A"))["order:acme:PO-1"]["progress_done"] == 5


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_shuffled_doubled_stream_ends_as_the_ordered_one(scene: Scene, seed: int) -> None:
    shares = dict.fromkeys(SCHOOLS, 3)
    ordered, other = ("PO-1",), ("XY-1",)
    for number in (*ordered, *other):
        await place(scene.client, order_of("acme", number, shares))
    for _, event in day_of([(number, shares) for number in ordered], scene.begin):
        await scene.told(event)
    stream = day_of([(number, shares) for number in other], scene.begin)
    answers: dict[str, list[int]] = {}
    for count, (event_id, event) in enumerate(shuffled(stream, seed)):
        answer = await scene.tell(event, event_id)
        answers.setdefault(event_id, []).append(answer.status_code)
        if count % 7 == 0:
            # Several workers at once, while more comes in.
            await asyncio.gather(*(scene.apply() for _ in range(3)))
    await scene.apply()
    assert {tuple(statuses) for statuses in answers.values()} == {(202,), (202, 200)}
    assert {outcome for outcome, _ in await scene.outcomes()} == {"applied"}

    for name, found in (await scene.tables()).items():
        # The digests of statements with serial numbers differ as those do.
        rows_of = [(*row[:1], *row[2:]) if name == "scans" else row for row in found]
        assert _renamed(rows_of, ordered) == _renamed(rows_of, other) != [], name


def _renamed(found: Iterable[tuple[object, ...]], numbers: Iterable[str]) -> list[str]:
    """The rows about these orders, with a name for each that another pair of orders has too."""
    texts = []
    for text in (repr(row).upper() for row in found):
        for index, number in enumerate(numbers):
            if number in text:
                texts.append(text.replace(number, f"#{index}"))
    return sorted(texts)


async def test_a_promise_moves_every_school_and_the_latest_stated_holds(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    late = promise_event("PO-1", "2027-07-01", scene.begin + timedelta(hours=2))
    early = promise_event("PO-1", "2027-06-01", scene.begin)
    await scene.told(late, early)
    for school in ("A", "B"):
        assert (await scene.tasks(school))["order:acme:PO-1"]["expected_on"] == "2027-07-01"
    assert len((await scene.tables())["promises"]) == 2


async def test_of_two_promises_of_one_moment_the_later_day_holds_however_they_come(
    scene: Scene,
) -> None:
    for number, days in (("PO-1", (1, 9)), ("PO-2", (9, 1))):
        await place(scene.client, order_of("acme", number, {"A": 3}))
        for day in days:
            await scene.told(promise_event(number, f"2027-06-0{day}", scene.begin))
    promised = {number: str(day) for number, _, day in (await scene.tables())["lines"]}
    assert promised == {"PO-1": "2027-06-09", "PO-2": "2027-06-09"}


async def test_a_seller_cannot_touch_anothers_order(
    scene: Scene, client: Client, stranger: Client
) -> None:
    rival = await add_vendor(client, "rival")
    await place(client, order_of("acme", "PO-1", {"A": 3}))
    await scene.told(shipment_event("PO-1", TRACKING, "in_transit", scene.begin))
    before = await scene.tables()
    moment = scene.begin + timedelta(hours=1)
    for forged in (
        shipment_event("PO-1", TRACKING, "delivered", moment),
        shipment_event("PO-1", "OTHER", "delivered", moment, school="A"),
        shipment_event("", TRACKING, "lost", moment),
        promise_event("PO-1", "2028-01-01", moment),
    ):
        assert (await post_event(stranger, rival, forged)).status_code == 202
    await scene.apply()
    assert [outcome for outcome, _ in await scene.outcomes()] == ["applied", *["unmatched"] * 4]
    assert await scene.tables() == before


async def test_a_number_two_sellers_share_is_each_ones_own(
    scene: Scene, client: Client, stranger: Client
) -> None:
    rival = await add_vendor(client, "rival")
    for slug in ("acme", "rival"):
        await place(client, order_of(slug, "PO-1", {"A": 3}))
    # Both even use one tracking number.
    await scene.told(shipment_event("PO-1", TRACKING, "in_transit", scene.begin))
    await post_event(
        stranger, rival, shipment_event("PO-1", TRACKING, "out_for_delivery", scene.begin)
    )
    await scene.apply()
    found = await rows(
        scene.database,
        "SELECT v.slug, s.status FROM shipments s JOIN orders o ON o.id = s.order_id"
        " JOIN vendors v ON v.id = o.vendor_id ORDER BY v.slug",
    )
    assert found == [("acme", "in_transit"), ("rival", "out_for_delivery")]


async def test_an_event_waits_for_its_order_to_be_placed(scene: Scene, client: Client) -> None:
    early = [
        shipment_event("PO-1", TRACKING, "in_transit", scene.begin),
        promise_event("PO-1", "2027-06-05", scene.begin),
    ]
    await scene.told(*early)
    unknown = "No order PO-1 of this vendor is known yet."
    assert await scene.outcomes() == [("unmatched", unknown)] * 2
    draft = await make(client, "/orders", order_of("acme", "PO-1", {"A": 3}))
    assert await scene.apply() == 0
    await make(client, f"/orders/{draft['id']}/place")
    assert await scene.apply() == 2
    assert await scene.outcomes() == [("applied", None)] * 2
    assert (await scene.tables())["shipments"][0][4] == "in_transit"


async def test_an_event_that_names_no_school_waits_for_the_shipment(
    scene: Scene, client: Client
) -> None:
    order = await place(client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    await scene.told(
        shipment_event("PO-1", TRACKING, "in_transit", scene.begin),
        shipment_event("PO-1", "OTHER", "in_transit", scene.begin, school="nowhere"),
    )
    (first, why), (second, other) = await scene.outcomes()
    assert (first, second) == ("unmatched", "unmatched")
    assert why is not None
    assert "goes to 2 schools" in why
    assert other == "The network of order PO-1 has no school nowhere."
    box = {"carrier": "ups", "tracking_number": TRACKING.lower(), "school": "B"}
    await make(client, f"/orders/{order['id']}/shipments", box)
    assert await scene.apply() == 1
    assert [row[3:5] for row in (await scene.tables())["shipments"]] == [("B", "in_transit")]


async def test_one_event_of_a_batch_may_name_the_school_for_all(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    await scene.told(
        shipment_event("PO-1", TRACKING, "in_transit", scene.begin),
        shipment_event("PO-1", TRACKING, "pre_transit", scene.begin, school="B"),
    )
    assert [outcome for outcome, _ in await scene.outcomes()] == ["applied", "applied"]
    assert len((await scene.tables())["shipments"]) == 1


async def test_two_events_that_say_the_same_count_once(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 3}))
    same = shipment_event("PO-1", TRACKING, "in_transit", scene.begin)
    await scene.told(same, same)
    await scene.told(same)
    assert [outcome for outcome, _ in await scene.outcomes()] == [
        "applied",
        "duplicate",
        "duplicate",
    ]
    assert len((await scene.tables())["scans"]) == 1


async def test_lines_state_the_content_and_never_add(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 10}))
    for hour, quantity in ((2, 7), (1, 9), (3, 4)):
        moment = scene.begin + timedelta(hours=hour)
        lines = [{"sku": "CB", "quantity": quantity}]
        await scene.told(shipment_event("PO-1", TRACKING, "delivered", moment, lines=lines))
    assert [row[2] for row in (await scene.tables())["contents"]] == [4]
    assert (await scene.tasks())["order:acme:PO-1"]["progress_done"] == 4


async def test_an_unknown_sku_keeps_its_event_alone_waiting(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 10}))
    unknown = [{"sku": "CB", "quantity": 1}, {"sku": "XX", "quantity": 1}]
    await scene.told(
        shipment_event("PO-1", "OTHER", "in_transit", scene.begin, lines=unknown),
        promise_event("PO-1", "2027-06-01", scene.begin, sku="XX"),
        shipment_event("PO-1", TRACKING, "in_transit", scene.begin),
    )
    outcomes = await scene.outcomes()
    assert [outcome for outcome, _ in outcomes] == ["unmatched", "unmatched", "applied"]
    assert outcomes[0][1] is not None
    assert "no line with the sku XX" in outcomes[0][1]
    assert len((await scene.tables())["shipments"]) == 1


POISON = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'not this one'; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON scans FOR EACH ROW
  WHEN (NEW.raw_status = 'exception') EXECUTE FUNCTION refuse();
"""


async def test_one_that_breaks_its_batch_is_the_only_one_that_fails(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 10}))
    async with scene.database.raw() as connection:
        await connection.execute(POISON.encode())
    events = [
        shipment_event("PO-1", f"T{number}", status, scene.begin)
        for number, status in enumerate(["in_transit"] * 7 + ["exception"] + ["in_transit"] * 5)
    ]
    for event in events:
        assert (await scene.tell(event)).status_code == 202
    assert await scene.apply() == len(events)
    outcomes = [outcome for outcome, _ in await scene.outcomes()]
    assert [number for number, outcome in enumerate(outcomes) if outcome == "failed"] == [7]
    assert outcomes.count("applied") == 12
    assert len((await scene.tables())["shipments"]) == 12


async def test_what_cannot_be_read_fails_with_a_sentence(scene: Scene) -> None:
    bodies = [b"[1, NaN]", b'{"a": 1, "a": 2}', b"{" * 10_000, b'{"type": "shipment.updated"}']
    for body in bodies:
        assert (await scene.tell(body)).status_code == 202
    assert (await scene.tell({"type": "test.event"})).status_code == 202
    await scene.apply()
    outcomes = await scene.outcomes()
    assert [outcome for outcome, _ in outcomes] == ["failed"] * 4 + ["ignored"]
    assert all(reason and reason.endswith(".") for _, reason in outcomes)


async def test_a_moment_to_come_does_not_outweigh_what_happens_afterwards(scene: Scene) -> None:
    """A wrong year, or a clock that is: it happened when it was told, at the latest."""
    await place(scene.client, order_of("acme", "PO-1", {"A": 10}))
    wrong = scene.begin + timedelta(days=10 * 365)
    lines = [{"sku": "CB", "quantity": 10}]
    await scene.told(
        shipment_event("PO-1", TRACKING, "in_transit", wrong, lines=lines),
        promise_event("PO-1", "2027-06-01", wrong),
    )
    with clock.moved_to(clock.now() + timedelta(hours=1)):
        now = clock.now()
        await scene.told(
            shipment_event("PO-1", TRACKING, "delivered", now),
            promise_event("PO-1", "2027-07-01", now),
        )
    assert [outcome for outcome, _ in await scene.outcomes()] == ["applied"] * 4
    found = await scene.tables()
    assert found["shipments"][0][4] == "delivered"
    assert found["lines"][0][2] == date(2027, 7, 1)


async def test_a_translator_that_breaks_tells_where_and_nothing_of_the_body(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def translate(document: Document, _: datetime) -> Event:
        raise KeyError(document["signed_by"])

    monkeypatch.setitem(TRANSLATORS, Scheme.STANDARD, (translate, {}))
    await scene.told({"type": "shipment.updated", "signed_by": "Jordan of room 12"})
    assert await scene.outcomes() == [("failed", "The body could not be read; the log says why.")]
    assert "test_apply_api.py" in caplog.text
    assert "KeyError" in caplog.text
    assert "Jordan" not in caplog.text


async def test_an_event_that_comes_while_its_order_is_cancelled_sees_that_it_is(
    scene: Scene,
) -> None:
    """It was read as placed before, so it is looked up again once the order is let go."""
    order = await place(scene.client, order_of("acme", "PO-1", {"A": 3, "B": 3}))
    await scene.tell(shipment_event("PO-1", TRACKING, "delivered", scene.begin, school="A"))
    async with writing(scene.database, "job:test") as session:
        held = await hold_order(session, UUID(order["id"]))
        await orders.cancel(session, held, "Too dear.")
        applying = asyncio.create_task(scene.apply())
        await until_somebody_waits(scene.database)
    await applying
    assert await scene.outcomes() == [
        ("unmatched", "Order PO-1 is cancelled; what is not placed does not ship.")
    ]
    assert (await scene.tables())["shipments"] == []
    for school in ("A", "B"):
        assert (await scene.tasks(school))["order:acme:PO-1"]["status"] == "cancelled"


async def test_a_number_given_out_again_means_the_later_shipment(
    scene: Scene, client: Client, stranger: Client
) -> None:
    """Half a year on the carrier gives the number to another box of the same seller's."""
    eye = await add_vendor(client, "eye", scheme="standard", kind="tracker", tracks=["acme"])
    with clock.moved_to(clock.now() - timedelta(days=200)):
        await place(client, order_of("acme", "PO-1", {"A": 3}))
        await scene.told(shipment_event("PO-1", TRACKING, "in_transit", clock.now()))
        await scene.told(shipment_event("PO-1", TRACKING, "delivered", clock.now()))
    seen = shipment_event("PO-1", TRACKING, "out_for_delivery", clock.now())
    del seen["data"]["order_number"]
    # Nobody has typed in the new box yet, and the old one is not meant.
    await post_event(stranger, eye, seen)
    await scene.apply()
    assert (await scene.outcomes())[-1][0] == "unmatched"
    order = await place(client, order_of("acme", "PO-2", {"B": 3}))
    box = {"carrier": "UPS", "tracking_number": TRACKING, "school": "B"}
    await make(client, f"/orders/{order['id']}/shipments", box)
    await scene.apply()
    assert (await scene.outcomes())[-1][0] == "applied"
    found = [(row[0], row[4]) for row in (await scene.tables())["shipments"]]
    assert found == [("PO-1", "delivered"), ("PO-2", "out_for_delivery")]


async def test_the_history_says_that_the_vendor_did_it(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 10}))
    await scene.told(promise_event("PO-1", "2027-06-01", scene.begin))
    found = await rows(scene.database, "SELECT DISTINCT actor FROM promises")
    assert found == [("vendor:acme",)]
