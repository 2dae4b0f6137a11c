"""Staff of a roster: a person's word against an older one's, and who leaves by their id alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api import clock
from tests.accounts.conftest import Body, Caller, Rosters, rows
from tests.accounts.roster_files import ROLES_1_2, USERS_1_2, Cells, manifest, table, zipped
from tests.accounts.test_formats import archive_1_1, person

NIGHT = timedelta(days=1)


def teacher(key: str, **cells: str) -> Cells:
    return person(key, role="teacher", email=f"{key}@staff.example.org") | cells


def roster(*staff: Cells, state: str = "bulk") -> bytes:
    """The staff, and the one student without whom no full roster is taken."""
    return archive_1_1(person("1"), *staff, state=state)


async def staff(admin: Caller) -> dict[str, Body]:
    """Everybody on the staff by sourced id."""
    listed = await admin.get("/staff?limit=1000")
    return {one["sourced_id"]: one for one in listed["items"]}


async def edit(admin: Caller, key: str, **given: object) -> None:
    await admin.patch(f"/staff/{(await staff(admin))[key]['id']}", dict(given))


async def edits(rosters: Rosters, key: str) -> Body | None:
    [row] = await rows(rosters.database, f"SELECT edits FROM staff WHERE sourced_id = '{key}'")
    found: Body | None = row[0]
    return found


@pytest.mark.parametrize(
    ("field", "value", "cell"),
    [
        ("given_name", "Adelaide", {"givenName": "Addie"}),
        ("family_name", "Lovelace", {"familyName": "Byron"}),
        ("email", "ada@example.org", {"email": "addie@example.org"}),
        ("email", None, {"email": "addie@example.org"}),
        ("role", "tech", {"role": "principal"}),
        ("school", "B", {"orgSourcedIds": "org-C"}),
        ("active", False, {"enabledUser": "true"}),
    ],
)
async def test_a_person_s_edit_of_staff_stands_until_the_source_has_news(
    rosters: Rosters, admin: Caller, field: str, value: object, cell: Cells
) -> None:
    body = roster(teacher("t1"))
    await rosters.run(body)
    older = await rosters.send(roster(teacher("t1", **cell)))
    await edit(admin, "t1", **{field: value})
    edited = (await staff(admin))["t1"]
    assert edited[field] == value
    ended = await rosters.done(older["id"])
    assert ended["details"]["staff"]["unchanged"] == 1
    with clock.moved_to(clock.now() + NIGHT):
        ended = await rosters.run(body)
        assert ended["details"]["staff"] == {"created": 0, "updated": 0, "unchanged": 1}
        assert (await staff(admin))["t1"] == edited
    with clock.moved_to(clock.now() + 2 * NIGHT):
        await rosters.run(roster(teacher("t1", **cell)))
    news = (await staff(admin))["t1"]
    if field == "active":
        assert news == edited, "that they are there is nothing new"
        return
    assert news[field] not in (value, edited[field])
    assert await edits(rosters, "t1") is None
    # From now on the source is believed as before.
    with clock.moved_to(clock.now() + 3 * NIGHT):
        await rosters.run(body)
    again = (await staff(admin))["t1"]
    assert again[field] not in (value, news[field])


async def test_news_of_one_field_leave_the_edits_of_others(rosters: Rosters, admin: Caller) -> None:
    await rosters.run(roster(teacher("t1")))
    await edit(admin, "t1", given_name="Adelaide", role="tech")
    with clock.moved_to(clock.now() + NIGHT):
        await rosters.run(roster(teacher("t1", givenName="Addie")))
    after = (await staff(admin))["t1"]
    assert (after["given_name"], after["role"]) == ("Addie", "tech")
    found = await edits(rosters, "t1")
    assert found is not None
    assert found.keys() == {"role"}
    assert found["role"]["source"] == "teacher"


async def test_who_a_person_brought_back_stays_until_the_source_has_news(
    rosters: Rosters, admin: Caller
) -> None:
    gone = roster(teacher("t1", enabledUser="false"))
    await rosters.run(roster(teacher("t1")))
    await rosters.run(gone)
    await edit(admin, "t1", active=True)
    with clock.moved_to(clock.now() + NIGHT):
        await rosters.run(gone)
    assert (await staff(admin))["t1"]["active"]
    # The source is right about somebody who was changed otherwise.
    await edit(admin, "t1", active=False)
    assert await edits(rosters, "t1") is None
    await edit(admin, "t1", given_name="Adelaide")
    with clock.moved_to(clock.now() + 2 * NIGHT):
        await rosters.run(roster(teacher("t1")))
    after = (await staff(admin))["t1"]
    assert (after["active"], after["given_name"]) == (True, "Adelaide")


async def test_a_staff_row_s_own_moment_counts(rosters: Rosters, admin: Caller) -> None:
    def delta(moment: str) -> bytes:
        said = {"status": "active", "dateLastModified": moment, "givenName": "Addie"}
        return roster(teacher("t1", **said), state="delta")

    await rosters.run(roster(teacher("t1")))
    await edit(admin, "t1", given_name="Adelaide")
    with clock.moved_to(clock.now() + NIGHT):
        await rosters.run(delta("2020-01-01T00:00:00.000Z"))
        assert (await staff(admin))["t1"]["given_name"] == "Adelaide"
        await rosters.run(delta(clock.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")))
    assert (await staff(admin))["t1"]["given_name"] == "Addie"


BLANK = {"givenName": "", "familyName": "", "orgSourcedIds": "", "email": "", "grades": ""}
GONE = {"status": "tobedeleted", "dateLastModified": "2027-06-01T04:00:00.000Z"}


@pytest.mark.parametrize(
    "cells",
    [
        BLANK,
        {"givenName": "", "familyName": ""},
        {"orgSourcedIds": ""},
        {"orgSourcedIds": "nowhere"},
        {"email": "nobody"},
        {"role": ""},
        {"role": "guardian"},
        {"role": ""} | BLANK,
    ],
)
async def test_who_leaves_needs_no_more_than_their_id(
    rosters: Rosters, admin: Caller, cells: Cells
) -> None:
    await rosters.run(roster(teacher("t1"), teacher("t2")))
    before = (await staff(admin))["t1"]
    leaving = [teacher(key, **GONE | cells) for key in ("t1", "t9")]
    ended = await rosters.run(roster(*leaving, state="delta"))
    assert await rosters.issues(ended["id"]) == []
    found = await staff(admin)
    assert found.keys() == {"t1", "t2"}
    assert found["t2"]["active"]
    changed = {name for name in before if before[name] != found["t1"][name]}
    assert changed == {"active", "version", "updated_at"}
    assert ended["details"]["staff"]["updated"] == 1


async def test_who_leaves_a_delta_of_oneroster_1_2_needs_no_role(
    rosters: Rosters, admin: Caller
) -> None:
    """Their roles are ended with them, so nothing says any more that they were staff."""

    def delta(*users: Cells, roles: Cells) -> bytes:
        stated = manifest("1.2", {"users": "delta", "roles": "delta"})
        files = {"users.csv": table(USERS_1_2, users), "roles.csv": table(ROLES_1_2, [roles])}
        return zipped({"manifest.csv": stated} | files)

    await rosters.run(roster(teacher("t1"), teacher("t2"), teacher("t3")))
    ended = GONE | {"userSourcedId": "t1", "orgSourcedId": "org-A", "role": "teacher"}
    renamed = person("t3", status="active", dateLastModified=GONE["dateLastModified"])
    leaving = [person("t1", **GONE), person("1", **GONE | BLANK), person("t2", **GONE | BLANK)]
    run = await rosters.run(delta(*leaving, renamed, roles=ended), network="N")
    assert await rosters.issues(run["id"]) == []
    found = await staff(admin)
    assert {key: one["active"] for key, one in found.items()} == {
        "t1": False, "t2": False, "t3": True,
    }  # fmt: skip
    assert found["t2"]["given_name"] == "Givent2"
    # Of the student it is no news of staff.
    assert (await rosters.accounts())["1"]["status"] == "suspended"
    assert run["details"]["staff"] == {"created": 0, "updated": 2, "unchanged": 0}


async def test_who_is_named_without_a_school_is_refused_unless_they_leave(
    rosters: Rosters, admin: Caller
) -> None:
    nameless = teacher("t1", givenName="", orgSourcedIds="org-A")
    ended = await rosters.run(roster(nameless, teacher("t2", orgSourcedIds="")))
    assert {one["column"] for one in await rosters.issues(ended["id"])} == {
        "givenName", "orgSourcedIds",
    }  # fmt: skip
    assert await staff(admin) == {}


async def test_a_roster_of_one_school_ends_nobody_of_another(
    rosters: Rosters, admin: Caller
) -> None:
    await rosters.run(roster(teacher("t1"), teacher("t2", orgSourcedIds="org-B")))
    leaving = [teacher(key, **GONE | BLANK) for key in ("t1", "t2")]
    await rosters.run(roster(*leaving, state="delta"), scope="school:A")
    active = {key: one["active"] for key, one in (await staff(admin)).items()}
    assert active == {"t1": False, "t2": True}
