"""What this room's routes share: who may call them, and a row's entity tag."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from api.auth.caller import Caller
from api.auth.dependencies import allow
from api.auth.rules import Right
from api.http.conditional import etag_of
from api.schools.models import Network, School, Site, Staff

ReadsSchools = Annotated[Caller, Depends(allow(Right.schools_read))]
WritesSchools = Annotated[Caller, Depends(allow(Right.schools_write))]
WritesNetworks = Annotated[Caller, Depends(allow(Right.networks_write))]
ReadsStaff = Annotated[Caller, Depends(allow(Right.staff_read))]
WritesStaff = Annotated[Caller, Depends(allow(Right.staff_write))]


def etag_of_row(row: Network | School | Site | Staff) -> str:
    """The tag of the version people edit; evidence and scans do not move it."""
    return etag_of(type(row).__name__, row.id, row.version)
