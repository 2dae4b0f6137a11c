"""Whose word stands: a person's against an older roster's, a newer roster's against theirs."""

from __future__ import annotations

from datetime import timedelta

from api import clock
from tests.accounts.conftest import Caller, Rosters, csv_of, rows, student
from tests.accounts.roster_files import USERS_1_1, table, zipped

NIGHT = timedelta(days=1)


async def edit(admin: Caller, rosters: Rosters, sourced_id: str, **given: object) -> None:
    account = (await rosters.accounts())[sourced_id]
    await admin.patch(f"/accounts/{account['id']}", dict(given))


async def test_a_person_s_edit_stands_while_the_source_says_the_same(
    rosters: Rosters, admin: Caller
) -> None:
    body = csv_of([student(0), student(1)])
    await rosters.run(body)
    await edit(admin, rosters, "s00000", given_name="Adelaide")
    with clock.moved_to(clock.now() + NIGHT):
        ended = await rosters.run(body)
    assert ended["rows"]["unchanged"] == 2
    assert (await rosters.accounts())["s00000"]["given_name"] == "Adelaide"


async def test_a_source_that_says_something_new_since_then_wins(
    rosters: Rosters, admin: Caller
) -> None:
    await rosters.run(csv_of([student(0)]))
    await edit(admin, rosters, "s00000", given_name="Adelaide", school="B")
    with clock.moved_to(clock.now() + NIGHT):
        ended = await rosters.run(csv_of([student(0, given_name="Addie")]))
    assert ended["rows"]["updated"] == 1
    account = (await rosters.accounts())["s00000"]
    # Each field by itself: of the school the source says what it always said.
    assert (account["given_name"], account["school"]) == ("Addie", "B")
    assert account["edits"].keys() == {"school_id"}
    # From now on the source is believed as before.
    with clock.moved_to(clock.now() + 2 * NIGHT):
        await rosters.run(csv_of([student(0)]))
    assert (await rosters.accounts())["s00000"]["given_name"] == "Ada"


async def test_a_roster_from_before_the_edit_does_not_overwrite_it(
    rosters: Rosters, admin: Caller
) -> None:
    await rosters.run(csv_of([student(0)]))
    sent = await rosters.send(csv_of([student(0, given_name="Addie")]))
    await edit(admin, rosters, "s00000", given_name="Adelaide")
    ended = await rosters.done(sent["id"])
    assert ended["rows"]["unchanged"] == 1
    assert (await rosters.accounts())["s00000"]["given_name"] == "Adelaide"


async def test_a_row_s_own_moment_counts_where_it_has_one(rosters: Rosters, admin: Caller) -> None:
    """OneRoster's `dateLastModified`: the row may be older than the file that brings it."""

    def delta(moment: str) -> bytes:
        row = {
            "sourcedId": "s00000", "status": "active", "dateLastModified": moment,
            "enabledUser": "true", "orgSourcedIds": "org-A", "role": "student", "username": "",
            "givenName": "Addie", "familyName": "Adler", "grades": "01",
        }  # fmt: skip
        return zipped(
            {
                "manifest.csv": [
                    ["propertyName", "value"], ["manifest.version", "1.0"],
                    ["oneroster.version", "1.1"], ["file.users", "delta"],
                    ["file.orgs", "absent"],
                ],
                "users.csv": table(USERS_1_1, [row]),
            }
        )  # fmt: skip

    await rosters.run(csv_of([student(0)]))
    await edit(admin, rosters, "s00000", given_name="Adelaide")
    older = await rosters.run(delta("2020-01-01T00:00:00.000Z"))
    assert older["snapshot"] == "delta"
    assert (await rosters.accounts())["s00000"]["given_name"] == "Adelaide", older
    newer = (clock.now() + NIGHT).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    await rosters.run(delta(newer))
    assert (await rosters.accounts())["s00000"]["given_name"] == "Addie"


async def test_who_a_person_suspended_stays_so_until_the_source_has_news(
    rosters: Rosters, admin: Caller
) -> None:
    body = csv_of([student(n) for n in range(20)])
    await rosters.run(body, snapshot="full")
    await edit(admin, rosters, "s00000", status="suspended")
    with clock.moved_to(clock.now() + NIGHT):
        ended = await rosters.run(body, snapshot="full")
        assert ended["rows"]["restored"] == 0
        assert (await rosters.accounts())["s00000"]["status"] == "suspended"


async def test_a_match_on_a_suspended_account_restores_it(rosters: Rosters) -> None:
    body = csv_of([student(n) for n in range(20)])
    await rosters.run(body)
    before = (await rosters.accounts())["s00003"]
    await rosters.database_does(
        "UPDATE accounts SET status = 'suspended', missing_since = '2027-01-01'"
        " WHERE sourced_id = 's00003'"
    )
    ended = await rosters.run(body)
    assert (ended["rows"]["restored"], ended["rows"]["updated"]) == (1, 1)
    after = (await rosters.accounts())["s00003"]
    assert (after["status"], after["missing_since"]) == ("active", None)
    assert (after["id"], after["username"]) == (before["id"], before["username"])


async def test_a_name_that_the_source_changes_is_burnt_for_others(rosters: Rosters) -> None:
    await rosters.run(csv_of([student(0, username="first.name"), student(1, username="other")]))
    renamed = csv_of([student(0, username="second.name"), student(1, username="first.name")])
    ended = await rosters.run(renamed)
    assert (ended["rows"]["updated"], ended["rows"]["rejected"]) == (1, 1)
    ended = await rosters.run(renamed)
    assert [one["code"] for one in await rosters.issues(ended["id"])] == ["username-burnt"]
    # Whose it was may have it back.
    await rosters.run(csv_of([student(0, username="First.Name")]))
    assert (await rosters.accounts())["s00000"]["username"] == "First.Name"
    assert await rows(rosters.database, "SELECT count(*) FROM burnt_usernames") == [(2,)]


async def test_a_deletion_in_a_delta_suspends(rosters: Rosters) -> None:
    await rosters.run(csv_of([student(0), student(1)]))
    manifest = [["propertyName", "value"], ["oneroster.version", "1.1"], ["file.users", "delta"]]
    gone = {
        "sourcedId": "s00001", "status": "tobedeleted",
        "dateLastModified": "2027-06-01T00:00:00.000Z", "enabledUser": "true",
        "orgSourcedIds": "org-A", "role": "student", "username": "", "givenName": "Ben",
        "familyName": "Adler", "grades": "02",
    }  # fmt: skip
    unknown = gone | {"sourcedId": "never-seen"}
    body = zipped({"manifest.csv": manifest, "users.csv": table(USERS_1_1, [gone, unknown])})
    ended = await rosters.run(body)
    assert (ended["rows"]["updated"], ended["rows"]["unchanged"]) == (1, 1)
    accounts = await rosters.accounts()
    assert accounts.keys() == {"s00000", "s00001"}
    assert accounts["s00001"]["status"] == "suspended"
    assert accounts["s00001"]["missing_since"] is not None
