"""OneRoster 1.1 and 1.2 as CSV (1EdTech's CSV binding): bulk or delta as the manifest says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Literal

from api.accounts.reading.archive import Archive
from api.accounts.reading.cells import Known
from api.accounts.reading.join import Joined, Roles
from api.accounts.reading.people import WITHOUT_ROLE, Orgs, People, role_word
from api.accounts.reading.rows import COLUMNS, Batch, Roster, gathered
from api.accounts.reading.sheet import Columns, Sheet
from api.schools.csv_table import shown
from api.schools.errors import unreadable

USERS = {
    "sourcedid": "sourced_id",
    "status": "deleted",
    "datelastmodified": "modified_at",
    "enableduser": "enabled",
    "username": "username",
    "givenname": "given_name",
    "familyname": "family_name",
    "email": "email",
    "grades": "grade",
}
# In 1.1 a user's schools and role stand in the same row.
USERS_1_1 = USERS | {"orgsourcedids": "school", "role": "role"}
USERS_1_2 = USERS | {
    "preferredgivenname": "preferred_given",
    "preferredfamilyname": "preferred_family",
}
ROLES = {
    "usersourcedid": "user",
    "orgsourcedid": "org",
    "role": "role",
    "roletype": "primary",
    "status": "status",
    "begindate": "begins",
    "enddate": "ends",
}
ORGS = {
    "sourcedid": "id",
    "name": "name",
    "type": "type",
    "identifier": "number",
    "parentsourcedid": "parent",
}
NAMED = ("sourced_id", "given_name", "family_name")
_MOST_PROPERTIES = 200
_MANIFEST = {"propertyname": "property", "value": "value"}


def read_oneroster(archive: Archive, today: date | None) -> Roster:
    """Raises: FileUnreadable naming the file of the archive."""
    manifest = _manifest(archive)
    there = {
        name: f"{name}.csv" in archive and manifest.get(f"file.{name}", "bulk") != "absent"
        for name in ("users", "roles", "orgs")
    }
    snapshot = _snapshot(manifest)
    version = _version(manifest, there["roles"])
    if not there["users"] and snapshot != "delta":
        raise unreadable(
            "file-missing", "The archive has no users.csv; nobody can be read from it."
        )
    orgs = Orgs()
    details: dict[str, Any] = {"manifest": manifest} if manifest else {}
    read = ["manifest.csv"]
    if there["orgs"]:
        orgs.read(Sheet(archive, "orgs.csv", ORGS, ("id", "name", "type")))
        read.append("orgs.csv")
    users = None
    if there["users"]:
        wanted = USERS_1_2 if version == "1.2" else USERS_1_1
        required = NAMED if version == "1.2" else (*NAMED, "school", "role")
        users = Sheet(archive, "users.csv", wanted, required)
        read.append("users.csv")
        details["dropped"] = {users.file: users.dropped}
    people = People("users.csv", users.labels if users else {}, orgs)
    if version == "1.2" and there["roles"]:
        sheet = Sheet(archive, "roles.csv", ROLES, ("user", "org", "role"))
        read.append("roles.csv")
        details.setdefault("dropped", {})[sheet.file] = sheet.dropped
        joined = Joined(archive, users, Roles(sheet, orgs, today), people, snapshot == "delta")
        batches = joined.batches(_prepared)
    elif version == "1.2":
        raise unreadable("file-missing", "The archive has no roles.csv; it says who is a student.")
    else:
        batches = _batches_1_1(archive, users, people, orgs)
    details["files_left_out"] = archive.left_out(read)
    return Roster(
        format=f"oneroster-{version}",
        columns=_columns(users, version),
        batches=gathered(told(batches, people, details)),
        details=details,
        snapshot=snapshot,
        orgs=orgs,
        people_file="users.csv",
    )


def _columns(users: Sheet | None, version: str) -> frozenset[str]:
    found = set(users.columns if users else ("sourced_id",))
    if version == "1.2":
        found.add("school")
    return frozenset(name for name in COLUMNS if name in found)


def told(batches: Iterator[Batch], people: People, details: dict[str, Any]) -> Iterator[Batch]:
    """The same batches; after the last one the details say what was passed over."""
    yield from batches
    details |= people.details()


def _manifest(archive: Archive) -> dict[str, str]:
    if "manifest.csv" not in archive:
        return {}
    found: dict[str, str] = {}
    for _, cells, _ in Sheet(archive, "manifest.csv", _MANIFEST, ("property", "value")):
        for name, value in zip(cells["property"], cells["value"], strict=True):
            found[shown(name.strip()).casefold()] = shown(value.strip()).casefold()
        if len(found) > _MOST_PROPERTIES:
            raise unreadable("manifest-broken", "manifest.csv states more than any manifest does.")
    return found


def _snapshot(manifest: Mapping[str, str]) -> Literal["full", "delta"] | None:
    """What the manifest says of the people, or of anything where it says that they are absent."""
    if not manifest:
        return None
    said = {manifest.get(f"file.{name}", "absent") for name in ("users", "roles")}
    if said == {"absent"}:
        said = set(manifest.values())
    return "delta" if "delta" in said else "full"


def _version(manifest: Mapping[str, str], roles: bool) -> str:
    stated = manifest.get("oneroster.version", "")
    for version in ("1.1", "1.2"):
        if stated.startswith(version):
            return version
    if stated not in ("", "1.0"):
        raise unreadable(
            "version-unknown", f"OneRoster {stated} is not read; 1.1 and 1.2 are. Export one."
        )
    return "1.2" if roles else "1.1"


def _batches_1_1(
    archive: Archive, users: Sheet | None, people: People, orgs: Orgs
) -> Iterator[Batch]:
    schools = Known(orgs.best_of)
    words = Known(role_word)
    archive.expect(archive.bytes_of("users.csv"))
    for columns in users or ():
        prepared = _prepared(columns)
        cells = dict(prepared.cells)
        cells["school"] = [school or "" for school in schools.values_of(cells["school"])]
        cells["role"] = [word or WITHOUT_ROLE for word in words.values_of(cells["role"])]
        yield people.batch(Columns(prepared.numbers, cells, prepared.issues), archive)


def _prepared(columns: Columns) -> Columns:
    """One column for whether the person is to have an account, and the names they go by."""
    cells = dict(columns.cells)
    enabled = cells.pop("enabled", ())
    if any(cell.strip().casefold() == "false" for cell in enabled):
        status = cells.get("deleted") or [""] * len(enabled)
        cells["deleted"] = [
            "tobedeleted" if may.strip().casefold() == "false" else cell
            for may, cell in zip(enabled, status, strict=True)
        ]
    for name in ("given", "family"):
        preferred = cells.pop(f"preferred_{name}", ())
        if any(preferred):
            cells[f"{name}_name"] = [
                said if said.strip() else cell
                for said, cell in zip(preferred, cells[f"{name}_name"], strict=True)
            ]
    return Columns(columns.numbers, cells, columns.issues)
