"""Google Workspace: the admin console's bulk upload of users (Google's help page 40057)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, case, or_

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Unfit, Wishes
from api.accounts.rules import AccountStatus

MOST_ROWS = 150_000
MOST_BYTES = 35 * 10**6
# Keeps the password that a user has.
_KEEP = "****"
_LONGEST_NAME = 60
_ADDRESS = "^[A-Za-z0-9_'-]+(\\.[A-Za-z0-9_'-]+)*@[A-Za-z0-9.-]+$"


def make(wishes: Wishes) -> Form:
    address = cells.address(wishes.domain)
    columns: dict[str, Cell] = {
        "First Name [Required]": cells.GIVEN,
        "Last Name [Required]": cells.FAMILY,
        "Email Address [Required]": address,
        "Password [Required]": None,
        "Password Hash Function [UPLOAD ONLY]": None,
        "Org Unit Path [Required]": cells.placed(wishes.org_unit or "/", wishes.first_year),
        "New Primary Email [UPLOAD ONLY]": None,
        "Recovery Email": None,
        "Home Secondary Email": None,
        "Work Secondary Email": None,
        "Recovery Phone [MUST BE IN THE E.164 FORMAT]": None,
        "Work Phone": None,
        "Home Phone": None,
        "Mobile Phone": None,
        "Work Address": None,
        "Home Address": None,
        "Employee ID": cells.SOURCED_ID,
        "Employee Type": None,
        "Employee Title": None,
        "Manager Email": None,
        "Department": None,
        "Cost Center": None,
        "Building ID": None,
        "Floor Name": None,
        "Floor Section": None,
        "Change Password at Next Sign-In": (
            case((cells.must_change(), "True")) if wishes.passwords else None
        ),
        "New Status [UPLOAD ONLY]": case((cells.is_active(), "Active"), else_="Suspended"),
        "Advanced Protection Program enrollment": None,
    }
    users = Sheet("users", Of.account, columns, reveals="Password [Required]", instead=_KEEP)
    return Form(
        sheets=[users],
        fields=("given_name", "family_name", "email", "sourced_id", "status"),
        recipient="Google",
        unfit=[
            cells.without_address(address),
            cells.malformed_address(address, _ADDRESS),
            cells.longer_names(_LONGEST_NAME),
            Unfit("name-unfit", "has a name with < or >", _bracketed()),
        ],
        most_rows=MOST_ROWS,
        most_bytes=MOST_BYTES,
        statuses=frozenset({AccountStatus.active, AccountStatus.suspended}),
    )


def _bracketed() -> ColumnElement[bool]:
    return or_(*(name.contains(sign) for name in (cells.GIVEN, cells.FAMILY) for sign in "<>"))


GOOGLE = Format(make, takes=frozenset({"domain", "org_unit", "passwords"}))
