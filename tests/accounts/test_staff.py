"""Staff of a roster: a person's word against an older one's, and who leaves by their id alone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from api import clock
from tests.accounts.conftest import Body, Caller, Rosters, rows
from tests.accounts.roster_files import Cells
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
