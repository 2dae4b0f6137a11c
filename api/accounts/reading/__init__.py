"""Rosters read as streams, whatever system wrote them: checked rows and issues out.

Pure: no database, no framework, no clock. Memory is flat: a batch of rows at a time.
"""

from api.accounts.reading.recognise import is_zip, read_roster
from api.accounts.reading.rows import (
    COLUMNS,
    ROW_FIELDS,
    Batch,
    Issue,
    Org,
    Roster,
    Row,
    StaffRow,
)

__all__ = [
    "COLUMNS",
    "ROW_FIELDS",
    "Batch",
    "Issue",
    "Org",
    "Roster",
    "Row",
    "StaffRow",
    "is_zip",
    "read_roster",
]
