"""All that is kept of one student, told to who answers for it."""

from __future__ import annotations

from uuid import UUID

from api.accounts.privacy.rules import SCHEDULE
from api.auth.rules import Role
from tests.accounts.conftest import As, Caller, Rosters, csv_of, student


async def test_a_report_tells_all_that_is_kept_and_who_was_told(
    rosters: Rosters, admin: Caller
) -> None:
    await rosters.run(csv_of([student(1), student(2)]))
    changed = await rosters.run(csv_of([student(1, grade="9"), student(2)]))
    one = (await rosters.accounts())["s00001"]
    await admin.patch(f"/accounts/{one['id']}", {"given_name": "Adaeze"})
    await admin.get("/accounts")
    await admin.post("/targets", {"network": "N", "slug": "paper", "kind": "csv"}, 201)
    await admin.post("/schools/A/initial-passwords", {})
    report = await admin.get(f"/accounts/{one['id']}/report")
    assert report["account"]["given_name"] == "Adaeze"
    assert report["account"]["sourced_id"] == "s00001"
    [edit] = report["edits"]
    assert (edit["field"], edit["source"]) == ("given_name", "Ben")
    [change] = report["changes"]
    assert (change["import_id"], change["kind"]) == (changed["id"], "updated")
    assert change["before"]["grade"] == 2
    told = [one["purpose"] for one in report["disclosures"]]
    assert told == ["report", "list", "change", "read"], "and that this was told"
    assert report["disclosures_total"] == 4
    [there] = report["targets"]
    assert (there["target"], there["observed"]) == ("paper", "none")
    assert report["initial_password"]["handed_out_at"] is None
    assert "sealed" not in report["initial_password"]
    assert [line["what"] for line in report["schedule"]] == [line.what for line in SCHEDULE]


async def test_who_may_not_see_names_is_told_the_rest(
    rosters: Rosters, admin: Caller, calling: As, lead: Caller
) -> None:
    await rosters.run(csv_of([student(1)]))
    await rosters.run(csv_of([student(1, family_name="Moved")]))
    one = (await rosters.accounts())["s00001"]
    await admin.patch(f"/accounts/{one['id']}", {"given_name": "Adaeze"})
    await lead.get(f"/accounts/{one['id']}/report", 403)
    async with calling(Role.ops, network_id=UUID(one["network_id"])) as nameless:
        answer = await nameless.answer("GET", f"/accounts/{one['id']}/report")
    assert answer.status_code == 200
    assert not {"Adaeze", "Moved", "Ben", one["username"]} & set(answer.text.split('"'))
    assert answer.json()["changes"][0]["kind"] == "updated"
