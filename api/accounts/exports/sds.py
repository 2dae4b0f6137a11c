"""Microsoft School Data Sync v2.1: organisations, users and their roles."""

from __future__ import annotations

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Wishes


def make(wishes: Wishes) -> Form:
    del wishes
    district: dict[str, Cell] = {
        "sourcedId": cells.district_id(),
        "name": cells.NETWORK_NAME,
        "type": cells.fixed("district"),
        "parentSourcedId": None,
    }
    school: dict[str, Cell] = {
        "sourcedId": cells.SCHOOL_ID,
        "name": cells.SCHOOL_NAME,
        "type": cells.fixed("school"),
        "parentSourcedId": cells.district_id(),
    }
    user: dict[str, Cell] = {
        "sourcedId": cells.SOURCED_ID,
        "username": cells.USERNAME,
        "givenName": cells.GIVEN,
        "familyName": cells.FAMILY,
        "password": None,
        "activeDirectoryMatchId": None,
        "email": cells.EMAIL,
        "phone": None,
        "sms": None,
    }
    role: dict[str, Cell] = {
        "userSourcedId": cells.SOURCED_ID,
        "orgSourcedId": cells.SCHOOL_ID,
        "role": cells.fixed("student"),
        "sessionSourcedId": None,
        "grade": cells.graded(cells.CODED),
        "isPrimary": cells.fixed("true"),
        "roleStartDate": None,
        "roleEndDate": None,
    }
    return Form(
        sheets=[
            Sheet("orgs.csv", Of.network, district, then=(Of.school, school)),
            Sheet("users.csv", Of.account, user, reveals="password"),
            Sheet("roles.csv", Of.account, role),
        ],
        fields=(
            *("sourced_id", "given_name", "family_name", "username", "email"),
            *("school", "grade"),
        ),
        recipient="Microsoft",
        unfit=[cells.without_username()],
        keyed=True,
    )


SDS = Format(make, takes=frozenset({"passwords"}))
