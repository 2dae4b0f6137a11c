"""The public document: the sample of DESIGN section 5, and every sentence."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from api.readiness.document import NEXT_ACTIONS, document
from api.readiness.rules import RolloutFacts, evaluate, summary
from api.tasks.days import Calendar
from api.tasks.rules import DependencyFacts, TaskFacts, WaiverFacts

NOW = datetime(2027, 7, 1, 12, tzinfo=UTC)
PO = "order:acme:PO-118"


def task(key: str, workstream: str, **fields: Any) -> TaskFacts:
    gate = TaskFacts(f"id:{key}", key, key.title(), workstream, "manual", gate=True)
    return gate._replace(**fields)


def sample() -> RolloutFacts:
    """24 gates, 15 satisfied (one by a waiver); 80 devices are missing and promised."""
    order = task(
        PO,
        "devices",
        title="Receive PO-118",
        kind="order",
        gate=False,
        owner_email="tech@kipp.example",
        duration_days=0,
        status="in_progress",
        progress_done=240,
        progress_total=320,
        unit="devices",
        expected_on=date(2027, 8, 13),
    )
    devices = [
        order,
        task("devices.enroll", "devices", duration_days=3),
        task("devices.carts", "devices"),
        *(task(f"devices.{number}", "devices", status="done") for number in range(3)),
    ]
    behind = [task(f"after.{number}", "change") for number in range(5)]
    partial = [
        task("accounts.created", "accounts", progress_done=4, progress_total=5),
        task("pd.core", "pd", progress_done=3, progress_total=4),
    ]
    done = [task(f"infra.{number}", "infrastructure", status="done") for number in range(11)]
    # What the waiver hides: filters that are promised for after first bell.
    waived = task("infra.filter", "infrastructure", expected_on=date(2027, 9, 20))
    tasks = (*devices, *behind, *partial, *done, waived)
    return RolloutFacts(
        school_id="id:school",
        school_code="KIPP-ASCEND",
        school_name="KIPP Ascend Charter School",
        timezone="America/Chicago",
        rollout_id="id:rollout",
        model="one_to_one",
        first_bell=date(2027, 8, 23),
        state="active",
        opened_ready=None,
        tasks=tasks,
        dependencies=(
            DependencyFacts(f"id:{PO}", "id:devices.enroll"),
            *(DependencyFacts(f"id:{PO}", each.id) for each in behind),
        ),
        waivers=(WaiverFacts("id:waiver", waived.id, "borrowed filter", date(2027, 9, 30)),),
        calendar=Calendar(),
    )


def test_the_sample_of_the_design() -> None:
    shown = document(evaluate(sample(), NOW), "7.3")
    assert shown["school"] == {
        "id": "id:school",
        "code": "KIPP-ASCEND",
        "name": "KIPP Ascend Charter School",
    }
    assert shown["rollout"] == {
        "id": "id:rollout",
        "model": "one_to_one",
        "first_bell": "2027-08-23",
        "state": "active",
    }
    assert (shown["as_of"], shown["version"]) == ("2027-07-01T12:00:00Z", "7.3")
    assert (shown["verdict"], shown["ready"], shown["percent"]) == ("at_risk", False, 62)
    assert shown["gates"] == {"satisfied": 15, "total": 24, "waived": 1}
    assert shown["forecast"] == {"ready_on": "2027-08-18", "float_days": 2}
    assert shown["workstreams"][0] == {
        "workstream": "devices",
        "verdict": "at_risk",
        "gates": {"satisfied": 3, "total": 5},
        "percent": 60,
        "evidence": [
            {
                "task_id": f"id:{PO}",
                "key": PO,
                "done": 240,
                "total": 320,
                "unit": "devices",
                "expected_on": "2027-08-13",
            }
        ],
    }
    assert shown["without_waivers"] == {"verdict": "late", "percent": 58}


def test_the_sample_says_what_is_in_the_way() -> None:
    shown = document(evaluate(sample(), NOW), "7.3")
    assert shown["blockers"][0] == {
        "task_id": f"id:{PO}",
        "key": PO,
        "title": "Receive PO-118",
        "why": "80 of 320 devices outstanding, promised 13 Aug",
        "owner_email": "tech@kipp.example",
        "must_finish_by": "2027-08-17",
        "unblocks": 6,
    }
    assert shown["critical_path"] == [
        {
            "task_id": f"id:{PO}",
            "key": PO,
            "start": "2027-07-01",
            "finish": "2027-08-13",
            "reason": "promised 13 Aug",
        },
        {
            "task_id": "id:devices.enroll",
            "key": "devices.enroll",
            "start": "2027-08-16",
            "finish": "2027-08-18",
            "reason": f"after {PO}",
        },
    ]
    assert shown["waivers"] == [
        {
            "id": "id:waiver",
            "task_id": "id:infra.filter",
            "reason": "borrowed filter",
            "expires_on": "2027-09-30",
        }
    ]


def test_the_keys_come_in_the_order_of_the_sample() -> None:
    shown = document(evaluate(sample(), NOW), "7.3")
    assert list(shown) == [
        "school",
        "rollout",
        "as_of",
        "version",
        "verdict",
        "ready",
        "percent",
        "progress",
        "gates",
        "forecast",
        "workstreams",
        "blockers",
        "critical_path",
        "next_actions",
        "waivers",
        "without_waivers",
    ]
    assert list(shown["next_actions"][0]) == ["task_id", "title", "owner_email", "do_by", "why"]


def test_the_board_row_says_the_same() -> None:
    answer = evaluate(sample(), NOW)
    row, shown = summary(answer), document(answer, "7.3")
    assert row["first_bell"] == shown["rollout"]["first_bell"]
    assert row["school"] == shown["school"]
    assert [row[name] for name in ("verdict", "ready", "percent")] == [
        shown[name] for name in ("verdict", "ready", "percent")
    ]
    assert {"ready_on": row["ready_on"], "float_days": row["float_days"]} == shown["forecast"]
    for mine, full in zip(row["workstreams"], shown["workstreams"], strict=True):
        assert mine == {name: full[name] for name in mine}
    assert [each["workstream"] for each in row["workstreams"]] == [
        "devices",
        "infrastructure",
        "accounts",
        "pd",
        "change",
    ]


def one(only: TaskFacts, **fields: Any) -> dict[str, Any]:
    changes: dict[str, Any] = {"tasks": (only,), "dependencies": (), "waivers": ()}
    chosen = replace(sample(), **changes | fields)
    return document(evaluate(chosen, NOW), "v")


SENTENCES: list[tuple[dict[str, Any], str]] = [
    ({}, "not started"),
    ({"not_before": date(2027, 8, 3)}, "not before 3 Aug"),
    ({"not_before": date(2027, 6, 3)}, "not started"),
    (
        {"status": "in_progress", "started_on": date(2027, 6, 30), "duration_days": 3},
        "in progress since 30 Jun, 2 working days left",
    ),
    (
        {"status": "in_progress", "started_on": date(2027, 6, 30), "duration_days": 2},
        "in progress since 30 Jun, 1 working day left",
    ),
    ({"status": "done", "valid_until": NOW}, "evidence expired 1 Jul"),
    ({"progress_total": 0}, "nothing to count yet: the total is 0"),
    (
        {"progress_done": 1, "progress_total": 5, "unit": "rooms"},
        "4 of 5 rooms outstanding",
    ),
    (
        {"progress_total": 5, "expected_on": date(2027, 6, 20)},
        "5 of 5 outstanding, promise broken, no new date",
    ),
    ({"expected_on": date(2028, 1, 3)}, "promised 3 Jan 2028"),
    (
        {"progress_total": 40, "lead_days": 20, "cause": "40 devices on no order"},
        "40 devices on no order",
    ),
    (
        {"cause": "held by customs", "expected_on": date(2027, 6, 20)},
        "held by customs, promise broken, no new date",
    ),
    ({"lead_days": 1}, "lead time 1 working day"),
    ({"lead_days": 20, "expected_on": date(2027, 7, 9)}, "promised 9 Jul"),
]


@pytest.mark.parametrize(("fields", "sentence"), SENTENCES)
def test_why_a_task_is_open_is_said_in_a_sentence(fields: dict[str, Any], sentence: str) -> None:
    shown = one(task("a", "change", **fields))
    assert [row["why"] for row in shown["blockers"]] == [sentence]
    assert [row["why"] for row in shown["next_actions"]] == [sentence]


REASONS: list[tuple[dict[str, Any], str]] = [
    ({}, "starts today"),
    ({"not_before": date(2027, 8, 3)}, "not before 3 Aug"),
    ({"expected_on": date(2027, 6, 20)}, "promise broken, no new date"),
    ({"lead_days": 20}, "lead time 20 working days"),
    ({"lead_days": 2, "duration_days": 9}, "starts today"),
    ({"status": "in_progress", "started_on": date(2027, 6, 30)}, "in progress since 30 Jun"),
    ({"status": "done", "valid_until": datetime(2027, 8, 9, tzinfo=UTC)}, "renewal from 8 Aug"),
]


@pytest.mark.parametrize(("fields", "reason"), REASONS)
def test_the_path_says_what_it_waits_for(fields: dict[str, Any], reason: str) -> None:
    shown = one(task("a", "change", **fields))
    assert [step["reason"] for step in shown["critical_path"]] == [reason]


def test_on_a_day_off_work_starts_on_the_next_working_day() -> None:
    calendar = Calendar(days_off=frozenset({date(2027, 7, 1)}))
    shown = one(task("a", "change"), calendar=calendar)
    assert [(step["start"], step["reason"]) for step in shown["critical_path"]] == [
        ("2027-07-02", "starts 2 Jul")
    ]


def test_a_waiver_that_ends_too_early_is_in_the_sentence() -> None:
    waiver = WaiverFacts("w", "id:a", "borrowed", date(2027, 8, 10))
    shown = one(task("a", "change", progress_total=5), waivers=(waiver,))
    assert [row["why"] for row in shown["blockers"]] == ["waiver ends 10 Aug, 5 of 5 outstanding"]
    assert shown["gates"] == {"satisfied": 0, "total": 1, "waived": 0}


def test_actions_are_due_when_work_has_to_start_and_are_not_too_many() -> None:
    tasks = tuple(task(f"t{days}", "change", duration_days=days) for days in range(1, 15))
    shown = one(tasks[0], tasks=tasks)
    assert len(shown["blockers"]) == len(tasks)
    actions = shown["next_actions"]
    assert [row["title"] for row in actions] == [f"T{n}" for n in range(14, 14 - NEXT_ACTIONS, -1)]
    assert actions[0]["do_by"] == "2027-08-03"


def test_without_a_first_bell_nothing_has_to_finish_by_a_day() -> None:
    shown = one(task("a", "change"), first_bell=None)
    assert shown["verdict"] == "unscheduled"
    assert shown["forecast"] == {"ready_on": "2027-07-01", "float_days": None}
    assert [row["must_finish_by"] for row in shown["blockers"]] == [None]
    assert [row["do_by"] for row in shown["next_actions"]] == [None]
