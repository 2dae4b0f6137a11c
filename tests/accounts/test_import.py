"""A roster on its way to accounts: what is made, changed, left alone, refused."""

from __future__ import annotations

from tests.accounts.conftest import Caller, Rosters, csv_of, rows, student


def counts(ended: dict[str, dict[str, int]]) -> dict[str, int]:
    return {name: count for name, count in ended["rows"].items() if count}


async def test_a_roster_makes_accounts_with_usernames(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of(student(n) for n in range(20)))
    assert counts(ended) == {"total": 20, "created": 20}
    assert (ended["percent"], ended["format"], ended["network"]) == (100, "csv", "N")
    accounts = await rosters.accounts()
    assert accounts.keys() == {f"s{n:05}" for n in range(20)}
    assert len({one["username"] for one in accounts.values()}) == 20
    first = accounts["s00000"]
    assert (first["given_name"], first["grade"], first["school"]) == ("Ada", 1, "A")
    assert (first["status"], first["version"]) == ("active", 1)
    assert first["import_id"] == ended["id"]


async def test_the_same_roster_again_writes_nothing(rosters: Rosters) -> None:
    body = csv_of(student(n) for n in range(20))
    await rosters.run(body)
    before = await rosters.accounts()
    ended = await rosters.run(body)
    assert counts(ended) == {"total": 20, "unchanged": 20}
    assert await rosters.accounts() == before
    assert await rows(rosters.database, "SELECT * FROM account_changes") == []


async def test_a_new_source_s_next_roster_need_not_wait_for_autovacuum(rosters: Rosters) -> None:
    """Taken for empty, hundreds of thousands of accounts were compared each with each."""
    await rosters.run(csv_of([student(n) for n in range(200)]), source="small")
    await rosters.database_does("ANALYZE accounts")
    sources = (
        "SELECT count(*) FROM account_sources s, pg_stats p WHERE p.tablename = 'accounts'"
        " AND p.attname = 'source_id' AND s.slug = 'large'"
        " AND s.id = ANY(p.most_common_vals::text::uuid[])"
    )
    some = [student(n) for n in range(1_500)]
    await rosters.run(csv_of(some), source="large", snapshot="full")
    assert await rows(rosters.database, sources) == [(1,)]
    ended = await rosters.run(csv_of(some), source="large", snapshot="full")
    assert ended["rows"]["unchanged"] == 1_500


async def test_only_what_differs_is_written(rosters: Rosters) -> None:
    await rosters.run(csv_of(student(n) for n in range(20)))
    before = await rosters.accounts()
    changed = [student(n) for n in range(20)]
    changed[3]["given_name"] = "Zoë"
    changed[4]["school"] = "org-B"
    ended = await rosters.run(csv_of([*changed, student(20)]))
    assert counts(ended) == {"total": 21, "created": 1, "updated": 2, "unchanged": 18}
    after = await rosters.accounts()
    differing = {name for name in before if before[name] != after[name]}
    assert differing == {"s00003", "s00004"}
    assert (after["s00003"]["given_name"], after["s00003"]["version"]) == ("Zoë", 2)
    assert after["s00003"]["username"] == before["s00003"]["username"]
    assert after["s00004"]["school"] == "B"


async def test_rows_that_cannot_be_taken_are_explained_and_the_rest_applied(
    rosters: Rosters,
) -> None:
    some = [student(n, username="") for n in range(6)]
    some[1]["school"] = "NOWHERE"
    some[2]["grade"] = "15"
    some[3]["sourced_id"] = some[0]["sourced_id"]
    some[4]["username"] = some[5]["username"] = "same.name"
    ended = await rosters.run(csv_of(some))
    assert counts(ended) == {"total": 6, "created": 2, "rejected": 4}
    found = {
        one["row"]: (one["column"], one["code"], one["got"])
        for one in await rosters.issues(ended["id"])
    }
    assert found == {
        3: ("school", "school-unknown", "NOWHERE"),
        4: ("grade", "grade-unknown", "15"),
        5: ("sourced_id", "row-twice", "s00000"),
        7: ("username", "username-twice", "same.name"),
    }
    assert (await rosters.accounts()).keys() == {"s00000", "s00004"}


async def test_with_abort_nothing_is_written_when_a_row_is_wrong(rosters: Rosters) -> None:
    some = [student(0), student(1, school="NOWHERE")]
    ended = await rosters.run(csv_of(some), "failed", on_error="abort")
    assert ended["problem"]["code"] == "import-aborted"
    assert ended["rows"]["rejected"] == 1
    assert len(await rosters.issues(ended["id"])) == 1
    assert await rosters.accounts() == {}


async def test_a_dry_run_says_what_would_happen_and_does_nothing(rosters: Rosters) -> None:
    await rosters.run(csv_of(student(n) for n in range(10)))
    before = await rosters.accounts()
    some = [student(n) for n in range(1, 12)]
    some[0]["family_name"] = "Changed"
    ended = await rosters.run(csv_of(some), "previewed", mode="dry_run", snapshot="full")
    assert counts(ended) == {
        "total": 11, "created": 2, "updated": 1, "unchanged": 8, "missing": 1,
    }  # fmt: skip
    assert await rosters.accounts() == before
    samples = ended["samples"]
    assert [one["sourced_id"] for one in samples["created"]] == ["s00010", "s00011"]
    assert all(one["username"] for one in samples["created"])
    assert samples["updated"][0]["changes"] == {"family_name": ["Adler", "Changed"]}
    assert [one["sourced_id"] for one in samples["missing"]] == ["s00000"]
    # What it gave out in the preview is still there to be given.
    applied = await rosters.run(csv_of(some), snapshot="full")
    accounts = await rosters.accounts()
    assert [accounts[one["sourced_id"]]["username"] for one in samples["created"]] == [
        one["username"] for one in samples["created"]
    ]
    assert applied["rows"] == ended["rows"]


async def test_an_absent_column_is_left_alone(rosters: Rosters) -> None:
    await rosters.run(csv_of([student(1, email="s1@example.org")]))
    only = {"sourced_id": "s00001", "school": "B"}
    ended = await rosters.run(csv_of([only]))
    assert counts(ended) == {"total": 1, "updated": 1}
    account = (await rosters.accounts())["s00001"]
    assert (account["school"], account["email"]) == ("B", "s1@example.org")
    assert (account["given_name"], account["grade"]) == ("Ben", 2)


async def test_a_new_student_needs_what_an_account_needs(rosters: Rosters) -> None:
    ended = await rosters.run(csv_of([{"sourced_id": "s00001", "school": "B"}]))
    assert counts(ended) == {"total": 1, "rejected": 1}
    assert [one["code"] for one in await rosters.issues(ended["id"])] == ["required"]


async def test_the_gate_of_a_school_moves_with_its_accounts(
    rosters: Rosters, shipped: None, admin: Caller
) -> None:
    await admin.patch("/schools/A", {"enrollment": 20})
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", body, 201)
    gate = await rosters.gate()
    assert (gate["progress_done"], gate["progress_total"], gate["status"]) == (0, 20, "pending")
    await rosters.run(csv_of(student(n) for n in range(16)), snapshot="full")
    gate = await rosters.gate()
    # 16 of 20 is under 85 percent: a roster that was cut short proves nothing.
    assert (gate["progress_done"], gate["progress_total"]) == (16, 20)
    assert "by enrollment; the last full roster names 16" in gate["cause"]
    await rosters.run(csv_of(student(n) for n in range(18)), snapshot="full")
    gate = await rosters.gate()
    assert (gate["progress_done"], gate["progress_total"], gate["status"]) == (18, 18, "done")
    assert "by the last full roster" in gate["cause"]
    await admin.patch("/schools/A", {"enrollment": 30})
    gate = await rosters.gate()
    assert (gate["progress_done"], gate["progress_total"]) == (18, 30)
    assert gate["status"] == "in_progress"


async def test_where_no_accounts_are_kept_a_persons_word_stays(
    rosters: Rosters, shipped: None, admin: Caller
) -> None:
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", body, 201)
    gate = await rosters.gate()
    await admin.post(f"/tasks/{gate['id']}/evidence", {"done": 12, "total": 15})
    await admin.patch("/schools/A", {"enrollment": 30})
    gate = await rosters.gate()
    assert (gate["progress_done"], gate["progress_total"]) == (12, 15)
    await rosters.run(csv_of(student(n) for n in range(2)))
    gate = await rosters.gate()
    assert (gate["progress_done"], gate["progress_total"]) == (2, 30)
