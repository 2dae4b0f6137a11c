"""The import over HTTP: dry run and apply, twice, in part, not at all."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text

from api.auth.rules import Role
from api.db.pool import Database
from api.db.uow import WriteSession, reading
from api.facts import (
    EnrollmentsChanged,
    RolloutsProposed,
    RolloutsWished,
    RolloutWished,
    SchoolsAdded,
)
from tests.schools.conftest import As, Client, changed, imported, made

HEADER = "code,sourced_id,name,network,timezone,enrollment,teacher_count,model,first_bell,wave\n"
# The last row of the file is wrong in two cells.
ROWS = (
    "KIPP-ASCEND,400044,KIPP Ascend Charter School,CPS,,320,21,one_to_one,2027-08-23,1\n"
    ",400011,Alain Locke Charter School,CPS,America/Denver,453,,,,\n"
    ",,Lincoln School,KIPP,,,,,,\n"
    ",,Lincoln,KIPP,,,,,,\n"
    "X Y,1,Broken,CPS,,many,,,,\n"
)


async def listed(client: Client) -> dict[str, dict[str, Any]]:
    items = (await client.get("/v1/schools", params={"limit": 1000})).json()["items"]
    return {school["code"]: school for school in items}


async def written(database: Database) -> int:
    """How many rows of history there are: nothing can change without one."""
    async with reading(database) as session:
        counted: int = (await session.execute(text("SELECT count(*) FROM history"))).scalar_one()
        return counted


@pytest.fixture(autouse=True)
async def networks(cps: dict[str, Any], kipp: dict[str, Any]) -> None:
    """Both networks are there."""


async def test_a_file_makes_schools_and_says_what_it_refused(client: Client) -> None:
    answer = await imported(client, HEADER + ROWS)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["mode"] == "apply"
    assert body["rows"] == {
        "total": 5,
        "created": 4,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
    }
    assert [(issue["row"], issue["column"], issue["got"]) for issue in body["issues"]] == [
        (6, "code", "X Y"),
        (6, "enrollment", "many"),
    ]
    schools = await listed(client)
    assert sorted(schools) == ["ALAIN-LOCKE", "KIPP-ASCEND", "LINCOLN", "LINCOLN-2"]
    assert schools["LINCOLN"]["name"] == "Lincoln School", "codes are made in the file's order"
    ascend = schools["KIPP-ASCEND"]
    assert (ascend["enrollment"], ascend["teacher_count"]) == (320, 21)
    assert (ascend["sourced_id"], ascend["timezone"]) == ("400044", "America/Chicago")
    locke = schools["ALAIN-LOCKE"]
    assert (locke["timezone"], locke["teacher_count"]) == ("America/Denver", None)


async def test_a_dry_run_says_the_same_and_writes_nothing(
    client: Client, database: Database
) -> None:
    await imported(client, "name,network,enrollment\nLincoln,KIPP,5\n")
    before, history = await listed(client), await written(database)
    dry = (await imported(client, HEADER + ROWS, mode="dry_run")).json()
    assert (await listed(client), await written(database)) == (before, history)
    applied = (await imported(client, HEADER + ROWS)).json()
    assert dry | {"mode": "apply"} == applied
    assert applied["rows"]["updated"] == 1, "the empty enrollment of Lincoln"


async def test_the_same_file_again_changes_nothing(client: Client, database: Database) -> None:
    await imported(client, HEADER + ROWS)
    before, history = await listed(client), await written(database)
    again = (await imported(client, HEADER + ROWS)).json()
    assert again["rows"] == {
        "total": 5,
        "created": 0,
        "updated": 0,
        "unchanged": 4,
        "rejected": 1,
    }
    assert (await listed(client), await written(database)) == (before, history)


async def test_absent_columns_stay_and_empty_counts_are_cleared(client: Client) -> None:
    await imported(client, HEADER + ROWS)
    before = (await listed(client))["KIPP-ASCEND"]
    await imported(client, "network,name,code\nCPS,Ascend,kipp-ascend\n")
    after = (await listed(client))["KIPP-ASCEND"]
    assert after["name"] == "Ascend"
    assert after | {"name": "", "version": 0, "updated_at": ""} == before | {
        "name": "",
        "version": 0,
        "updated_at": "",
    }
    await imported(
        client,
        "network,name,code,enrollment,timezone,sourced_id\nCPS,Ascend,kipp-ascend,,,\n",
    )
    cleared = (await listed(client))["KIPP-ASCEND"]
    assert cleared["enrollment"] is None
    assert (cleared["timezone"], cleared["sourced_id"]) == (after["timezone"], "400044")
    assert cleared["teacher_count"] == 21


async def test_rows_find_schools_by_code_then_sourced_id_then_name(client: Client) -> None:
    given = {"name": "Old", "network": "CPS", "code": "ONE", "sourced_id": "7"}
    await made(client, "/v1/schools", given)
    for row, name in (("ONE,,By code", "By code"), (",7,By id", "By id"), (",,by  ID", "by  ID")):
        answer = await imported(client, f"code,sourced_id,name,network\n{row},CPS\n")
        assert answer.json()["rows"]["updated"] == 1, answer.text
        assert {school["name"] for school in (await listed(client)).values()} == {name}
    # The same id in another network is another school.
    answer = await imported(client, "sourced_id,name,network\n7,Elsewhere,KIPP\n")
    assert answer.json()["rows"]["created"] == 1


@pytest.mark.parametrize(
    ("row", "column", "code"),
    [
        ("A,,Name,NOWHERE", "network", "network-unknown"),
        ("TAKEN,,Name,CPS", "code", "code-taken"),
        ("OTHER,7,Name,KIPP", "code", "code-differs"),
        ("TAKEN,8,Name,KIPP", "sourced_id", "sourced-id-taken"),
        (",,Twin,KIPP", "name", "name-ambiguous"),
        ("GONE,,Name,KIPP", "name", "school-archived"),
        (",,,KIPP", "name", "required"),
        ("A,,Name", None, "row-ragged"),
        ("A,,Name,KIPP,more", None, "row-ragged"),
        ("A,,Na\x00me,KIPP", "name", "control-character"),
        ('A,,"two\nlines",KIPP', "name", "control-character"),
        (f"A,,{'x' * 201},KIPP", "name", "too-long"),
    ],
)
async def test_a_wrong_row_is_named_and_the_others_go_in(
    client: Client, row: str, column: str | None, code: str
) -> None:
    for given in (
        {"name": "T", "code": "TAKEN", "sourced_id": "7"},
        {"name": "U", "code": "U", "sourced_id": "8"},
        {"name": "Twin", "code": "TWIN-A"},
        {"name": "twin", "code": "TWIN-B"},
        {"name": "Gone", "code": "GONE"},
    ):
        await made(client, "/v1/schools", given | {"network": "KIPP"})
    await changed(client, "/v1/schools/GONE", {"archived": True})
    before = await listed(client)
    content = f"code,sourced_id,name,network\nGOOD,,Good,CPS\n{row}\n"
    body = (await imported(client, content)).json()
    (issue,) = body["issues"]
    assert (issue["row"], issue["column"], issue["code"]) == (3, column, code)
    assert issue["expected"]
    assert body["rows"] == {
        "total": 2,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "rejected": 1,
    }
    assert (await listed(client)).keys() == before.keys() | {"GOOD"}


@pytest.mark.parametrize(
    ("rows", "column"),
    [
        ("A,1,One,CPS\na,2,Two,CPS", "code"),
        (",1,One,CPS\n,1,Two,CPS", "sourced_id"),
        (",,One,CPS\n,, ONE ,CPS", "name"),
        ("KNOWN,,One,CPS\n,9,Two,CPS", "name"),
    ],
)
async def test_of_two_rows_about_one_school_the_first_counts(
    client: Client, rows: str, column: str
) -> None:
    given = {"name": "Known", "code": "KNOWN", "sourced_id": "9", "network": "CPS"}
    await made(client, "/v1/schools", given)
    body = (await imported(client, f"code,sourced_id,name,network\n{rows}\n")).json()
    (issue,) = body["issues"]
    assert (issue["row"], issue["column"], issue["code"]) == (3, column, "row-twice")
    assert "One" in {school["name"] for school in (await listed(client)).values()}


async def test_abort_writes_nothing_when_a_row_is_wrong(client: Client, database: Database) -> None:
    history = await written(database)
    answer = await imported(client, HEADER + ROWS, on_error="abort")
    assert answer.status_code == 422
    body = answer.json()
    assert body["code"] == "import-aborted"
    assert [error["pointer"] for error in body["errors"]] == ["/rows/6/code", "/rows/6/enrollment"]
    assert body["rows"]["rejected"] == 1
    assert await listed(client) == {}
    assert await written(database) == history
    good = HEADER + ROWS.rpartition("X Y")[0]
    assert (await imported(client, good, on_error="abort")).json()["rows"]["created"] == 4


async def test_facts_are_told_once_for_all_and_wishes_only_where_they_differ(
    client: Client, database: Database
) -> None:
    told: list[Any] = []
    rollouts: dict[Any, RolloutWished] = {}

    async def listen(session: WriteSession, fact: Any) -> None:
        told.append(fact)

    async def compare(session: WriteSession, fact: RolloutsProposed) -> None:
        fact.differing.update(
            wish.school_id for wish in fact.wishes if rollouts.get(wish.school_id) != wish
        )

    async def carry_out(session: WriteSession, fact: RolloutsWished) -> None:
        assert {wish.school_id for wish in fact.wishes} <= session.held_schools
        rollouts.update({wish.school_id: wish for wish in fact.wishes})
        told.append(fact)

    for fact in (SchoolsAdded, EnrollmentsChanged):
        database.bus.subscribe(fact, listen)
    database.bus.subscribe(RolloutsProposed, compare)
    database.bus.subscribe(RolloutsWished, carry_out)

    await imported(client, HEADER + ROWS)
    (added,) = told
    assert isinstance(added, SchoolsAdded)
    assert [(str(one.first_bell), one.wave) for one in added.schools] == [
        ("2027-08-23", "1"),
        ("None", None),
        ("None", None),
        ("None", None),
    ]
    told.clear()
    content = "code,name,network,first_bell,enrollment\nKIPP-ASCEND,Ascend,CPS,2027-09-01,321\n"
    dry = (await imported(client, content, mode="dry_run")).json()
    assert told == []
    assert (await imported(client, content)).json() == dry | {"mode": "apply"}
    assert [type(fact) for fact in told] == [EnrollmentsChanged, RolloutsWished]
    assert (told[0].schools[0].enrollment, told[0].schools[0].teacher_count) == (321, 21)
    assert str(told[1].wishes[0].first_bell) == "2027-09-01"
    told.clear()
    later = content.replace("2027-09-01", "2027-09-02")
    assert (await imported(client, later)).json()["rows"]["updated"] == 1
    assert [type(fact) for fact in told] == [RolloutsWished]
    assert (await imported(client, later)).json()["rows"]["unchanged"] == 1


async def test_an_import_needs_a_whole_network_that_the_caller_sees(
    client: Client, calling: As, cps: dict[str, Any]
) -> None:
    school = await made(client, "/v1/schools", {"name": "Mine", "network": "CPS"})
    async with calling(Role.ops, network_id=cps["id"]) as ops:
        body = (await imported(ops, "name,network\nA,CPS\nB,KIPP\n")).json()
        assert [issue["code"] for issue in body["issues"]] == ["network-unknown"]
        assert body["rows"]["created"] == 1
    limits = {"network_id": cps["id"], "school_ids": [school["id"]]}
    async with calling(Role.ops, **limits) as limited:
        assert (await imported(limited, "name,network\nC,CPS\n")).status_code == 403
    async with calling(Role.viewer) as viewer:
        assert (await imported(viewer, "name,network\nC,CPS\n")).status_code == 403


async def test_files_have_a_type_and_a_size(client: Client) -> None:
    body = b"name,network\nA,CPS\n"
    kind = {"content-type": "application/json"}
    answer = await client.post("/v1/schools/import", content=body, headers=kind)
    assert answer.status_code == 415
    large = b"name,network\n" + b"\n" * 3_000_000
    assert (await imported(client, large)).json()["rows"]["total"] == 0
    answer = await imported(client, b"\x00" * 20_000_001)
    assert answer.status_code == 413
    assert (await imported(client, b"\x00" * 19_000_000)).status_code == 422
    assert (await imported(client, "")).status_code == 422
    assert (await imported(client, body, mode="pretend")).status_code == 422


async def test_a_key_makes_a_repeated_upload_answer_the_same(client: Client) -> None:
    headers = {"content-type": "text/csv", "idempotency-key": "once"}
    answers = [
        await client.post("/v1/schools/import", content=b"name,network\nA,CPS\n", headers=headers)
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert answers[1].json()["rows"]["created"] == 1


async def test_thousands_of_rows_go_in_with_a_handful_of_statements(
    client: Client, database: Database
) -> None:
    rows = "".join(f"Lincoln School,CPS,{number}\n" for number in range(3000))
    content = "name,network,sourced_id\n" + rows
    sent = await statements(database, client, content)
    assert sent["rows"]["created"] == 3000
    few = await statements(database, client, "name,network,sourced_id\nNew,CPS,new\n")
    assert sent["statements"] == few["statements"]
    codes = {school["code"] for school in (await listed(client)).values()}
    assert len(codes) == 1000, "a page of them, all different"


async def statements(database: Database, client: Client, content: str) -> dict[str, Any]:
    """The import's answer, and how many statements it took to write."""
    count = 0

    def counted(*_: Any) -> None:
        nonlocal count
        count += 1

    event.listen(database.engine.sync_engine, "before_cursor_execute", counted)
    try:
        answer: dict[str, Any] = (await imported(client, content)).json()
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", counted)
    return answer | {"statements": count}
