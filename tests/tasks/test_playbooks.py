"""Playbooks: the shipped ones are plans that can work, and every field is read."""

from __future__ import annotations

from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import networkx as nx
import pytest

from api.tasks.playbooks import Playbook, parse_playbook, shipped_playbooks, shipped_source
from api.tasks.rules import BlendedModel, TaskKind

REQUIRED = {
    "devices": "need order receive enroll tag store carts distribute",
    "infrastructure": "internet wifi filter sso content_access help_desk spares",
    "accounts": "roster_verified usernames create pilot_sign_in parent_letters",
    "pd": "trainer core_course model_course admin_briefing make_up",
    "change": "model_sign_off schedule families_informed pilot_class go_no_go",
}
OWN_TASKS = {
    BlendedModel.ONE_TO_ONE: {"devices.agreements", "infrastructure.filter_off_site"},
    BlendedModel.STATION_ROTATION: {"change.station_layout", "devices.headsets"},
    BlendedModel.LAB_ROTATION: {"change.lab_schedule", "infrastructure.lab_power"},
    BlendedModel.FLEXIBLE: {"change.supervision", "change.flex_space"},
    BlendedModel.INDIVIDUAL_ROTATION: {"change.learning_paths", "change.first_playlists"},
}
SHIPPED = [pytest.param(playbook, id=playbook.name) for playbook in shipped_playbooks()]

SMALL = """\
name: reading_hour
version: 2
title: Reading hour
model: station_rotation
summary: One hour a day.
devices_per_student: 0.25
spare_percent: 5
default_lead_days: 30
checks: [wifi_burst]
courses:
  - code: stations
    title: Running stations
    hours: 4
    roles: [teacher]
tasks:
  - key: devices.order
    title: Place the order
    owner_role: vendor_manager
    duration: [1, 2, 4]
    description: Ask for a date per line.
  - key: devices.receive
    title: Devices received
    kind: devices
    gate: true
    owner_role: operations_manager
    duration: [1, 1, 2]
    depends_on: [{task: devices.order, lag_days: 3}]
    description: Count on the day.
    unit: devices
  - key: infrastructure.wifi
    title: Wi-Fi carries a class
    kind: check
    check: wifi_burst
    owner_role: network_engineer
    duration: [0, 1, 1]
    depends_on: [devices.receive]
    description: Thirty at once.
  - key: pd.stations
    title: Course held
    workstream: training
    kind: pd
    course: stations
    owner_role: pd_lead
    duration: [1, 1, 1]
    description: Practise.
"""


def graph_of(playbook: Playbook) -> nx.DiGraph[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(task.key for task in playbook.tasks)
    for task in playbook.tasks:
        graph.add_edges_from(
            (wait.key, task.key, {"lag": wait.lag_days}) for wait in task.depends_on
        )
    return graph


def edited(old: str, new: str) -> str:
    assert SMALL.count(old) == 1, old
    return SMALL.replace(old, new)


# --- the shipped five


def test_one_playbook_ships_per_model() -> None:
    shipped = shipped_playbooks()
    assert {playbook.model for playbook in shipped} == {model.value for model in BlendedModel}
    assert all(playbook.name == playbook.model for playbook in shipped)
    assert len({playbook.devices_per_student for playbook in shipped}) == len(BlendedModel)
    courses = [frozenset(course.code for course in playbook.courses) for playbook in shipped]
    assert len(set(courses)) == len(BlendedModel)


# The version that each file is, and the beginning of its SHA-256. An installation that has a
# version never reads it again, so whoever changes a file raises its version, and writes both here.
WRITTEN_DOWN = {
    "flexible": (2, "22c24a591d372d5b"),
    "individual_rotation": (2, "593305aeee68c2c9"),
    "lab_rotation": (2, "7ef109886c53a6bf"),
    "one_to_one": (2, "3cbe5d899cf55b7d"),
    "station_rotation": (2, "67a1f84244706d59"),
}


def test_a_changed_playbook_is_a_newer_version() -> None:
    found = {
        one.name: (one.version, sha256(shipped_source(one.name).encode()).hexdigest()[:16])
        for one in shipped_playbooks()
    }
    assert found == WRITTEN_DOWN


@pytest.mark.parametrize("playbook", SHIPPED)
def test_shipped_playbook_covers_the_launch(playbook: Playbook) -> None:
    keys = {task.key for task in playbook.tasks}
    required = {f"{room}.{name}" for room, names in REQUIRED.items() for name in names.split()}
    assert not required - keys
    for model, own in OWN_TASKS.items():
        if model == playbook.model:
            assert own <= keys
        else:
            assert not own & keys
    assert 40 <= len(playbook.tasks) <= 60


@pytest.mark.parametrize("playbook", SHIPPED)
def test_shipped_tasks_are_filled_in(playbook: Playbook) -> None:
    by_key = {task.key: task for task in playbook.tasks}
    for task in playbook.tasks:
        assert task.workstream == task.key.split(".")[0]
        assert 1 <= task.description.count(". ") + 1 <= 3, task.key
        assert task.description.endswith("."), task.key
        assert 0 < task.duration.low <= task.duration.likely <= task.duration.high
    assert by_key["devices.receive"].kind == TaskKind.DEVICES
    assert by_key["accounts.create"].kind == TaskKind.ACCOUNTS
    assert by_key["change.model_sign_off"].kind == TaskKind.SIGN_OFF
    assert by_key["change.go_no_go"].kind == TaskKind.SIGN_OFF


@pytest.mark.parametrize("playbook", SHIPPED)
def test_gates_are_few_and_meet_in_the_decision(playbook: Playbook) -> None:
    graph = graph_of(playbook)
    assert nx.is_directed_acyclic_graph(graph)
    gates = {task.key for task in playbook.tasks if task.gate}
    assert 20 <= len(gates) <= 27
    decision = "change.go_no_go"
    around = nx.ancestors(graph, decision) | nx.descendants(graph, decision) | {decision}
    assert gates <= around
    starts = {key for key in graph if graph.in_degree(key) == 0}
    reached = starts.union(*(nx.descendants(graph, start) for start in starts))
    assert gates <= reached


@pytest.mark.parametrize("playbook", SHIPPED)
def test_launch_day_tasks_come_after_the_bell_and_gate_nothing(playbook: Playbook) -> None:
    graph = graph_of(playbook)
    by_key = {task.key: task for task in playbook.tasks}
    launch = {task.key for task in playbook.tasks if task.after_first_bell}
    assert len(launch) >= 2
    for key in launch:
        assert not by_key[key].gate
        assert nx.descendants(graph, key) <= launch


@pytest.mark.parametrize("playbook", SHIPPED)
def test_a_plan_fits_between_february_and_august(playbook: Playbook) -> None:
    graph, by_key = graph_of(playbook), {task.key: task for task in playbook.tasks}
    finish: dict[str, int] = {}
    for key in nx.topological_sort(graph):
        days = by_key[key].duration.likely
        if key == "devices.receive":
            days = max(days, playbook.default_lead_days)
        waits = [finish[wait.key] + wait.lag_days for wait in by_key[key].depends_on]
        finish[key] = max(waits, default=0) + days
    assert 80 <= max(finish[task.key] for task in playbook.tasks if task.gate) <= 120


# --- reading one


def test_every_field_is_read() -> None:
    playbook = parse_playbook(SMALL)
    assert (playbook.name, playbook.version, playbook.title) == ("reading_hour", 2, "Reading hour")
    assert playbook.model == "station_rotation"
    assert playbook.devices_per_student == Decimal("0.25")
    assert (playbook.spare_percent, playbook.default_lead_days) == (5, 30)
    assert playbook.checks == ("wifi_burst",)
    course = playbook.courses[0]
    assert (course.code, course.roles) == ("stations", ("teacher",))
    assert (course.hours, course.required_share) == (Decimal(4), Decimal(1))
    order, receive, wifi, training = playbook.tasks
    assert (order.kind, order.gate, order.unit, order.depends_on) == ("manual", False, None, ())
    assert receive.depends_on == (("devices.order", 3),)
    assert (receive.gate, receive.unit, receive.duration) == (True, "devices", (1, 1, 2))
    assert (wifi.check, wifi.depends_on) == ("wifi_burst", (("devices.receive", 0),))
    assert (training.workstream, training.course) == ("training", "stations")
    assert wifi.workstream == "infrastructure"


def test_bytes_byte_order_mark_and_line_ends_make_no_difference() -> None:
    plain = parse_playbook(SMALL)
    assert parse_playbook(SMALL.encode()) == plain
    assert parse_playbook(b"\xef\xbb\xbf" + SMALL.encode()) == plain
    assert parse_playbook(SMALL.replace("\n", "\r\n")) == plain
    assert hash(parse_playbook(SMALL)) == hash(plain)


def test_plain_words_are_text_as_in_json() -> None:
    text = edited("title: Reading hour", "title: 1:30").replace(
        "summary: One hour", "summary: no, "
    )
    assert parse_playbook(text).title == "1:30"
    assert parse_playbook(edited("summary: One hour a day.", "summary: no")).summary == "no"
    assert parse_playbook(edited("summary: One hour a day.", 'summary: "12"')).summary == "12"
    assert parse_playbook(edited("title: Reading hour", "title: 'true'")).title == "true"


def test_the_example_in_the_guide_is_a_playbook() -> None:
    guide = Path(__file__).parents[2] / "docs" / "playbooks.md"
    example = guide.read_text(encoding="utf-8").partition("```yaml\n")[2].partition("```")[0]
    assert len(parse_playbook(example).tasks) == 5
