"""Initial passwords: how they look, who is told, and that they are handed out once."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
from html.parser import HTMLParser
from typing import Any
from uuid import UUID, uuid4

import pytest

from api import wiring
from api.accounts.cards.rules import DIGITS, make_password, strength_of
from api.accounts.cards.service import forget, revealer
from api.accounts.cards.words import WORDS
from api.db.uow import transact
from api.sealing import Sealer, Unsealable
from tests.accounts.conftest import Body, Rosters, csv_of, rows, student
from tests.accounts.exports.conftest import lines_of

_MADE = "/schools/A/initial-passwords"
_CARDS = "/schools/A/login-cards"
_YOUNG = re.compile("[A-Z][a-z]{2,5}[2-9]{2}[a-z]{3,6}")


@pytest.fixture
async def class_of_four(rosters: Rosters) -> Rosters:
    """Students 0 to 3 of school A in grades K, 2, 3 and 12, and 4 of school B."""
    await rosters.run(
        csv_of(
            student(n, "AAAAB"[n], grade=["K", "2", "3", "12", "1"][n], username=f"u{n}")
            for n in range(5)
        )
    )
    return rosters


async def delivered(rosters: Rosters, **query: str) -> dict[str, str]:
    """The passwords that GAM is told, by address."""
    asked = {"format": "gam", "domain": "a.org", "passwords": "true", **query}
    answer = await rosters.caller.client.get("/v1/accounts/export", params=asked)
    assert answer.status_code == 200, answer.text
    return {one["Email"]: one["Password"] for one in lines_of(answer.content)}


async def counts(rosters: Rosters) -> Body:
    found = await rosters.caller.get("/login-cards")
    one: Body = next(one for one in found["items"] if one["school"] == "A")
    del one["school"]
    return one


def test_words_are_short_and_told_apart() -> None:
    assert len(WORDS) == len(set(WORDS)) == 512
    assert all(re.fullmatch("[a-z]{3,6}", word) for word in WORDS)


@pytest.mark.parametrize(
    ("grade", "bits"), [(-1, 24), (2, 24), (3, 33), (5, 33), (6, 45), (None, 45)]
)
def test_the_older_the_harder_to_guess(grade: int | None, bits: int) -> None:
    strength = strength_of(grade)
    choices = len(WORDS) ** strength.words * len(DIGITS) ** strength.digits
    assert math.log2(choices) == bits
    password = make_password(grade, secrets.choice)
    # What Google and Microsoft ask of any password.
    assert 8 <= len(password) <= 100
    assert all(re.search(kind, password) for kind in ("[A-Z]", "[a-z]", "[0-9]"))
    assert len({make_password(grade, secrets.choice) for _ in range(50)}) > 45


async def test_a_password_is_made_once_and_is_no_text_in_the_database(
    class_of_four: Rosters,
) -> None:
    caller = class_of_four.caller
    made = await caller.post(_MADE, {"grade": "K"})
    assert (made["made"], made["kept"]) == (1, 0)
    made = await caller.post(_MADE, {})
    assert (made["made"], made["kept"]) == (3, 1)
    assert await counts(class_of_four) == {
        "students": 4,
        "waiting": 4,
        "delivered": 0,
        "handed_out": 0,
        "expired": 0,
        "without": 0,
    }
    first = await delivered(class_of_four, school="A")
    assert _YOUNG.fullmatch(first["u0@a.org"])
    assert await delivered(class_of_four, school="A") == first
    assert (await counts(class_of_four))["delivered"] == 4
    for (table,) in await rows(
        class_of_four.database,
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
    ):
        found = await rows(class_of_four.database, f"SELECT t::text FROM {table} t")
        text = "".join(row[0] for row in found)
        for password in first.values():
            assert password not in text, table
            assert password.encode().hex() not in text, table
    renewed = await caller.post(_MADE, {"renew": True})
    assert (renewed["made"], renewed["kept"]) == (4, 0)
    assert set((await delivered(class_of_four)).values()).isdisjoint(first.values())


async def test_google_is_told_who_must_choose_a_password_of_their_own(
    class_of_four: Rosters,
) -> None:
    await class_of_four.caller.post(_MADE, {})
    asked = {"format": "google", "domain": "a.org"}
    client = class_of_four.caller.client
    answer = await client.get("/v1/accounts/export", params={**asked, "passwords": "true"})
    told = lines_of(answer.content)
    asked_of = [one["Change Password at Next Sign-In"] for one in told]
    assert asked_of == ["", "", "True", "True", ""]
    assert told[4]["Password [Required]"] == "****"
    assert "****" not in [one["Password [Required]"] for one in told[:3]]
    [record] = (await class_of_four.caller.get("/disclosures?limit=1"))["items"]
    assert "password" in record["fields"]
    told = lines_of((await client.get("/v1/accounts/export", params=asked)).content)
    assert {one["Password [Required]"] for one in told} == {"****"}


async def test_cards_are_handed_out_once(class_of_four: Rosters) -> None:
    caller = class_of_four.caller
    problem = await caller.post(_CARDS, {}, 409)
    assert problem["code"] == "no-passwords-wait"
    await caller.post(_MADE, {})
    problem = await caller.post(_CARDS, {}, 409)
    assert (problem["code"], problem["undelivered"]) == ("passwords-undelivered", 4)
    told = await delivered(class_of_four, school="A")
    young = await caller.post(_CARDS, {"grade": "K"})
    cards = [*young["cards"], *(await caller.post(_CARDS, {}))["cards"]]
    assert {f"{one['username']}@a.org": one["password"] for one in cards} == told
    assert [one["grade"] for one in cards] == ["K", "2", "3", "12"]
    assert (await caller.post(_CARDS, {}, 409))["code"] == "no-passwords-wait"
    assert await rows(
        class_of_four.database, "SELECT count(sealed), count(handed_out_at) FROM initial_passwords"
    ) == [(0, 4)]
    made = await caller.post(_MADE, {})
    assert (made["made"], made["kept"]) == (0, 4)
    [record] = (await caller.get("/disclosures?limit=1"))["items"]
    assert (record["purpose"], record["students"], record["school"]) == ("card", 3, "A")


async def test_two_who_print_at_once_have_each_card_once(class_of_four: Rosters) -> None:
    await class_of_four.caller.post(_MADE, {})
    answers = await asyncio.gather(
        *(class_of_four.caller.answer("POST", _CARDS, {"undelivered": True}) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


class _Seen(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002 (the parser's own)
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


async def test_as_a_page_they_are_ready_to_print(class_of_four: Rosters) -> None:
    caller = class_of_four.caller
    await caller.post(_MADE, {})
    told = await delivered(class_of_four, school="A")
    # Google would refuse such a name; on paper it is one like any other.
    ben = student(1, "A", grade="2", username="u1")
    await class_of_four.run(csv_of([ben | {"given_name": "<b>Ben", "family_name": "O'Brenn & Co"}]))
    # An answer with passwords is stored for nobody's key: the second has none to give.
    key = {"accept": "text/html", "idempotency_key": "print-1"}
    answer = await caller.answer("POST", _CARDS, {}, **key)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "login-cards-A.html" in answer.headers["content-disposition"]
    seen = _Seen(answer.text)
    assert seen.tags.count("li") == seen.tags.count("section") == 4
    assert "<b>Ben O'Brenn & Co" in seen.texts
    assert set(told.values()) <= set(seen.texts)
    assert "http" not in answer.text, "it needs nothing from anywhere"
    assert (await caller.answer("POST", _CARDS, {}, **key)).status_code == 409


async def test_passwords_that_nobody_was_handed_expire(class_of_four: Rosters) -> None:
    await class_of_four.caller.post(_MADE, {})
    await class_of_four.database_does(
        "UPDATE initial_passwords SET made_at = made_at - interval '61 days',"
        " expires_at = expires_at - interval '61 days'"
    )
    assert set((await delivered(class_of_four)).values()) == {""}
    await class_of_four.caller.post(_CARDS, {"undelivered": True}, 409)
    await wiring.purge(class_of_four.database)
    assert await rows(class_of_four.database, "SELECT count(sealed) FROM initial_passwords") == [
        (0,)
    ]
    assert (await counts(class_of_four))["expired"] == 4
    assert (await class_of_four.caller.post(_MADE, {}))["made"] == 4


async def test_they_go_with_their_account_and_open_for_no_other(class_of_four: Rosters) -> None:
    await class_of_four.caller.post(_MADE, {})
    found: list[tuple[UUID, bytes]] = await rows(
        class_of_four.database, "SELECT account_id, sealed FROM initial_passwords"
    )
    reveal = revealer(Sealer(class_of_four.secret.decode()))
    (first, sealed), (other, _) = found[:2]
    assert reveal(first, sealed)
    with pytest.raises(Unsealable):
        reveal(other, sealed)
    await transact(class_of_four.database, "job:test", lambda session: forget(session, [first]))
    await transact(class_of_four.database, "job:test", lambda session: forget(session, [uuid4()]))
    [(left,)] = await rows(class_of_four.database, "SELECT count(*) FROM initial_passwords")
    assert left == 3
    await class_of_four.database_does("DELETE FROM accounts")
    assert await rows(class_of_four.database, "SELECT 1 FROM initial_passwords") == []
