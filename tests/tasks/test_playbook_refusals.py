"""Bad playbooks are refused with every mistake on its line, and nothing else ever escapes."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import networkx as nx
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.errors import Invalid
from api.tasks.playbook_errors import MAX_LISTED, PlaybookInvalid
from api.tasks.playbook_yaml import MAX_BYTES
from api.tasks.playbooks import parse_playbook
from tests.tasks.test_playbooks import SMALL, edited, graph_of


def refusal(text: str | bytes) -> PlaybookInvalid:
    with pytest.raises(PlaybookInvalid) as caught:
        parse_playbook(text)
    return caught.value


def lines_of(refused: PlaybookInvalid) -> set[tuple[int, str]]:
    return {(problem.line, problem.code) for problem in refused.problems}


def line_of(text: str, part: str) -> int:
    return next(n for n, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("title: Reading hour", "titel: Reading hour", "unknown-key"),
        ("version: 2", "version: two", "int-type"),
        ("version: 2", "version: 2.5", "int-type"),
        ("version: 2", "version: 0", "greater-than-equal"),
        ("version: 2", "version: " + "9" * 5_000, "int-type"),
        ("model: station_rotation", "model: stations", "enum"),
        ("model: station_rotation", "model: [station_rotation]", "enum"),
        ("name: reading_hour", "name: Reading Hour", "string-pattern-mismatch"),
        ("name: reading_hour", "name: true", "string-type"),
        ("summary: One hour a day.", "summary:", "string-type"),
        ("devices_per_student: 0.25", "devices_per_student: .inf", "number-type"),
        ("devices_per_student: 0.25", "devices_per_student: yes", "number-type"),
        ("devices_per_student: 0.25", "devices_per_student: true", "number-type"),
        ("devices_per_student: 0.25", "devices_per_student: 6", "less-than-equal"),
        ("checks: [wifi_burst]", "checks: wifi_burst", "tuple-type"),
        ("checks: [wifi_burst]", "checks: [wifi_burst, wifi_burst]", "repeated-item"),
        ("checks: [wifi_burst]", "checks: [wifi_burst, unheard]", "unused-check"),
        ("    roles: [teacher]", "    roles: [teachers]", "literal-error"),
        ("    roles: [teacher]", "    roles: []", "empty-list"),
        ("gate: true", "gate: yes", "bool-type"),
        ("gate: true", "gate: false", "gate-required"),
        ("kind: devices", "kind: order", "kind-not-allowed"),
        ("kind: devices", "kind: manual", "fixed-key"),
        ("duration: [1, 2, 4]", "duration: [1, 2]", "duration-points"),
        ("duration: [1, 2, 4]", "duration: [4, 2, 1]", "duration-order"),
        ("duration: [1, 2, 4]", "duration: [1, 4, 2]", "duration-order"),
        ("duration: [1, 2, 4]", "duration: [-1, 2, 4]", "greater-than-equal"),
        ("lag_days: 3}", "lag_days: 251}", "less-than-equal"),
        ("lag_days: 3}", "leg_days: 3}", "unknown-key"),
        ("check: wifi_burst", "check: wifi", "unknown-check"),
        ("    unit: devices", "    unit: devices\n    course: stations", "evidence-kind"),
        ("[{task: devices.order, lag_days: 3}]", "[devices.orders]", "unknown-task"),
        ("depends_on: [devices.receive]", "depends_on: [devices.receive, devices.receive]",
         "repeated-dependency"),
        ("depends_on: [devices.receive]", "depends_on: [infrastructure.wifi]", "dependency-cycle"),
        ("key: infrastructure.wifi", "key: devices.order", "duplicate-task"),
        ("kind: pd", "kind: pd\n    kind: pd", "duplicate-key"),
        ("title: Place the order", "title: !!python/object/apply:os.system [id]", "tag"),
        ("title: Place the order", "title: !mine Place the order", "tag"),
        ("title: Place the order", "title: &x Place the order", "anchor"),
        ("title: Place the order", "title: *x", "alias"),
        ("title: Place the order", 'title: "a\\0b"', "bad-character"),
        ("title: Place the order", 'title: "\\uD800"', "bad-character"),
        ("title: Place the order", 'title: "two\\nlines"', "string-pattern-mismatch"),
        ("title: Place the order", "title: [[[[[[[[[[[]]]]]]]]]]]", "too-deep"),
        ("title: Place the order", "title: 'open", "syntax"),
        ("title: Place the order", "title: Place: the order", "syntax"),
        ("version: 2", "---", "many-documents"),
        ("version: 2", "true: 2", "key-not-text"),
        ("version: 2", "? [a, b]\n: 2", "key-not-text"),
        ("version: 2", "<<: {version: 2}", "unknown-key"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_on_its_line(old: str, new: str, code: str) -> None:
    text = edited(old, new)
    problems = [problem for problem in refusal(text).problems if problem.code == code]
    first = line_of(SMALL, old)
    # An unclosed quote is noticed at the end; the other mistakes stand where the edit was made.
    last = len(text.splitlines()) + 1 if "'open" in new else first + new.count("\n")
    assert any(first <= problem.line <= last for problem in problems), problems


def test_a_missing_key_points_at_the_mapping_that_lacks_it() -> None:
    refused = refusal(edited("    owner_role: vendor_manager\n", ""))
    (problem,) = refused.problems
    assert (problem.pointer, problem.code) == ("/tasks/0/owner_role", "missing")
    assert (problem.line, problem.column) == (line_of(SMALL, "key: devices.order"), 5)


def test_all_problems_are_listed_in_order_of_line() -> None:
    text = edited("version: 2", "version: two").replace("spare_percent: 5", "spare_percent: 500")
    text = text.replace("gate: true", "gate: maybe").replace("check: wifi_burst", "check: &a wifi")
    refused = refusal(text)
    assert [(problem.line, problem.code) for problem in refused.problems] == [
        (line_of(text, "version:"), "int-type"),
        (line_of(text, "spare_percent:"), "less-than-equal"),
        (line_of(text, "checks:"), "unused-check"),
        (line_of(text, "gate:"), "bool-type"),
        (line_of(text, "gate:"), "gate-required"),
        (line_of(text, "check: &a"), "anchor"),
        (line_of(text, "check: &a"), "unknown-check"),
    ]
    assert isinstance(refused, Invalid)
    assert (refused.status, refused.code) == (422, "playbook-invalid")
    assert refused.extra["error_count"] == len(refused.problems)
    assert refused.extra["errors"][0] == {
        "pointer": "/version",
        "code": "int-type",
        "detail": "expected a whole number, got the text `two`",
        "line": 2,
        "column": 10,
    }
    assert refused.detail.startswith("Line 2: expected a whole number")


def test_a_refused_value_is_one_problem_and_an_unknown_key_is_named_where_it_stands() -> None:
    (alias,) = refusal(edited("title: Place the order", "title: *x")).problems
    assert (alias.pointer, alias.code) == ("/tasks/0/title", "alias")
    (unknown,) = refusal(edited("    unit: devices", "    unit: devices\n    unity: x")).problems
    assert (unknown.pointer, unknown.code, unknown.column) == ("/tasks/1/unity", "unknown-key", 5)
    assert unknown.detail == "unknown key `unity`; did you mean `unit`?"


def test_a_cycle_is_named_by_its_path_at_the_closing_line() -> None:
    text = edited("[{task: devices.order, lag_days: 3}]", "[devices.order]")
    text = text.replace("duration: [1, 2, 4]", "duration: [1, 2, 4]\n    depends_on:\n"
                        "      - infrastructure.wifi")  # fmt: skip
    (problem,) = refusal(text).problems
    path = problem.detail.partition("circle: ")[2].split(" -> ")
    assert path[0] == path[-1]
    assert set(path) == {"devices.order", "devices.receive", "infrastructure.wifi"}
    judge = {("devices.order", "devices.receive"), ("devices.receive", "infrastructure.wifi"),
             ("infrastructure.wifi", "devices.order")}  # fmt: skip
    assert set(pairwise(path)) == judge
    assert "depends_on" in problem.pointer
    assert problem.line in {
        line_of(text, "- infrastructure.wifi"),
        line_of(text, "[devices.order]"),
        line_of(text, "[devices.receive]"),
    }


def test_work_before_the_bell_cannot_wait_for_work_after_it() -> None:
    text = edited("    unit: devices", "    unit: devices\n    after_first_bell: true")
    assert lines_of(refusal(text)) == {
        (line_of(text, "gate: true"), "gate-after-first-bell"),
        (line_of(text, "depends_on: [devices.receive]"), "waits-past-first-bell"),
    }


def test_one_mistake_makes_one_problem_and_offers_the_likely_word() -> None:
    (problem,) = refusal(edited("[devices.receive]", "[devices.recieve]")).problems
    assert problem.detail == (
        "there is no task `devices.recieve`; did you mean `devices.receive`?"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, "empty"),
        ("# only a comment\n", 1, "empty"),
        ("[]", 1, "model-type"),
        ("\n\njust words", 3, "model-type"),
        ("name: x\n\tversion: 1\n", 2, "syntax"),
        ("name: x\nversion:\n\t1\n", 3, "syntax"),
        (b"name: x\ntitle: caf\xe9\n", 2, "encoding"),
        ("name: x\n".encode("utf-16"), 1, "encoding"),
        ("name: x\nversion: 1\n\ud800", 3, "bad-character"),
        ("name: x\n\x07", 2, "bad-character"),
        ("a: " + "x" * MAX_BYTES, 1, "too-large"),
        ("a: " + "é" * (MAX_BYTES // 2), 1, "too-large"),
        ("[" * 100_000, 1, "too-deep"),
        ("- " * 100_000, 1, "too-deep"),
        ("a: [" + "1," * 100_000, 1, "too-large"),
        ("a: &a [1]\nb: *a\n", 1, "anchor"),
        ("a: &a [1]\nb: *a\n", 2, "alias"),
        ("{a: 1}\n---\n{b: 2}\n", 2, "many-documents"),
        ("%TAG ! tag:x,2000:\n---\n!a b\n", 3, "tag"),
        ('"\\UFFFFFFFF"', 1, "syntax"),
        ("%YAML 7.1\n---\na", 1, "syntax"),
    ],
)
def test_hostile_text_is_refused_by_line(text: str | bytes, line: int, code: str) -> None:
    assert (line, code) in lines_of(refusal(text))


def test_an_alias_bomb_is_never_expanded() -> None:
    bomb = ["a0: &a0 [x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    refused = refusal("\n".join(bomb))
    codes = [problem.code for problem in refused.problems]
    assert codes.count("anchor") == 30
    assert codes.count("alias") == 29 * 10
    assert len(refused.extra["errors"]) == MAX_LISTED
    assert refused.extra["error_count"] == len(codes)


def test_a_long_chain_and_a_dense_tangle_are_answered() -> None:
    head, _, tail = SMALL.partition("tasks:\n")
    head = head.replace("checks: [wifi_burst]\n", "")
    head = head[: head.index("courses:")]
    body = "    title: T\n    owner_role: r\n    duration: [1, 1, 1]\n    description: d\n"
    chain = "".join(
        f"  - key: a.t{n}\n{body}" + (f"    depends_on: [a.t{n - 1}]\n" if n else "")
        for n in range(1_000)
    )
    assert len(parse_playbook(f"{head}tasks:\n{chain}").tasks) == 1_000
    everyone = ", ".join(f"a.t{n}" for n in range(150))
    tangle = "".join(f"  - key: a.t{n}\n{body}    depends_on: [{everyone}]\n" for n in range(150))
    codes = {problem.code for problem in refusal(f"{head}tasks:\n{tangle}").problems}
    assert codes == {"dependency-cycle", "too-long"}
    assert tail


# --- whatever arrives

YAML_PIECES = st.sampled_from(
    [*"[]{}:,-?&*!|>'\"%@`#~<=\\ \n\t\r\0", "\n  ", "\n- ", ": ", "---\n", "...\n", "*a", "&a ",
     "!!int ", "!<x> ", "<<: ", "tasks:\n", "  - key: a.b\n", "    depends_on: [a.b]\n",
     "name: x\n", "true", "null", "1e9", "\\x", "\"\\U", "\u2028", "\ufeff", "\x85", "\ud800",
     "%YAML 1.1\n", "%TAG ! x\n", "courses: [{code: ", "checks: ", "version: ", "duration: [1, 2"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(), st.lists(YAML_PIECES | st.text(max_size=3), max_size=40).map("".join), st.binary()
)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example('"\\UFFFFFFFF"')
@example("%YAML 9" + "9" * 5_000 + ".1\n--- a")
@example("? ? ? ? ? ? ? ? ? ? ? a")
def test_arbitrary_text_is_refused_and_nothing_else_happens(text: str | bytes) -> None:
    problems = refusal(text).problems
    lines = 1 + sum(map(str(text).count, "\n\r\x85\u2028\u2029")) if isinstance(text, str) else None
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.detail.isprintable()
        assert lines is None or problem.line <= lines + 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
PLACES = ["name", "version", "model", "devices_per_student", "checks", "courses", "tasks"]
TASK_PLACES = ["key", "kind", "gate", "duration", "depends_on", "check", "after_first_bell", "unit"]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(PLACES), st.sampled_from(TASK_PLACES), JSON, st.booleans())
def test_arbitrary_values_in_a_good_playbook_never_escape(
    place: str, task_place: str, value: object, in_task: bool
) -> None:
    data = yaml.safe_load(SMALL)
    if in_task:
        data["tasks"][1][task_place] = value
    else:
        data[place] = value
    with suppress(PlaybookInvalid):
        playbook = parse_playbook(yaml.safe_dump(data, allow_unicode=True))
        assert nx.is_directed_acyclic_graph(graph_of(playbook))


@settings(max_examples=150, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14))
def test_a_cycle_is_found_exactly_when_networkx_finds_one(edges: set[tuple[int, int]]) -> None:
    head = SMALL[: SMALL.index("checks:")]
    tasks = [
        f"  - {{key: a.t{n}, title: T, owner_role: r, duration: [1, 1, 1], description: d,"
        f" depends_on: [{', '.join(f'a.t{before}' for before, after in edges if after == n)}]}}"
        for n in range(8)
    ]
    text = head + "tasks:\n" + "\n".join(tasks) + "\n"
    judge: nx.DiGraph[int] = nx.DiGraph(list(edges))
    if nx.is_directed_acyclic_graph(judge):
        assert len(parse_playbook(text).tasks) == 8
        return
    for problem in refusal(text).problems:
        assert problem.code == "dependency-cycle"
        path = [int(key.removeprefix("a.t")) for key in
                problem.detail.partition("circle: ")[2].split(" -> ")]  # fmt: skip
        assert path[0] == path[-1]
        assert all(judge.has_edge(*edge) for edge in pairwise(path))
        # The dependency that closes the circle: the second task waits for the first.
        assert problem.line == line_of(text, f"key: a.t{path[1]},")


def test_a_strangers_words_are_quoted_plainly() -> None:
    text = edited("key: infrastructure.wifi", "key: infrastructure.wi\u200bfi")
    text = text.replace("[devices.receive]", "[infrastructure.wifi, " + "x" * 900 + "]")
    refused = refusal(text)
    assert {problem.code for problem in refused.problems} >= {"unknown-task"}
    for problem in refused.problems:
        assert problem.detail.isprintable()
        assert len(problem.detail) < 300
