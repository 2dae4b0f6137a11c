"""What a database at revision 0001 may hold.

Written out and not made by the service: a later service must still be able to take over what an
earlier one left. Never changed once 0001 is released.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]


def _id(number: int) -> str:
    return f"01890000-0000-7000-8000-{number:012d}"


NETWORK, SCHOOL, OTHER, ROLLOUT, OLD, USER = (_id(n) for n in range(1, 7))
FIRST, SECOND, OURS, PLAYBOOK = (_id(n) for n in range(11, 15))
AT, LATER = "2026-05-04T10:00:00.123456+00:00", "2026-06-01T00:00:00+00:00"
BYTES = "\\x" + "ab" * 32
MADE = {"created_at": AT, "updated_at": LATER}
OWNED = {"network_id": NETWORK, "school_id": SCHOOL, "rollout_id": ROLLOUT}
BARE_TASK = MADE | {
    "network_id": NETWORK,
    "workstream": "change",
    "kind": "manual",
    "gate": False,
    "after_first_bell": False,
    "duration_days": 1,
    "status": "pending",
    "progress_done": 0,
    "edited": [],
    "version": 1,
}
FULL_TASK = BARE_TASK | {
    "id": FIRST,
    **OWNED,
    "key": "devices.received",
    "title": "Receive: ünïcode, 'quotes' and \\ backslashes",
    "description": "Two\nlines",
    "gate": True,
    "owner_email": "o'hara@school.org",
    "owner_role": "tech",
    "duration_low": 1,
    "duration_high": 9,
    "not_before": "2027-06-01",
    "planned_start": "2027-06-02",
    "planned_finish": "2027-06-30",
    "status": "in_progress",
    "reason": "Overridden",
    "progress_done": 240,
    "progress_total": 320,
    "unit": "devices",
    "expected_on": "2027-08-13",
    "lead_days": 30,
    "spread_days": 5,
    "cause": "80 outstanding",
    "valid_until": LATER,
    "started_at": AT,
    "done_at": LATER,
    "playbook_version": 1,
    "edited": ["title", "gate"],
    "version": 7,
}
SCHOOL_ROW = MADE | {
    "network_id": NETWORK,
    "timezone": "America/Chicago",
    "staff_confirmed": True,
    "blackout_days": ["2027-07-05"],
    "version": 2,
}
# In the order in which rows refer to one another.
ROWS: dict[str, list[Row]] = {
    "networks": [
        MADE
        | {
            "id": NETWORK,
            "code": "KIPP",
            "name": "KIPP Chicago",
            "timezone": "America/Chicago",
            "country": "US",
            "region": "IL",
            "approval_threshold_cents": 2_500_000_000,
            "four_eyes": True,
            "receiving": "on_count",
            "version": 3,
        }
    ],
    "calendars": [
        {
            "network_id": NETWORK,
            "weekend": [4, 5],
            "observe_holidays": False,
            "blackout_days": ["2027-01-01", "2027-12-31"],
        }
    ],
    "network_state": [{"network_id": NETWORK, "revision": 9_000_000_000, "touched_by": "700"}],
    "sites": [
        MADE
        | {
            "id": _id(21),
            "network_id": NETWORK,
            "code": "W1",
            "name": "Warehouse",
            "kind": "warehouse",
            "version": 1,
        }
    ],
    "schools": [
        SCHOOL_ROW
        | {
            "id": SCHOOL,
            "code": "KIPP-ASCEND",
            "sourced_id": "400044",
            "name": "KIPP Ascend",
            "enrollment": 900,
            "teacher_count": 60,
        },
        SCHOOL_ROW | {"id": OTHER, "code": "OTHER", "name": "Other", "archived_at": LATER},
    ],
    "school_state": [
        {"school_id": SCHOOL, "revision": 41, "touched_by": "700"},
        {"school_id": OTHER, "revision": 0},
    ],
    "staff": [
        MADE
        | {
            "id": _id(22),
            "network_id": NETWORK,
            "school_id": SCHOOL,
            "sourced_id": "T-1",
            "given_name": "Ada",
            "family_name": "Lovelace",
            "email": "ada@school.org",
            "role": "teacher",
            "active": True,
            "version": 1,
        }
    ],
    "users": [
        MADE
        | {
            "id": USER,
            "email": "Lead@School.org",
            "name": "Lead",
            "password_hash": "$argon2id$v=19$m=65536,t=3,p=4$AAAA$BBBB",
            "role": "school_lead",
            "network_id": NETWORK,
            "school_limited": True,
            "sees_names": True,
            "active": True,
            "last_sign_in_at": LATER,
            "version": 1,
        }
    ],
    "user_schools": [{"user_id": USER, "school_id": SCHOOL}],
    "sign_in_sessions": [
        {
            "id": BYTES,
            "user_id": USER,
            "created_at": AT,
            "last_seen_at": AT,
            "expires_at": LATER,
        }
    ],
    "one_time_links": [
        {
            "id": BYTES,
            "user_id": USER,
            "purpose": "invite",
            "created_at": AT,
            "expires_at": LATER,
            "used_at": AT,
        }
    ],
    "api_tokens": [
        {
            "id": _id(23),
            "public_id": "0123456789abcdef",
            "name": "roster",
            "secret_hash": BYTES,
            "role": "school_lead",
            "scopes": ["tasks:read", "tasks:act"],
            "network_id": NETWORK,
            "school_ids": [SCHOOL],
            "sees_names": False,
            "created_by": f"user:{USER}",
            "created_at": AT,
            "expires_at": LATER,
            "last_used_at": AT,
            "revoked_at": LATER,
        }
    ],
    "throttles": [
        {"key": "address:192.0.2.1", "attempts": 3, "window_started_at": AT, "blocked_until": AT}
    ],
    "oidc_states": [
        {
            "id": BYTES,
            "browser_hash": BYTES,
            "nonce": "n",
            "code_verifier": "v",
            "expires_at": LATER,
        }
    ],
    "idempotency_keys": [
        {
            "caller": f"user:{USER}",
            "method": "POST",
            "route": "/v1/schools",
            "key": "k",
            "fingerprint": BYTES,
            "status": 201,
            "headers": {"location": "/v1/schools/x"},
            "body": BYTES,
            "created_at": AT,
            "expires_at": LATER,
        }
    ],
    "playbooks": [
        {
            "id": PLAYBOOK,
            "network_id": NETWORK,
            "name": "own",
            "version": 1,
            "title": "Own",
            "model": "flexible",
            "source": "name: own\n",
            "created_at": AT,
        }
    ],
    "rollouts": [
        MADE
        | {
            "id": ROLLOUT,
            "school_id": SCHOOL,
            "network_id": NETWORK,
            "playbook_id": PLAYBOOK,
            "model": "flexible",
            "first_bell": "2027-08-23",
            "wave": "1",
            "state": "opened",
            "opened_on": "2027-08-23",
            "opened_ready": False,
            "version": 4,
        },
        MADE
        | {
            "id": OLD,
            "school_id": SCHOOL,
            "network_id": NETWORK,
            "state": "closed",
            "version": 1,
        },
    ],
    "tasks": [
        FULL_TASK,
        BARE_TASK | {"id": SECOND, **OWNED, "key": "devices.tagged", "title": "Tag"},
        BARE_TASK | {"id": OURS, "key": "contract", "title": "Of the network"},
    ],
    "dependencies": [
        OWNED | {"predecessor_id": FIRST, "successor_id": SECOND, "lag_days": 2},
        OWNED | {"predecessor_id": OURS, "successor_id": FIRST, "lag_days": 0},
    ],
    "waivers": [
        MADE
        | {
            "id": _id(24),
            "task_id": FIRST,
            "network_id": NETWORK,
            "school_id": SCHOOL,
            "state": "approved",
            "reason": "Loaners until October",
            "expires_on": "2027-09-30",
            "requested_by": f"user:{USER}",
            "decided_by": "token:x",
            "version": 2,
        }
    ],
    "readiness_answers": [
        {
            "school_id": SCHOOL,
            "school_revision": 41,
            "network_revision": 9,
            "estimates_version": 1,
            "engine_version": 1,
            "good_until": LATER,
            "computed_at": AT,
            "etag": '"abc"',
            "document": BYTES,
            "summary": {"verdict": "late"},
            "verdict": "late",
            "percent": 62,
            "ready_on": "2027-08-30",
            "float_days": -5,
            "first_bell": "2027-08-23",
            "wave": "1",
        }
    ],
    "readiness_log": [
        {
            "school_id": SCHOOL,
            "said_at": AT,
            "said_on": "2026-05-04",
            "verdict": "late",
            "percent": 62,
            "ready_on": "2027-08-30",
            "fingerprint": "f",
            "document": BYTES,
        }
    ],
    "history": [
        {
            "at": AT,
            "actor": f"user:{USER}",
            "request_id": "r",
            "table_name": "tasks",
            "row_id": FIRST,
            "network_id": NETWORK,
            "school_id": SCHOOL,
            "operation": "update",
            "before": {"status": "pending"},
            "after": {"status": "in_progress"},
        }
    ],
}
