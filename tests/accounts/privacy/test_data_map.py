"""`docs/privacy.md` says what is true: of the tables there are, and of how long things are kept."""

from __future__ import annotations

import re

import psycopg

from api.accounts.cards import service as cards
from api.accounts.privacy.rules import PASSWORD_DAYS, SCHEDULE
from api.http.idempotency import KEEP
from tests.test_house import ROOT

_PAGE = (ROOT / "docs" / "privacy.md").read_text()
_NAME = re.compile("`([a-z_]+)`")


def section(title: str) -> str:
    return _PAGE.partition(f". {title}\n")[2].partition("\n## ")[0]


def lines_of_table(title: str) -> list[list[str]]:
    """The cells of a section's table, less its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_data_map_names_every_table_and_every_column(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        there: dict[str, set[str]] = {}
        for table, column in connection.execute(
            "SELECT table_name::text, column_name::text FROM information_schema.columns"
            " WHERE table_schema = 'public'"
        ):
            there.setdefault(table, set()).add(column)
    lines = lines_of_table("Data map")
    mapped = {_NAME.findall(name)[0]: _NAME.findall(told + other) for name, told, other in lines}
    assert len(mapped) == len(lines)
    without = _NAME.findall(section("Data map").partition("No student is in these")[2])
    assert mapped.keys() | set(without) == there.keys()
    assert mapped.keys().isdisjoint(without)
    for table, columns in mapped.items():
        assert sorted(columns) == sorted(there[table]), f"the columns of {table}"


def test_the_schedule_is_the_one_that_is_kept() -> None:
    written = [
        (what, tuple(_NAME.findall(tables)), None if days == "no end" else int(days), since)
        for what, tables, days, since in lines_of_table("How long things are kept")
    ]
    assert written == [(one.what, one.tables, one.days, one.since) for one in SCHEDULE]
    # These are said again where they are deleted.
    assert (PASSWORD_DAYS, KEEP.days) == (cards.PASSWORD_DAYS, 1)
