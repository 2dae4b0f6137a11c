"""What the database refuses, as our errors: recognised by constraint names and SQLSTATE classes.

A room says once what its constraints mean:

    on_violation("uq_schools_code", Conflict, "school-code-taken", "A school has this code.")

An unregistered one still answers 409 or 422, only less helpfully. Nothing of the server's
message is passed on: it holds SQL and the caller's values.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
import sqlalchemy.exc
from psycopg import errors as pg

from api.db.uow import is_transient
from api.errors import Conflict, FirstBellError, Invalid, Unavailable, field_error


class DatabaseBusy(Unavailable):
    code = "database-unavailable"
    title = "The database cannot answer right now"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What to say when a constraint is violated. `pointer` names the input, where it is one."""

    error: type[FirstBellError]
    detail: str
    pointer: str | None = None

    def build(self) -> FirstBellError:
        if self.pointer is None:
            return self.error(self.detail)
        errors = [field_error(self.pointer, self.error.code, self.detail)]
        return self.error(self.detail, errors=errors)


_REFUSALS: dict[str, Refusal] = {}


def on_violation(
    constraint: str,
    error: type[FirstBellError],
    code: str,
    detail: str,
    pointer: str | None = None,
) -> None:
    """Say what a violation of `constraint` answers: `error`'s status with `code` and `detail`."""
    named = type(error.__name__, (error,), {"code": code, "__doc__": detail})
    _REFUSALS[constraint] = Refusal(named, detail, pointer)


def from_database(error: Exception) -> FirstBellError | None:
    """The error a caller may see for what the driver or SQLAlchemy raised; None for our bugs."""
    cause: BaseException | None = error
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        cause = error.orig
    if isinstance(cause, psycopg.IntegrityError):
        return _from_constraint(cause)
    if isinstance(cause, psycopg.DataError):
        return Invalid("A value is outside of what can be stored (too large, or not text).")
    if cause is not None and is_transient(cause):
        return DatabaseBusy("Others were changing the same things; send it again.", retry_after=1)
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseBusy("Nothing was changed that was not answered; try again.", retry_after=2)
    return None


def _from_constraint(cause: psycopg.IntegrityError) -> FirstBellError:
    known = _REFUSALS.get(cause.diag.constraint_name or "")
    if known is not None:
        return known.build()
    if isinstance(cause, pg.UniqueViolation | pg.ExclusionViolation | pg.RestrictViolation):
        return Conflict("Something with the same identity or time is there already.")
    if isinstance(cause, pg.ForeignKeyViolation):
        return Invalid("It names something that does not exist, or that others still need.")
    return Invalid("A value breaks a rule of the data.")
