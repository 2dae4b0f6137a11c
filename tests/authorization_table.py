"""Every operation and who may call it: the expectation that the service is held against.

A new operation needs a row in `CASES`: its key as in /openapi.json, the right it asks for, how
far it reaches, a path and a body that work. `{names}` are those that `authorization_world` makes.
"""

from __future__ import annotations

from typing import Any

from tests.authorization_accounts import ACCOUNTS
from tests.authorization_calendars import CALENDARS
from tests.authorization_exports import EXPORTS
from tests.authorization_infrastructure import INFRASTRUCTURE
from tests.authorization_orders import ORDERS
from tests.authorization_pd import PD
from tests.authorization_privacy import PRIVACY
from tests.authorization_probe import PROBE
from tests.authorization_rules import ADMINS, PLANNERS, Case, Reach
from tests.authorization_shipping import SHIPPING
from tests.authorization_targets import TARGETS
from tests.authorization_webhooks import WEBHOOKS


def _opened(path: str, status: int = 200, body: Any = None) -> tuple[Case, ...]:
    return (Case("", Reach.OPEN, path, body, status),)


def _of_task(
    right: str,
    path: str,
    body: Any = None,
    status: int = 200,
    reach: Reach = Reach.WHOLE,
    refused: frozenset[str] = frozenset(),
) -> tuple[Case, ...]:
    """The same of a school's task and of the network's own (`network_` before its name)."""
    of_network = path.replace("{", "{network_")
    return (
        Case(right, Reach.SCHOOL, path, body, status, refused=refused),
        Case(right, reach, of_network, body, status, refused=refused),
    )


def _one(right: str, reach: Reach, path: str, body: Any = None, **more: Any) -> tuple[Case, ...]:
    return (Case(right, reach, path, body, **more),)


REASON = {"reason": "Because."}
# Taking back a waiver that somebody else asked for needs the right to approve one.
NOT_APPROVERS = frozenset({"school_lead", "admin_scoped"})
NEW_TASK = {"key": "new-{place}", "title": "New"}
PLAYBOOK = """\
name: own_{place}
version: 2
title: Own
model: flexible
summary: Of one network.
devices_per_student: 1
spare_percent: 5
default_lead_days: 30
tasks:
  - {{key: change.a, title: A, owner_role: tech, duration: [1, 2, 3], description: Do it.}}
"""
CSV = "code,name,network\n{school},Renamed,{network}\n"

CASES: dict[str, tuple[Case, ...]] = {
    "GET /healthz": _opened("/healthz"),
    "GET /readyz": _opened("/readyz"),
    "GET /metrics": _one("metrics:read", Reach.ANY, "/metrics"),
    # auth
    "GET /v1/sign-in": _opened("/v1/sign-in"),
    "POST /v1/sign-in": _opened(
        "/v1/sign-in", body={"email": "person@{place}.org", "password": "{password}"}
    ),
    "DELETE /v1/sign-in": _opened("/v1/sign-in", 204),
    "POST /v1/sign-in/link": _opened(
        "/v1/sign-in/link", body={"token": "{link}", "password": "{password}"}
    ),
    # No identity provider is configured.
    "GET /v1/sign-in/oidc": _opened("/v1/sign-in/oidc", 404),
    "GET /v1/sign-in/oidc/callback": _opened("/v1/sign-in/oidc/callback", 404),
    "GET /v1/me": _one("", Reach.ANY, "/v1/me"),
    "GET /v1/users": _one("users:manage", Reach.NETWORK, "/v1/users", shows="person@{place}.org"),
    "POST /v1/users": _one(
        "users:manage",
        Reach.WHOLE,
        "/v1/users",
        {"email": "new@{place}.org", "name": "New", "role": "viewer", "network": "{network}"},
        status=201,
        hidden=422,
    )
    + _one(
        "users:manage",
        Reach.EVERYWHERE,
        "/v1/users",
        {"email": "all@{place}.org", "name": "All", "role": "viewer"},
        status=201,
    ),
    "GET /v1/users/{user_id}": _one("users:manage", Reach.WHOLE, "/v1/users/{user}"),
    "PATCH /v1/users/{user_id}": _one(
        "users:manage", Reach.WHOLE, "/v1/users/{user}", {"name": "Renamed"}
    ),
    "POST /v1/users/{user_id}/reset": _one(
        "users:manage", Reach.WHOLE, "/v1/users/{user}/reset", status=201
    ),
    "GET /v1/tokens": _one("tokens:manage", Reach.NETWORK, "/v1/tokens", shows="key of {place}"),
    "POST /v1/tokens": _one(
        "tokens:manage",
        Reach.WHOLE,
        "/v1/tokens",
        {"name": "new", "role": "viewer", "network": "{network}"},
        status=201,
        hidden=422,
    )
    + _one(
        "tokens:manage",
        Reach.EVERYWHERE,
        "/v1/tokens",
        {"name": "all", "role": "viewer"},
        status=201,
    ),
    "DELETE /v1/tokens/{token_id}": _one(
        "tokens:manage", Reach.WHOLE, "/v1/tokens/{token}", status=204
    ),
    # schools
    "GET /v1/networks": _one("schools:read", Reach.NETWORK, "/v1/networks", shows='"{network}"'),
    "POST /v1/networks": _one(
        "networks:write",
        Reach.EVERYWHERE,
        "/v1/networks",
        {"code": "NEW-{place}", "name": "N", "timezone": "America/Chicago", "country": "US"},
        status=201,
    ),
    "GET /v1/networks/{network}": _one("schools:read", Reach.NETWORK, "/v1/networks/{network}"),
    "PATCH /v1/networks/{network}": _one(
        "networks:write", Reach.WHOLE, "/v1/networks/{network}", {"name": "Renamed"}
    ),
    "GET /v1/networks/{network}/sites": _one(
        "schools:read", Reach.NETWORK, "/v1/networks/{network}/sites"
    ),
    "POST /v1/networks/{network}/sites": _one(
        "schools:write",
        Reach.WHOLE,
        "/v1/networks/{network}/sites",
        {"name": "New of {place}"},
        status=201,
    ),
    "GET /v1/networks/{network}/sites/{site}": _one(
        "schools:read", Reach.NETWORK, "/v1/networks/{network}/sites/{site}"
    ),
    "PATCH /v1/networks/{network}/sites/{site}": _one(
        "schools:write", Reach.WHOLE, "/v1/networks/{network}/sites/{site}", {"name": "Renamed"}
    ),
    "GET /v1/schools": _one("schools:read", Reach.SCHOOL, "/v1/schools", shows='"{school}"'),
    "POST /v1/schools": _one(
        "schools:write",
        Reach.WHOLE,
        "/v1/schools",
        {"name": "New of {place}", "network": "{network}"},
        status=201,
    ),
    "POST /v1/schools/import": _one(
        "schools:write",
        Reach.WHOLE,
        "/v1/schools/import?on_error=abort",
        CSV,
        hidden=422,
        barred=frozenset({"ops_of_school"}),
        csv=True,
    ),
    "GET /v1/schools/{school}": _one("schools:read", Reach.SCHOOL, "/v1/schools/{school}"),
    "PATCH /v1/schools/{school}": _one(
        "schools:write", Reach.SCHOOL, "/v1/schools/{school}", {"enrollment": 500}
    ),
    "GET /v1/staff": _one("staff:read", Reach.SCHOOL, "/v1/staff", shows='"staff-{place}"')
    + _one("staff:read", Reach.SCHOOL, "/v1/staff?school={school}"),
    "POST /v1/staff": _one(
        "staff:write",
        Reach.SCHOOL,
        "/v1/staff",
        {
            "school": "{school}",
            "sourced_id": "new-{place}",
            "given_name": "New",
            "family_name": "Person",
            "role": "teacher",
        },
        status=201,
    ),
    "GET /v1/staff/{staff_id}": _one("staff:read", Reach.SCHOOL, "/v1/staff/{staff}"),
    "PATCH /v1/staff/{staff_id}": _one(
        "staff:write", Reach.SCHOOL, "/v1/staff/{staff}", {"given_name": "Renamed"}
    ),
    # rollouts and playbooks
    "POST /v1/schools/{school}/rollouts": _one(
        "tasks:write",
        Reach.SCHOOL,
        "/v1/schools/{school}/rollouts",
        {"playbook": "plan"},
        status=201,
    ),
    "GET /v1/schools/{school}/rollout": _one(
        "tasks:read", Reach.SCHOOL, "/v1/schools/{school}/rollout"
    ),
    "PATCH /v1/schools/{school}/rollout": _one(
        "tasks:write", Reach.SCHOOL, "/v1/schools/{school}/rollout", {"wave": "2"}
    ),
    "POST /v1/networks/{network}/rollouts": _one(
        "tasks:write",
        Reach.SCHOOL,
        "/v1/networks/{network}/rollouts",
        {"playbook": "plan", "schools": ["{school}"]},
        hidden_sibling=422,
    )
    + _one("tasks:write", Reach.NETWORK, "/v1/networks/{network}/rollouts", {"playbook": "plan"}),
    "POST /v1/networks/{network}/first-bell": _one(
        "tasks:write",
        Reach.SCHOOL,
        "/v1/networks/{network}/first-bell",
        {"first_bell": "2027-08-30", "schools": ["{school}"]},
        hidden_sibling=422,
    )
    + _one(
        "tasks:write",
        Reach.NETWORK,
        "/v1/networks/{network}/first-bell",
        {"first_bell": "2027-09-06"},
    ),
    "GET /v1/playbooks": _one("tasks:read", Reach.NETWORK, "/v1/playbooks", shows='"own_{place}"'),
    "POST /v1/playbooks": _one(
        "playbooks:write",
        Reach.WHOLE,
        "/v1/playbooks",
        {"source": PLAYBOOK, "network": "{network}"},
        status=201,
    )
    + _one("playbooks:write", Reach.EVERYWHERE, "/v1/playbooks", {"source": PLAYBOOK}, status=201),
    "GET /v1/playbooks/{playbook_id}": _one(
        "tasks:read", Reach.NETWORK, "/v1/playbooks/{playbook}"
    ),
    # tasks
    "GET /v1/schools/{school}/tasks": _one(
        "tasks:read", Reach.SCHOOL, "/v1/schools/{school}/tasks"
    ),
    "POST /v1/schools/{school}/tasks": _one(
        "tasks:write", Reach.SCHOOL, "/v1/schools/{school}/tasks", NEW_TASK, status=201
    ),
    "GET /v1/networks/{network}/tasks": _one(
        "tasks:read", Reach.NETWORK, "/v1/networks/{network}/tasks"
    ),
    "POST /v1/networks/{network}/tasks": _one(
        "tasks:write", Reach.WHOLE, "/v1/networks/{network}/tasks", NEW_TASK, status=201
    ),
    # What a body names and the caller may not see is an input that is wrong: 422.
    "POST /v1/tasks/bulk": _one(
        "tasks:act",
        Reach.SCHOOL,
        "/v1/tasks/bulk",
        {"action": "start", "task_ids": ["{bulk}"]},
        hidden=422,
        hidden_sibling=422,
    )
    + _one(
        "tasks:act",
        Reach.WHOLE,
        "/v1/tasks/bulk",
        {"action": "start", "task_ids": ["{network_bulk}"]},
        hidden=422,
    )
    + _one(
        "tasks:act",
        Reach.SCHOOL,
        "/v1/tasks/bulk",
        {
            "action": "start",
            "key": "change.by_key",
            "network": "{network}",
            "schools": ["{school}"],
        },
        hidden_sibling=422,
    )
    + _one(
        "tasks:write",
        Reach.SCHOOL,
        "/v1/tasks/bulk",
        {"action": "skip", "task_ids": ["{bulk_skip}"], "reason": "Because."},
        hidden=422,
        hidden_sibling=422,
    ),
    "GET /v1/tasks/{task_id}": _of_task("tasks:read", "/v1/tasks/{edit}", reach=Reach.NETWORK),
    "PATCH /v1/tasks/{task_id}": _of_task("tasks:write", "/v1/tasks/{edit}", {"title": "Renamed"}),
    "POST /v1/tasks/{task_id}/start": _of_task("tasks:act", "/v1/tasks/{start}/start"),
    "POST /v1/tasks/{task_id}/complete": _of_task("tasks:act", "/v1/tasks/{finish}/complete"),
    "POST /v1/tasks/{task_id}/reopen": _of_task("tasks:act", "/v1/tasks/{done}/reopen"),
    "POST /v1/tasks/{task_id}/skip": _of_task("tasks:write", "/v1/tasks/{skip}/skip", REASON),
    "POST /v1/tasks/{task_id}/cancel": _of_task("tasks:write", "/v1/tasks/{cancel}/cancel", REASON)
    + _one(
        "tasks:write",
        Reach.SCHOOL,
        "/v1/tasks/{gate}/cancel",
        REASON,
        refused=PLANNERS - ADMINS,
    ),
    "POST /v1/tasks/{task_id}/evidence": _of_task(
        "tasks:act", "/v1/tasks/{evidence}/evidence", {"done": 1, "total": 2}
    ),
    "PUT /v1/tasks/{task_id}/dependencies/{predecessor_id}": _of_task(
        "tasks:write", "/v1/tasks/{waits}/dependencies/{edit}", {"lag_days": 1}
    ),
    "DELETE /v1/tasks/{task_id}/dependencies/{predecessor_id}": _of_task(
        "tasks:write", "/v1/tasks/{waits}/dependencies/{before}", status=204
    ),
    "GET /v1/tasks/{task_id}/waivers": _of_task(
        "tasks:read", "/v1/tasks/{edit}/waivers", reach=Reach.NETWORK
    ),
    "POST /v1/tasks/{task_id}/waivers": _of_task(
        "tasks:act", "/v1/tasks/{waive}/waivers", REASON, 201
    ),
    "POST /v1/waivers/{waiver_id}/approve": _of_task(
        "waivers:approve", "/v1/waivers/{approvable}/approve"
    ),
    "POST /v1/waivers/{waiver_id}/revoke": _of_task(
        "tasks:act", "/v1/waivers/{revocable}/revoke", refused=NOT_APPROVERS
    ),
    # readiness
    "GET /v1/schools/{school}/readiness": _one(
        "readiness:read", Reach.SCHOOL, "/v1/schools/{school}/readiness"
    ),
    "GET /v1/schools/{school}/readiness/history": _one(
        "readiness:read", Reach.SCHOOL, "/v1/schools/{school}/readiness/history"
    ),
    "GET /v1/schools/{school}/graph": _one(
        "readiness:read", Reach.SCHOOL, "/v1/schools/{school}/graph"
    ),
    "GET /v1/readiness": _one("readiness:read", Reach.SCHOOL, "/v1/readiness", shows='"{school}"')
    + _one("readiness:read", Reach.NETWORK, "/v1/readiness?network={network}"),
    "GET /v1/actions": _one(
        "readiness:read", Reach.SCHOOL, "/v1/actions?limit=1000", shows="{edit}"
    )
    + _one("readiness:read", Reach.NETWORK, "/v1/actions?network={network}"),
    "GET /v1/events": _one("readiness:read", Reach.ANY, "/v1/events"),
    "GET /v1/audit": _one("audit:read", Reach.SCHOOL, "/v1/audit?limit=1000", shows="{edit}")
    + _one("audit:read", Reach.SCHOOL, "/v1/audit?school={school}"),
    # devices
    **ORDERS,
    **SHIPPING,
    **WEBHOOKS,
    **ACCOUNTS,
    **EXPORTS,
    **PRIVACY,
    **TARGETS,
    **INFRASTRUCTURE,
    **PROBE,
    **CALENDARS,
    **PD,
}
