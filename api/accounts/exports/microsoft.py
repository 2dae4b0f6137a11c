"""Microsoft 365: the admin centre's template for adding many users at once."""

from __future__ import annotations

from sqlalchemy import func

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Wishes

MOST_ROWS = 249
_LONGEST_NAME = 64
# Names of schools are longer than this here and there; what Microsoft keeps is where they begin.
_LONGEST_DEPARTMENT = 64
# A user principal name; the part before the sign ends with no full stop.
_UPN = "^[A-Za-z0-9'._!#^~-]*[A-Za-z0-9'_!#^~-]@[A-Za-z0-9.-]+$"
_LONGEST_DOMAIN = 48


def make(wishes: Wishes) -> Form:
    address = cells.address(wishes.domain)
    columns: dict[str, Cell] = {
        "Username": address,
        "First name": cells.GIVEN,
        "Last name": cells.FAMILY,
        "Display name": cells.GIVEN + " " + cells.FAMILY,
        "Job title": cells.fixed("Student"),
        "Department": func.left(cells.SCHOOL_NAME, _LONGEST_DEPARTMENT),
        "Office number": None,
        "Office phone": None,
        "Mobile phone": None,
        "Fax": None,
        "Alternate email address": None,
        "Address": None,
        "City": None,
        "State or province": None,
        "ZIP or postal code": None,
        "Country or region": None,
    }
    return Form(
        sheets=[Sheet("users", Of.account, columns)],
        fields=("given_name", "family_name", "email", "school"),
        recipient="Microsoft",
        unfit=[
            cells.without_address(address),
            cells.malformed_address(address, _UPN, _LONGEST_DOMAIN),
            cells.longer_names(_LONGEST_NAME),
        ],
        named=address,
        most_rows=MOST_ROWS,
    )


MICROSOFT = Format(make, takes=frozenset({"domain"}))
