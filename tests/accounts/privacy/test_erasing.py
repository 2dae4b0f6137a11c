"""A student who is erased is nowhere any more, comes back by nobody's roster, and can return."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from uuid import UUID

import pytest

from api.accounts.undo import undo_import
from api.auth.rules import Role
from api.db.embedded import EmbeddedServer
from tests.accounts import roster_files
from tests.accounts.conftest import As, Body, Caller, Rosters, csv_of, rows, student
from tests.accounts.privacy.scan import tables_naming
from tests.accounts.rosters import School, Student
from tests.accounts.targets.conftest import Scene
from tests.accounts.targets.scim_server import add_user, tenant, users

# In every value that is ever said of the child, and in nothing else.
WORD = "zqxj"
_SCHOOLS = [School("A", "org-A", "North", "N", 1, 0)]
_FORMATS: tuple[Callable[..., bytes], ...] = (
    roster_files.oneroster_1_1,
    roster_files.oneroster_1_2,
    roster_files.sds_1,
    roster_files.sds_2_1,
    roster_files.clever,
)


def child(**given: str) -> Body:
    names = {"given_name": "Zqxjana", "family_name": "Zqxjova", "email": "zqxj@example.org"}
    return student(7, **names | {"sourced_id": "zqxj-7", "username": "zqxj1"} | given)


def others() -> list[Body]:
    """Who is in every roster besides, with the same columns."""
    return [student(n, email="", username="") for n in range(20, 25)]


async def erase(rosters: Rosters, account_id: object) -> Body:
    done: Body = await rosters.caller.post(
        f"/accounts/{account_id}/erase", {"case_number": "2027/14"}
    )
    return done


async def ids_of_child(rosters: Rosters) -> list[UUID]:
    found = await rows(rosters.database, "SELECT id FROM accounts WHERE sourced_id ~ '^zqxj'")
    return [row[0] for row in found]


async def say_in_files(rosters: Rosters) -> None:
    """Rosters of every format and end, the last of them undone."""
    await rosters.run(csv_of([child(), *others()]), snapshot="full")
    married = [roster_line(child(family_name="Zqxjman")), *map(roster_line, others())]
    await rosters.run(b"\n".join(married))
    for place, archive in enumerate(_FORMATS):
        one = Student(f"zqxj-{place}", _SCHOOLS[0], "Zqxjana", "Zqxjova", "4")
        body = archive(lambda who=one: [who], list, _SCHOOLS)
        await rosters.run(body, source=f"sis-{place}")
    preview = csv_of([child(given_name="Zqxjette"), child(sourced_id="zqxj-8", username="zqxj8")])
    await rosters.run(preview, "previewed", mode="dry_run")
    wrong = [child(grade="zqxj-th"), child(sourced_id="", email="not@zqxj@all")]
    assert (await rosters.run(csv_of(wrong)))["rows"]["rejected"] == 2
    odd = b'{"sourced_id": "s00020", "school": "A"}\n{"sourced_id": "zqxj-7", "zqxj": 1}\n'
    assert (await rosters.run(odd))["rows"]["rejected"] == 1
    extra = {"users.csv": roster_files.table(roster_files.USERS_1_1 + ",zqxj", [])}
    await rosters.run(roster_files.zipped(extra | {"zqxj.csv": "zqxj\n"}), network="N")
    await rosters.run(b"sourced_id,Zqxjana,Zqxjova,4\n", "failed", network="N")
    made = await rosters.run(csv_of([child(sourced_id="zqxj-9", username="zqxj9")]))
    await rosters.caller.post(f"/account-imports/{made['id']}/undo", status=202)
    await undo_import(rosters.database, rosters.secret, UUID(made["id"]))
    # A run that died after it was cancelled left its rows behind.
    await rosters.database_does(
        "CREATE TABLE staging.account_rows_018f00000000700080000000000000ff AS"
        " SELECT 'Zqxjana' AS given_name"
    )


async def say_one_by_one(rosters: Rosters, admin: Caller) -> str:
    """What people and scripts say of a child; gives the id of the account."""
    batch = {"network": "N", "rows": [child(grade="5")]}
    answer = await admin.answer("POST", "/accounts/batch", batch, idempotency_key="batch-1")
    assert answer.status_code == 200
    one = (await rosters.accounts())["zqxj-7"]["id"]
    await admin.patch(f"/accounts/{one}", {"given_name": "Zqxjina", "username": "zqxj2"})
    # What the database refuses it writes into its own log.
    other = (await rosters.accounts())["s00020"]["id"]
    answer = await admin.answer("PATCH", f"/accounts/{other}", {"username": "zqxj2"}, if_match="*")
    assert answer.json()["code"] == "username-taken"
    rekeyed = {"sourced_id": "zqxj-77"}
    answer = await admin.answer("POST", f"/accounts/{one}/rekey", rekeyed, idempotency_key="rekey")
    assert answer.status_code == 200
    await admin.get("/accounts?q=zqxj")
    await admin.get(f"/accounts/{one}/report")
    return str(one)


async def hand_on(scene: Scene, admin: Caller, base: str, account_id: str) -> Body:
    """Tell other systems of the child; gives the target it went to."""
    # Somebody there has the name already, so the child gets another.
    add_user(base, userName="zqxj2", name={"givenName": "A", "familyName": "B"})
    target = await scene.target(base, policy="rename")
    await scene.sync(target)
    there = {one.get("externalId"): one["userName"] for one in users(base)}
    assert there[account_id].startswith("zqxj2"), "with a number after it"
    await admin.post("/schools/A/initial-passwords", {})
    assert WORD in await exported(admin)
    cards = await admin.answer("POST", "/schools/A/login-cards?format=html", {"undelivered": True})
    assert WORD in cards.text.lower()
    await admin.post("/schools/A/initial-passwords", {"renew": True})
    return target


async def exported(admin: Caller) -> str:
    """Everybody, as a system is told."""
    answer = await admin.answer("GET", "/accounts/export?format=gam&network=N&domain=n.example")
    assert answer.status_code == 200, answer.text
    return answer.text.lower()


def roster_line(one: Body) -> bytes:
    person = Student(**{**one, "school": _SCHOOLS[0]})
    return b"".join(roster_files.ndjson([person])).strip()


async def test_nothing_of_an_erased_child_is_left_anywhere(
    scene: Scene,
    admin: Caller,
    server: EmbeddedServer,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    rosters, base = scene.rosters, tenant(scene.scim)
    with caplog.at_level(logging.INFO):
        await say_in_files(rosters)
        one = await say_one_by_one(rosters, admin)
        target = await hand_on(scene, admin, base, one)
        assert await tables_naming(rosters.database, WORD) == {
            "accounts",
            "account_changes",
            "account_import_chunks",
            "account_import_issues",
            "account_imports",
            "account_rows_018f00000000700080000000000000ff",
            "idempotency_keys",
            "target_accounts",
        }
        everybody = len(await rosters.accounts())
        ids = await ids_of_child(rosters)
        assert len(ids) == 6
        for account_id in ids:
            erased = await erase(rosters, account_id)
            assert erased["account_id"] == str(account_id)
        assert await tables_naming(rosters.database, WORD) == set()
        assert len(await rosters.accounts()) == everybody - 6
        assert WORD not in await exported(admin)
        # The target is told, and until it confirms its own ids of them are kept.
        assert len(await scene.queue(target, "waiting")) == 6
        await scene.sync(target)
        assert {one["userName"] for one in users(base)} & {"zqxj1", "zqxj2", "zqxj9"} == {"zqxj2"}
        assert not {one.get("externalId") for one in users(base)} & set(map(str, ids))
        assert await scene.queue(target, "waiting") == []
        assert len(await scene.queue(target)) == everybody - 6
    # Less what the test's own client says.
    ours = [one.getMessage() for one in caplog.records if one.name != "httpx"]
    said = "\n".join([*ours, *capfd.readouterr(), server.log.read_text(errors="replace")])
    assert "uq_accounts_network_id_username" in said
    assert "/v1/accounts/{account_id}/erase" in said, "the log is looked at"
    assert WORD not in said.lower()
    # What is left tells that somebody was erased, and what was disclosed of them before.
    found = (await admin.get("/erasures?network=N"))["items"]
    assert {one["account_id"] for one in found} == set(map(str, ids))
    assert {one["case_number"] for one in found} == {"2027/14"}
    told = [(await admin.get(f"/disclosures?account={one}"))["items"] for one in ids]
    assert all({"list"} <= {one["purpose"] for one in some} for some in told)


async def test_the_next_roster_does_not_bring_an_erased_child_back(
    rosters: Rosters, admin: Caller, lead: Caller
) -> None:
    roster = csv_of([child(), *others()])
    await rosters.run(roster, snapshot="full")
    before = await rosters.accounts()
    erased = await erase(rosters, before["zqxj-7"]["id"])
    # Not even where a mistake in the file would stop it: this is none.
    ended = await rosters.run(roster, snapshot="full", on_error="abort")
    assert ended["rows"]["rejected"] == 1
    assert "zqxj-7" not in await rosters.accounts()
    [issue] = await rosters.issues(ended["id"])
    assert (issue["code"], issue["column"], issue["got"]) == ("erased-student", "sourced_id", None)
    batch = await admin.post("/accounts/batch", {"network": "N", "rows": [child()]})
    assert [one["code"] for one in batch["results"]] == ["erased-student"]
    other = before["s00020"]["id"]
    refused = await admin.answer("POST", f"/accounts/{other}/rekey", {"sourced_id": "zqxj-7"})
    assert (refused.status_code, refused.json()["code"]) == (409, "student-erased")
    # Until somebody says so; then the name that was theirs is theirs again.
    await lead.post(f"/erasures/{erased['id']}/lift", status=403)
    lifted = await admin.post(f"/erasures/{erased['id']}/lift")
    assert lifted == await admin.post(f"/erasures/{erased['id']}/lift")
    ended = await rosters.run(roster, snapshot="full")
    assert (ended["rows"]["created"], ended["rows"]["rejected"]) == (1, 0)
    back = (await rosters.accounts())["zqxj-7"]
    assert back["username"] == before["zqxj-7"]["username"]
    assert back["id"] != before["zqxj-7"]["id"]


async def test_nobody_else_is_given_the_name_of_an_erased_child(rosters: Rosters) -> None:
    await rosters.run(csv_of([child()]))
    await erase(rosters, (await ids_of_child(rosters))[0])
    ended = await rosters.run(csv_of([student(1, username="zqxj1")]))
    assert [one["code"] for one in await rosters.issues(ended["id"])] == ["username-burnt"]


async def test_an_import_that_is_still_needed_comes_first(rosters: Rosters, admin: Caller) -> None:
    await rosters.run(csv_of([child(), *others()]), snapshot="full")
    [account_id] = await ids_of_child(rosters)
    held = await rosters.run(csv_of(others()[:1]), "held", snapshot="full")
    refused = await admin.post(f"/accounts/{account_id}/erase", {}, 409)
    assert (refused["code"], refused["import_id"]) == ("imports-open", held["id"])
    assert "approve or cancel" in refused["detail"]
    await admin.post(f"/account-imports/{held['id']}/cancel")
    waiting = await rosters.send(csv_of([child(grade="8")]))
    refused = await admin.post(f"/accounts/{account_id}/erase", {}, 409)
    assert refused["import_id"] == waiting["id"]
    await rosters.done(waiting["id"])
    await erase(rosters, account_id)
    await admin.post(f"/accounts/{account_id}/erase", {}, 404)


async def test_of_two_who_erase_at_once_one_does(rosters: Rosters, admin: Caller) -> None:
    await rosters.run(csv_of([child(), *others()]))
    [account_id] = await ids_of_child(rosters)
    path = f"/accounts/{account_id}"
    answers = await asyncio.gather(
        admin.answer("POST", f"{path}/erase", {}),
        admin.answer("POST", f"{path}/erase", {}),
        admin.answer("PATCH", path, {"grade": "11"}, if_match="*"),
    )
    *erased, patched = (answer.status_code for answer in answers)
    assert sorted(erased) == [200, 404]
    assert patched in (200, 404, 412)
    assert await ids_of_child(rosters) == []
    assert len((await admin.get("/erasures"))["items"]) == 1


async def test_the_gate_counts_an_erased_child_no_more(
    rosters: Rosters, admin: Caller, shipped: None, calling: As, lead: Caller
) -> None:
    await admin.patch("/schools/A", {"enrollment": 6})
    body = {"playbook": "one_to_one", "first_bell": "2027-08-23"}
    await admin.post("/schools/A/rollouts", body, 201)
    await rosters.run(csv_of([child(), *others()]))
    assert (await rosters.gate())["progress_done"] == 6
    [account_id] = await ids_of_child(rosters)
    await lead.post(f"/accounts/{account_id}/erase", {}, 403)
    async with calling(Role.viewer, sees_names=True) as viewer:
        await viewer.post(f"/accounts/{account_id}/erase", {}, 403)
    await admin.post(f"/accounts/{account_id}/erase", {"case_number": "Zqxjana Zqxjova"}, 422)
    await erase(rosters, account_id)
    assert (await rosters.gate())["progress_done"] == 5
