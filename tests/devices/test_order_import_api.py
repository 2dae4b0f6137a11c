"""The import of orders over HTTP: dry run and apply, twice, in part, not at all."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import event

from api.db.pool import Database
from tests.devices.conftest import Body, Caller, line, placed, rows

pytestmark = pytest.mark.usefixtures("acme")

HEADER = "vendor,number,sku,school,quantity,unit_price_cents,counts_as,promised_on\n"
ROWS = (
    "acme,PO-7,CB,A,60,29900,student_device,2027-08-13\n"
    "acme,PO-7,CB,B,40,29900,student_device,2027-08-13\n"
    "acme,PO-7,CASE,A,60,1500,accessory,\n"
    "acme,PO-8,CB,C,10,,,\n"
)


async def imported(admin: Caller, content: str, **query: str) -> httpx.Response:
    headers = {"content-type": "text/csv"}
    return await admin.client.post(
        "/v1/orders/import", content=content.encode(), params=query, headers=headers
    )


async def counts(admin: Caller, content: str, **query: str) -> dict[str, int]:
    answer = await imported(admin, content, **query)
    assert answer.status_code == 200, answer.text
    body: dict[str, dict[str, int]] = answer.json()
    return {name: count for name, count in body["rows"].items() if count and name != "total"}


async def orders(admin: Caller) -> dict[str, Body]:
    listed = (await admin.get("/orders"))["items"]
    return {one["number"]: await admin.get(f"/orders/{one['id']}") for one in listed}


async def test_a_file_draws_up_orders_line_by_line(admin: Caller) -> None:
    assert await counts(admin, HEADER + ROWS) == {"created": 4}
    made = await orders(admin)
    assert set(made) == {"PO-7", "PO-8"}
    devices, cases = made["PO-7"]["lines"]
    assert (made["PO-7"]["state"], devices["quantity"], devices["unit_price_cents"]) == (
        "draft",
        100,
        29_900,
    )
    assert devices["promised_on"] == "2027-08-13"
    assert [(one["school"], one["quantity"]) for one in devices["allocations"]] == [
        ("A", 60),
        ("B", 40),
    ]
    assert (cases["sku"], cases["counts_as"]) == ("CASE", "accessory")


async def test_a_dry_run_says_the_same_and_writes_nothing(
    admin: Caller, database: Database
) -> None:
    content = HEADER + ROWS + "acme,PO-7,CB,NOWHERE,1,,,\n"
    before = await rows(database, "SELECT count(*) FROM history")
    dry = (await imported(admin, content, mode="dry_run")).json()
    assert await rows(database, "SELECT count(*) FROM history") == before
    assert await orders(admin) == {}
    assert (await imported(admin, content)).json() == dry | {"mode": "apply"}
    (issue,) = dry["issues"]
    assert issue == {
        "row": 6,
        "column": "school",
        "code": "school-unknown",
        "got": "NOWHERE",
        "expected": "a school that you may see",
    }


async def test_the_same_file_again_changes_nothing(admin: Caller, database: Database) -> None:
    await imported(admin, HEADER + ROWS)
    made = await orders(admin)
    await admin.post(f"/orders/{made['PO-7']['id']}/place")
    before = await rows(database, "SELECT count(*) FROM history")
    revisions = "SELECT sum(revision) FROM school_state"
    touched = await rows(database, revisions)
    assert await counts(admin, HEADER + ROWS) == {"unchanged": 4}
    assert await rows(database, "SELECT count(*) FROM history") == before
    assert await rows(database, revisions) == touched, "no answer of a school is made anew"


async def test_abort_writes_nothing_when_a_row_is_wrong(admin: Caller) -> None:
    content = HEADER + ROWS + "acme,PO-7,CB,NOWHERE,x,,,\n"
    answer = await imported(admin, content, on_error="abort")
    assert (answer.status_code, answer.json()["code"]) == (422, "import-aborted")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/rows/6/quantity"]
    assert await orders(admin) == {}


async def test_a_placed_order_lets_allocations_and_promises_follow(
    admin: Caller, prepared: None
) -> None:
    await placed(admin, line("CB", A=60, B=40))
    header = "vendor,number,sku,school,quantity,promised_on\n"
    content = header + "acme,po-1,CB,A,50,2027-08-13\nacme,po-1,CB,C,10,2027-08-13\n"
    assert await counts(admin, content) == {"created": 1, "updated": 1}
    task = (await admin.tasks("C"))["order:acme:PO-1"]
    assert (task["progress_total"], task["expected_on"]) == (10, "2027-08-13")
    assert (await admin.tasks("A"))["order:acme:PO-1"]["progress_total"] == 50
    assert await counts(admin, header + "acme,PO-1,CB,D,1,\n") == {"rejected": 1}


async def test_a_draft_line_shrinks_and_grows_with_its_schools(admin: Caller) -> None:
    header = "vendor,number,sku,school,quantity\n"
    await imported(admin, header + "acme,PO-1,CB,A,60\nacme,PO-1,CB,B,40\n")
    await imported(admin, header + "acme,PO-1,CB,A,10\nacme,PO-1,CB,C,5\n")
    (told,) = (await orders(admin))["PO-1"]["lines"]
    assert (told["quantity"], told["allocated"]) == (55, 55)


async def test_a_caller_limited_to_schools_imports_nothing(lead: Caller) -> None:
    assert (await imported(lead, HEADER + ROWS)).status_code == 403


async def test_a_file_is_csv(admin: Caller) -> None:
    answer = await admin.answer("POST", "/orders/import", {"file": "x"})
    assert answer.status_code == 415
    assert (await imported(admin, "")).status_code == 422


async def test_an_order_for_many_schools_takes_as_many_statements_as_for_few(
    admin: Caller, database: Database
) -> None:
    names = "".join(f"School {number},N,S-{number}\n" for number in range(300))
    await admin.client.post(
        "/v1/schools/import",
        content=("name,network,code\n" + names).encode(),
        headers={"content-type": "text/csv"},
    )
    header = "vendor,number,sku,school,quantity\n"

    async def statements(number: str, schools: int) -> int:
        content = "".join(f"acme,{number},CB,S-{one},1\n" for one in range(schools))
        made = 0

        def counted(*_: Any) -> None:
            nonlocal made
            made += 1

        event.listen(database.engine.sync_engine, "before_cursor_execute", counted)
        try:
            assert await counts(admin, header + content) == {"created": schools}
        finally:
            event.remove(database.engine.sync_engine, "before_cursor_execute", counted)
        return made

    assert await statements("PO-MANY", 300) == await statements("PO-FEW", 2)


async def test_a_file_places_what_it_makes_when_asked(admin: Caller) -> None:
    dry = (await imported(admin, HEADER + ROWS, place="true", mode="dry_run")).json()
    assert await orders(admin) == {}
    answer = (await imported(admin, HEADER + ROWS, place="true")).json()
    assert answer == dry | {"mode": "apply"}
    assert answer["placed"] == [
        {"vendor": "acme", "number": "PO-7"},
        {"vendor": "acme", "number": "PO-8"},
    ]
    made = await orders(admin)
    assert {one["state"] for one in made.values()} == {"placed"}
    task = (await admin.tasks("B"))["order:acme:PO-7"]
    assert (task["progress_total"], task["expected_on"]) == (40, "2027-08-13")
    assert "order:acme:PO-8" in await admin.tasks("C")
    # Sent again it finds them placed, and nothing to do.
    again = (await imported(admin, HEADER + ROWS, place="true")).json()
    assert (again["rows"]["unchanged"], again["placed"], again["left_draft"]) == (4, [], [])


async def test_what_needs_another_person_stays_a_draft_and_says_so(
    admin: Caller, other: Caller, network: Body
) -> None:
    await admin.patch("/networks/N", {"approval_threshold_cents": 50_000})
    cheap = "acme,PO-9,CB,D,1,29900,,\n"
    answer = (await imported(admin, HEADER + ROWS + cheap, place="true")).json()
    assert [one["number"] for one in answer["placed"]] == ["PO-9"]
    dear, unpriced = answer["left_draft"]
    assert (dear["number"], unpriced["number"]) == ("PO-7", "PO-8")
    assert dear["why"].startswith("It costs 30,800.00; from 500.00 on another person")
    assert "CB has no price" in unpriced["why"]
    made = await orders(admin)
    states = {number: one["state"] for number, one in made.items()}
    assert states == {"PO-7": "draft", "PO-8": "draft", "PO-9": "placed"}
    await admin.post(f"/orders/{made['PO-7']['id']}/approve", None, 409)
    await other.post(f"/orders/{made['PO-7']['id']}/approve")


async def test_a_line_that_a_file_adds_to_a_draft_counts_with_those_it_has(
    admin: Caller, network: Body
) -> None:
    await admin.patch("/networks/N", {"approval_threshold_cents": 50_000})
    await imported(admin, HEADER + "acme,PO-9,CB,D,1,29900,,\n")
    more = (await imported(admin, HEADER + "acme,PO-9,CASE,D,1,25000,,\n", place="true")).json()
    assert [one["number"] for one in more["left_draft"]] == ["PO-9"]
    less = (await imported(admin, HEADER + "acme,PO-9,CASE,D,1,1500,,\n", place="true")).json()
    assert less["placed"] == [{"vendor": "acme", "number": "PO-9"}]
    assert (await orders(admin))["PO-9"]["state"] == "placed"


async def test_of_a_file_with_rejected_rows_nothing_is_placed(admin: Caller) -> None:
    content = HEADER + ROWS + "acme,PO-8,CB,NOWHERE,1,,,\n"
    answer = (await imported(admin, content, place="true")).json()
    assert (answer["rows"]["created"], answer["rows"]["rejected"]) == (4, 1)
    assert answer["placed"] == []
    assert {one["why"][:25] for one in answer["left_draft"]} == {"Rows of the file were rej"}
    assert {one["state"] for one in (await orders(admin)).values()} == {"draft"}
    mended = content.replace("NOWHERE,1", "D,1")
    answer = (await imported(admin, mended, place="true")).json()
    assert answer["rows"]["unchanged"] == 4
    assert [one["number"] for one in answer["placed"]] == ["PO-7", "PO-8"]
    assert {one["state"] for one in (await orders(admin)).values()} == {"placed"}
