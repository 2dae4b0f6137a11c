"""GAM, the command line for Google Workspace: the columns that its bulk scripts name."""

from __future__ import annotations

from api.accounts.exports import cells
from api.accounts.exports.form import Cell, Form, Format, Of, Sheet, Wishes


def make(wishes: Wishes) -> Form:
    address = cells.address(wishes.domain)
    columns: dict[str, Cell] = {
        "Email": address,
        "First": cells.GIVEN,
        "Last": cells.FAMILY,
        "GradYear": cells.graduation_year(wishes.first_year),
        "Password": None,
    }
    return Form(
        sheets=[Sheet("users", Of.account, columns, reveals="Password")],
        fields=("given_name", "family_name", "email", "grade"),
        recipient="Google",
        unfit=cells.unfit_for_google(address),
        named=address,
    )


GAM = Format(make, takes=frozenset({"domain", "passwords"}))
