"""SCIM 2.0 on the wire (RFC 7643, 7644): what is sent, and what may be believed of an answer.

Pure. No model is built for a request: validating each one cost more than sending it.
"""

from __future__ import annotations

import email.utils
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from api.accounts.targets.adapter import Order, Person, Remote
from api.accounts.targets.rules import LONGEST_HOLD, Action, Desired

MEDIA_TYPE = "application/scim+json"
_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
# What every message brings with it besides its operations, in bytes.
_BULK_FRAME = 200


class Offers(NamedTuple):
    """What a server says it can do, where that makes a difference to us."""

    patch: bool = True
    filter: bool = True
    enterprise: bool = False
    bulk_operations: int = 0
    bulk_bytes: int = 0
    page: int = 100

    @property
    def bulk(self) -> bool:
        return self.bulk_operations > 1 and self.bulk_bytes > _BULK_FRAME


def read_offers(config: Any, resource_types: Any) -> Offers:
    """From /ServiceProviderConfig and /ResourceTypes; what cannot be read is not offered.

    PATCH is taken for granted where nothing is said: most servers without discovery have it.
    """
    said = config if isinstance(config, dict) else {}
    bulk, filters = _part(said, "bulk"), _part(said, "filter")
    return Offers(
        patch=_part(said, "patch").get("supported") is not False,
        filter=filters.get("supported") is not False,
        enterprise=_ENTERPRISE.lower() in orjson.dumps(resource_types).decode().lower(),
        bulk_operations=min(_count(bulk, "maxOperations"), 1000) if bulk.get("supported") else 0,
        bulk_bytes=min(_count(bulk, "maxPayloadSize"), 1 << 20),
        page=max(1, min(_count(filters, "maxResults") or 100, 200)),
    )


def known_offers(kept: Mapping[str, Any]) -> Offers:
    """What was kept of an earlier reading, by this version or another."""
    return Offers(**{name: kept[name] for name in Offers._fields if name in kept})


def _part(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = said.get(name)
    return part if isinstance(part, dict) else {}


def _count(said: Mapping[str, Any], name: str) -> int:
    value = said.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def user(order: Order, person: Person, offers: Offers) -> dict[str, Any]:
    """The whole resource, as it is created or replaced."""
    body: dict[str, Any] = {
        "schemas": [_USER],
        "externalId": order.key,
        **fields(order, person),
    }
    if order.password is not None:
        body["password"] = order.password
    if offers.enterprise:
        body["schemas"].append(_ENTERPRISE)
        body[_ENTERPRISE] = {"employeeNumber": person.number}
    return body


def fields(order: Order, person: Person) -> dict[str, Any]:
    """The attributes that are ours to say, and that are compared when a target is read back."""
    emails = [{"value": person.email, "type": "work", "primary": True}] if person.email else []
    return {
        "userName": order.remote_name or person.username,
        "name": {"givenName": person.given_name, "familyName": person.family_name},
        "displayName": f"{person.given_name} {person.family_name}",
        "active": order.desired is Desired.active,
        **({"emails": emails} if emails else {}),
    }


def patch(order: Order, person: Person) -> dict[str, Any]:
    """Each attribute by its path, which all servers read; what others wrote stays."""
    given = fields(order, person)
    operations: list[dict[str, Any]] = [
        {"op": "replace", "path": "externalId", "value": order.key},
        *({"op": "replace", "path": path, "value": value} for path, value in given.items()),
    ]
    if "emails" not in given:
        operations.append({"op": "remove", "path": "emails"})
    if order.password is not None:
        operations.append({"op": "replace", "path": "password", "value": order.password})
    return {"schemas": [_PATCH], "Operations": operations}


class Call(NamedTuple):
    """A request relative to the target's address."""

    method: str
    path: str
    body: dict[str, Any] | None
    etag: str | None = None


def call_of(order: Order, offers: Offers) -> Call:
    """The one request that carries an order out, where all is as we know it."""
    if order.action is Action.delete:
        return Call("DELETE", f"/Users/{quoted(order.remote_id)}", None, order.etag)
    assert order.person is not None, "only deleting needs no names"
    if order.action is Action.create:
        return Call("POST", "/Users", user(order, order.person, offers))
    path = f"/Users/{quoted(order.remote_id)}"
    if offers.patch:
        return Call("PATCH", path, patch(order, order.person), order.etag)
    return Call("PUT", path, user(order, order.person, offers), order.etag)


def quoted(remote_id: str | None) -> str:
    """An id of the target's as one segment of a path, whatever is in it."""
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~.@:+="
    text = "".join(chr(b) if b in safe else f"%{b:02X}" for b in (remote_id or "").encode())
    return text.replace(".", "%2E") if text.strip(".") == "" else text


def bulk(calls: Sequence[tuple[Order, Call]]) -> Iterator[bytes]:
    """The operations of a Bulk request, to be joined by `bulk_request`."""
    for order, call in calls:
        operation: dict[str, Any] = {
            "method": call.method,
            "path": call.path,
            "bulkId": order.key,
        }
        if call.body is not None:
            operation["data"] = call.body
        if call.etag is not None:
            operation["version"] = call.etag
        yield orjson.dumps(operation)


def bulk_requests(operations: Sequence[bytes], offers: Offers) -> Iterator[tuple[bytes, int]]:
    """Bodies within the server's limits, each with how many operations it has."""
    head = orjson.dumps({"schemas": [_BULK]})[:-1] + b',"Operations":['
    some: list[bytes] = []
    size = _BULK_FRAME
    for one in operations:
        full = len(some) == offers.bulk_operations or size + len(one) + 1 > offers.bulk_bytes
        if some and full:
            yield head + b",".join(some) + b"]}", len(some)
            some, size = [], _BULK_FRAME
        some.append(one)
        size += len(one) + 1
    if some:
        yield head + b",".join(some) + b"]}", len(some)


class Answered(NamedTuple):
    """What is said of one operation of a Bulk request."""

    status: int
    remote_id: str | None
    etag: str | None
    scim_type: str | None


def read_bulk(body: Any) -> dict[str, Answered] | None:
    """By bulkId; null where it is no BulkResponse at all. What is not in it was not done."""
    operations = body.get("Operations") if isinstance(body, dict) else None
    if not isinstance(operations, list):
        return None
    found = {}
    for one in operations:
        if isinstance(one, dict) and isinstance(one.get("bulkId"), str):
            response = one.get("response")
            found[one["bulkId"]] = Answered(
                status=_status(one.get("status")),
                remote_id=id_of_location(one.get("location")),
                etag=_text(one.get("version")),
                scim_type=_text(response.get("scimType")) if isinstance(response, dict) else None,
            )
    return found


def _status(given: Any) -> int:
    """RFC 7644 has it as text, older servers as a number or `{"code": "201"}`."""
    code = given.get("code") if isinstance(given, dict) else given
    return int(code) if isinstance(code, int | str) and str(code).isdecimal() else 0


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def id_of_location(location: Any) -> str | None:
    last = location.rstrip("/").rpartition("/Users/")[2] if isinstance(location, str) else ""
    return last or None


def read_user(body: Any) -> Remote | None:
    """A user as a server gave it out; null where it has no id or name."""
    if not isinstance(body, dict):
        return None
    remote_id, name = _text(body.get("id")), _text(body.get("userName"))
    if remote_id is None or name is None:
        return None
    meta, of_name = _part(body, "meta"), _part(body, "name")
    return Remote(
        remote_id=remote_id,
        key=_text(body.get("externalId")),
        name=name,
        etag=_text(meta.get("version")),
        fields={
            "externalId": _text(body.get("externalId")),
            "userName": name,
            "givenName": _text(of_name.get("givenName")),
            "familyName": _text(of_name.get("familyName")),
            "active": body.get("active") is not False,
            "email": _email(body.get("emails")),
        },
    )


def _email(given: Any) -> str | None:
    some = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    primary = [one for one in some if one.get("primary") is True] or some
    return _text(primary[0].get("value")) if primary else None


def differing(order: Order, remote: Remote) -> list[str]:
    """Names of attributes in which a target differs; user names compare without case."""
    assert order.person is not None
    person = order.person
    ours = {
        "externalId": order.key,
        "userName": (order.remote_name or person.username).casefold(),
        "givenName": person.given_name,
        "familyName": person.family_name,
        "active": order.desired is Desired.active,
        "email": person.email,
    }
    theirs = {**remote.fields, "userName": remote.name.casefold()}
    return [name for name, value in ours.items() if theirs.get(name) != value]


def is_as_desired(order: Order, remote: Remote) -> bool:
    """Whether nothing need be written. No server gives a password out (RFC 7643, 4.1.1), so one
    that is to be sent has to be written whatever else is there.
    """
    if order.action is Action.delete or order.password is not None:
        return False
    return not differing(order, remote)


class Listed(NamedTuple):
    """A page of a ListResponse; `total` null where the server does not say."""

    users: list[Remote]
    total: int | None


def read_list(body: Any) -> Listed | None:
    """Null where it is no list. A server that finds nothing may leave Resources out."""
    if not isinstance(body, dict) or ("totalResults" not in body and "Resources" not in body):
        return None
    resources = body.get("Resources", [])
    if not isinstance(resources, list):
        return None
    total = body.get("totalResults")
    users = [found for one in resources if (found := read_user(one)) is not None]
    return Listed(users, total if isinstance(total, int) else None)


def filter_of(attribute: str, value: str) -> str:
    """`attribute eq "value"`, the value as a JSON string (RFC 7644, 3.4.2.2)."""
    return f"{attribute} eq {orjson.dumps(value).decode()}"


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.isascii() and value.strip().isdecimal():
        return min(float(value), LONGEST_HOLD)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - now).total_seconds()), LONGEST_HOLD)
