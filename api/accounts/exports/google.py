"""Google Workspace: the admin console's bulk upload of users (Google's help page 40057)."""

from __future__ import annotations

from sqlalchemy import case

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Wishes
from api.accounts.rules import AccountStatus

MOST_ROWS = 150_000
MOST_BYTES = 35 * 10**6
# Keeps the password that a user has.
_KEEP = "****"


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
        unfit=cells.unfit_for_google(address),
        named=address,
        most_rows=MOST_ROWS,
        most_bytes=MOST_BYTES,
        statuses=frozenset({AccountStatus.active, AccountStatus.suspended}),
    )


GOOGLE = Format(make, takes=frozenset({"domain", "org_unit", "passwords"}))
