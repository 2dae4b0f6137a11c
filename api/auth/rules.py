"""Who may do what: roles, rights, scopes and the shapes of secrets. Pure."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID


class Role(StrEnum):
    admin = "admin"
    ops = "ops"
    school_lead = "school_lead"
    viewer = "viewer"


class Right(StrEnum):
    """What an operation asks for; also the scopes a token can be narrowed to."""

    schools_read = "schools:read"
    schools_write = "schools:write"
    networks_write = "networks:write"
    tasks_read = "tasks:read"
    # Plan: create, edit, dependencies, bulk.
    tasks_write = "tasks:write"
    # Work: start, complete, evidence, request a waiver.
    tasks_act = "tasks:act"
    waivers_approve = "waivers:approve"
    gates_cancel = "gates:cancel"
    playbooks_write = "playbooks:write"
    readiness_read = "readiness:read"
    staff_read = "staff:read"
    staff_write = "staff:write"
    users_manage = "users:manage"
    tokens_manage = "tokens:manage"
    audit_read = "audit:read"
    metrics_read = "metrics:read"
    orders_read = "orders:read"
    orders_write = "orders:write"
    # Count what came, at the places somebody sees.
    orders_receive = "orders:receive"
    vendors_manage = "vendors:manage"
    checks_read = "checks:read"
    checks_write = "checks:write"
    accounts_read = "accounts:read"
    accounts_write = "accounts:write"
    pd_read = "pd:read"
    pd_write = "pd:write"


_READS = frozenset(
    {
        Right.schools_read,
        Right.tasks_read,
        Right.readiness_read,
        Right.staff_read,
        Right.orders_read,
        Right.checks_read,
        Right.accounts_read,
        Right.pd_read,
    }
)
_ADMIN_ONLY = frozenset(
    {Right.users_manage, Right.tokens_manage, Right.networks_write, Right.gates_cancel}
)
ROLE_RIGHTS: dict[Role, frozenset[Right]] = {
    Role.admin: frozenset(Right),
    Role.ops: frozenset(Right) - _ADMIN_ONLY,
    Role.school_lead: _READS | {Right.tasks_act, Right.checks_write, Right.orders_receive},
    Role.viewer: _READS,
}
# These lists are people's names and little else, so a viewer needs the right to see names.
_LISTS_OF_NAMES = frozenset({Right.staff_read, Right.accounts_read})


@lru_cache(maxsize=1024)
def rights_of(
    role: Role, sees_names: bool, scopes: tuple[str, ...] | None = None
) -> frozenset[Right]:
    """The rights of a role, narrowed to `scopes` when there are any (`None`: not narrowed).

    A scope that names no right of the role gives nothing.
    """
    rights = ROLE_RIGHTS[role]
    if role is Role.viewer and not sees_names:
        rights = rights - _LISTS_OF_NAMES
    if scopes is None:
        return rights
    return frozenset(right for right in rights if right.value in scopes)


@dataclass(frozen=True, slots=True)
class Grant:
    """What somebody may do, and where. `None` means every network, or all its schools."""

    rights: frozenset[Right]
    network_id: UUID | None
    school_ids: frozenset[UUID] | None
    sees_names: bool


def within(less: Grant, more: Grant) -> bool:
    """Whether `less` allows nothing that `more` does not."""
    if more.network_id is not None and less.network_id != more.network_id:
        return False
    if more.school_ids is not None and (
        less.school_ids is None or not less.school_ids <= more.school_ids
    ):
        return False
    return less.rights <= more.rights and more.sees_names >= less.sees_names


def scope_fault(
    role: Role, network_id: UUID | None, school_ids: frozenset[UUID] | None
) -> str | None:
    """Why this role cannot have this scope, as a sentence; `None` when it can."""
    if role is Role.school_lead and not school_ids:
        return "A school lead needs at least one school."
    if role is Role.admin and school_ids is not None:
        return "An admin is responsible for whole networks and cannot be limited to schools."
    if school_ids is not None and not school_ids:
        return "Name at least one school, or leave schools out for all of the network."
    if school_ids is not None and network_id is None:
        return "Someone limited to schools belongs to those schools' network."
    return None


PASSWORD_MIN = 12
# Longer input would only cost the hash time.
PASSWORD_MAX = 256


def password_fault(password: str, email: str) -> str | None:
    """Why a password is refused, as a sentence; `None` when it is good.

    Length and not-the-email only: composition rules make passwords worse (NIST SP 800-63B 3.1.1).
    """
    if len(password) < PASSWORD_MIN:
        return f"A password has at least {PASSWORD_MIN} characters."
    if len(password) > PASSWORD_MAX:
        return f"A password has at most {PASSWORD_MAX} characters."
    if password.casefold() in {email.casefold(), email.partition("@")[0].casefold()}:
        return "A password cannot be the email address."
    if len(set(password)) < 4:
        return "A password needs more than three different characters."
    return None


_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+")


def email_fault(email: str) -> str | None:
    """Why an email address is refused; only mail proves that one is real, so little is asked."""
    if len(email) > 254 or _EMAIL.fullmatch(email) is None:
        return "An email address looks like name@school.org."
    return None


def digest(secret: str) -> bytes:
    """SHA-256, as stored in place of tokens, links and cookies.

    A fast hash is right here: these secrets hold 256 random bits, so there is nothing to guess.
    """
    return hashlib.sha256(secret.encode()).digest()


def same(left: bytes, right: bytes) -> bool:
    """Equality that takes the same time wherever the two differ."""
    return hmac.compare_digest(left, right)


_TOKEN = re.compile(r"fb_([0-9a-z]{16})_([0-9A-Za-z_-]{43})")


class TokenParts(NamedTuple):
    public_id: str
    secret: str


def build_token(public_id: str, secret: str) -> str:
    """`fb_<id>_<secret>`: the prefix lets secret scanners find one that leaked."""
    return f"fb_{public_id}_{secret}"


def parse_token(token: str) -> TokenParts | None:
    """The two parts of a token, or `None` when it has not the shape of one."""
    match = _TOKEN.fullmatch(token)
    return TokenParts(match[1], match[2]) if match else None


class LinkPurpose(StrEnum):
    invite = "invite"
    reset = "reset"
    sign_in = "sign_in"


LINK_HOURS = {LinkPurpose.invite: 7 * 24, LinkPurpose.reset: 24, LinkPurpose.sign_in: 12}


@dataclass(frozen=True, slots=True)
class Throttle:
    """So many free attempts in a window, then waits that double up to a ceiling."""

    free: int
    longest_seconds: int
    window_seconds: int = 3600

    def pause_after(self, attempts: int) -> int:
        """Seconds to wait after this many attempts in the window."""
        over = attempts - self.free
        if over <= 0:
            return 0
        return min(1 << min(over - 1, 20), self.longest_seconds)


# An account's ceiling is low: somebody who guesses must not be able to keep its owner out.
PER_ACCOUNT = Throttle(free=5, longest_seconds=300)
# A whole school may sit behind one address.
PER_ADDRESS = Throttle(free=30, longest_seconds=900)


def account_key(email: str) -> str:
    """An account's row in the throttle; hashed, since mistyped passwords land in this field."""
    return "account:" + digest(email.strip().lower()).hex()


def address_key(address: str) -> str:
    """An address's row in the throttle; a home or school has a whole /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return f"address:{parsed.ipv4_mapped}"
        return f"address:{ipaddress.ip_network((parsed, 64), strict=False)}"
    return f"address:{parsed}"


def known_scopes(scopes: Iterable[str]) -> tuple[list[Right], list[str]]:
    """Scopes as rights in a settled order, and those that are none."""
    known, unknown = set(), []
    for scope in scopes:
        try:
            known.add(Right(scope))
        except ValueError:
            unknown.append(scope)
    return sorted(known), unknown
