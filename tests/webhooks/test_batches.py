"""What is in a batch of the inbox, and what a batch writes of contents."""

from __future__ import annotations

from datetime import timedelta

from api.webhooks.apply import Round, apply_batch
from api.webhooks.secrets import sealer_for
from tests.webhooks.scene import Scene, order_of, place, rows, shipment_event

TRACKING = "1Z999AA10123456784"


async def test_content_is_what_the_latest_statement_names_and_nothing_else(scene: Scene) -> None:
    order = order_of("acme", "PO-1", {"A": 10})
    order["lines"].append({**order["lines"][0], "sku": "CASE"})
    await place(scene.client, order)

    async def content(hour: int, *lines: tuple[str, int, list[str]]) -> set[tuple[int, str]]:
        moment = scene.begin + timedelta(hours=hour)
        said = [{"sku": a, "quantity": b, "serial_numbers": c} for a, b, c in lines]
        await scene.told(shipment_event("PO-1", TRACKING, "in_transit", moment, lines=said))
        named = "SELECT quantity, array_to_string(serial_numbers, '+') FROM shipment_lines"
        return {(row[0], row[1]) for row in await rows(scene.database, named)}

    assert await content(1, ("CB", 4, ["S1"]), ("CASE", 9, [])) == {(4, "S1"), (9, "")}
    assert await content(2, ("CB", 4, ["S1"]), ("CASE", 9, [])) == {(4, "S1"), (9, "")}
    assert await content(3, ("CB", 4, ["S1", "S2"]), ("CASE", 8, [])) == {(4, "S1+S2"), (8, "")}
    assert await content(4, ("CASE", 8, [])) == {(8, "")}
    assert await content(5) == set()
    assert await content(6, ("CB", 1, [])) == {(1, "")}


async def test_an_event_that_somebody_held_is_taken_once_he_lets_go(scene: Scene) -> None:
    await place(scene.client, order_of("acme", "PO-1", {"A": 3}))
    for hour in (1, 2):
        moment = scene.begin + timedelta(hours=hour)
        await scene.tell(shipment_event("PO-1", TRACKING, "in_transit", moment))
    sealer, among = sealer_for(scene.settings), Round()
    first = "SELECT FROM webhook_events ORDER BY id LIMIT 1 FOR UPDATE"
    async with scene.database.pool.connection() as connection, connection.transaction():
        await connection.execute(first)
        assert await apply_batch(scene.database, sealer, among) == 1
        assert [outcome for outcome, _ in await scene.outcomes()] == ["stored", "applied"]
    assert await apply_batch(scene.database, sealer, among) == 1
    assert [outcome for outcome, _ in await scene.outcomes()] == ["applied", "applied"]
