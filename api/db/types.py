"""PostgreSQL types that SQLAlchemy does not bring."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class Xid8(UserDefinedType[int]):
    """A 64-bit transaction id, as `pg_current_xact_id()` gives it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "xid8"


# So that comparing the models with a database recognises the column.
ischema_names["xid8"] = Xid8
