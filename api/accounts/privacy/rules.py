"""How long what is known of students is kept: the schedule in writing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

# Long enough to find out that last week's roster was wrong, and to undo it.
UPLOAD_DAYS = UNDO_DAYS = 14
# Over the holidays before a first bell, not over a school year.
PASSWORD_DAYS = 60
# Longer than a school year, so that who was away for one finds their account.
LEFT_DAYS = 400
ISSUE_DAYS = 400
# A child is at school for fourteen grades, PK to 12; who was told about them is known until after.
DISCLOSURE_DAYS = 15 * 365


@dataclass(frozen=True, slots=True)
class Kept:
    """One line of the schedule: `what`, in which `tables`, for how many `days` after `since`.

    `days` is None for what is kept without end, which then tells nobody who a student was.
    """

    what: str
    tables: tuple[str, ...]
    days: int | None
    since: str


SCHEDULE = (
    Kept(
        "uploads, previews and the values of rejected rows",
        ("account_import_chunks", "account_imports", "account_import_issues"),
        UPLOAD_DAYS,
        "the import ended",
    ),
    Kept(
        "what accounts were before an import", ("account_changes",), UNDO_DAYS, "the import ended"
    ),
    Kept("why rows were rejected", ("account_import_issues",), ISSUE_DAYS, "the import ended"),
    Kept(
        "initial passwords that nobody was handed",
        ("initial_passwords",),
        PASSWORD_DAYS,
        "they were made",
    ),
    Kept(
        "accounts of students who left",
        ("accounts", "target_accounts"),
        LEFT_DAYS,
        "the account was suspended",
    ),
    Kept(
        "who was told about which student",
        ("disclosures", "disclosure_students"),
        DISCLOSURE_DAYS,
        "they were told",
    ),
    Kept("answers kept for Idempotency-Key", ("idempotency_keys",), 1, "they were given"),
    Kept("usernames that are not given again", ("burnt_usernames",), None, "never"),
    Kept("erasures", ("erasures",), None, "never"),
)
