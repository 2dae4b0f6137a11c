"""The frontend's pure modules, run in the browser that will run them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from api.web.routes import load
from tests.web.conftest import visiting
from tests.web.world import CHICAGO, World


@pytest.fixture(scope="module")
def script(browser: Browser, world: World) -> Any:
    """Runs a function of a module: `script("dates", "day", "2027-08-13")`."""
    with visiting(browser, world) as visitor:
        visitor.open("/sign-in")
        yield Script(visitor.page)


class Script:
    def __init__(self, page: Page) -> None:
        self.page = page
        self.base = f"/assets/{load().version}/js"

    def __call__(self, module: str, function: str, *arguments: Any) -> Any:
        return self.page.evaluate(
            """async ([address, name, given]) => (await import(address))[name](...given)""",
            [f"{self.base}/{module}.js", function, list(arguments)],
        )


def test_a_day_is_counted_like_the_calendar_counts_it(script: Script) -> None:
    days = [date(1999, 12, 31), date(2000, 2, 29), date(2027, 3, 14), date(2100, 3, 1)]
    days += [date(2027, 1, 1) + timedelta(days=number) for number in range(366)]
    counted = script.page.evaluate(
        """async ([address, days]) => {
          const { day, parts } = await import(address);
          return days.map((text) => [day(text), parts(day(text))]);
        }""",
        [f"{script.base}/dates.js", [day.isoformat() for day in days]],
    )
    for day, (count, parts) in zip(days, counted, strict=True):
        assert count == (day - date(1970, 1, 1)).days
        assert (parts["year"], parts["month"] + 1, parts["date"]) == (day.year, day.month, day.day)
        assert parts["weekday"] == day.isoweekday() % 7


@pytest.mark.parametrize("text", [None, "", "2027-8-1", "2027-08-13T00:00:00Z", "13 Aug"])
def test_what_is_no_day_is_none(script: Script, text: str | None) -> None:
    assert script("dates", "day", text) is None


@pytest.mark.parametrize(
    ("ready", "floats", "said"),
    [
        ("2027-08-26", -4, "3 days after first bell"),
        ("2027-08-24", -2, "1 day after first bell"),
        ("2027-08-23", -1, "on the day of first bell"),
        ("2027-08-20", 0, "no day to spare"),
        ("2027-08-19", 1, "1 working day to spare"),
        ("2027-08-18", 2, "2 working days to spare"),
    ],
)
def test_a_day_against_first_bell(script: Script, ready: str, floats: int, said: str) -> None:
    assert script("dates", "against", ready, "2027-08-23", floats) == said


def step(key: str, reason: str) -> dict[str, str]:
    day = "2027-08-13"
    return {"task_id": key, "key": key, "start": day, "finish": day, "reason": reason}


def sentence(script: Script, today: str = "2027-07-01", **changed: Any) -> str:
    """The sentence about DESIGN's sample school, with something changed."""
    answer = {
        "school": {"name": "KIPP Ascend"},
        "rollout": {"first_bell": "2027-08-23"},
        "verdict": "late",
        "gates": {"satisfied": 15, "total": 24, "waived": 0},
        "forecast": {"ready_on": "2027-08-26", "float_days": -4},
        "critical_path": [step("Receive PO-118", "promised 13 Aug"), step("Enroll", "after x")],
        **changed,
    }
    parts = script.page.evaluate(
        """async ([address, answer, today]) => {
          const { verdictSentence } = await import(`${address}/school/sentence.js`);
          const { day } = await import(`${address}/dates.js`);
          return verdictSentence(answer, new Map(), day(today));
        }""",
        [script.base, answer, today],
    )
    text = "".join(part if isinstance(part, str) else part["title"] for part in parts)
    # The year is shown or not depending on today; what matters here is the rest.
    return text.replace(" 2027", "")


def test_late_says_when_how_late_and_why(script: Script) -> None:
    assert sentence(script) == (
        "KIPP Ascend will be ready on 26 Aug, 3 days after its first bell on 23 Aug,"
        " because Receive PO-118 is promised for 13 Aug, then Enroll."
    )


def test_a_long_chain_is_shortened_but_keeps_its_end(script: Script) -> None:
    path = [step(name, "starts today" if name == "A" else "after x") for name in "ABCDEFGH"]
    assert sentence(script, critical_path=path).endswith(
        "because A has not started and takes until 13 Aug, then B, C, D, 3 more steps"
        " and at last H."
    )


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("promise broken, no new date", "the promise for T was broken and there is no new date"),
        ("lead time 30 working days", "T has a lead time of 30 working days"),
        ("not before 3 Aug", "T cannot start before 3 Aug"),
        ("in progress since 1 Jul", "T is in progress since 1 Jul and takes until 13 Aug"),
        ("renewal from 2 Aug", "T has to be renewed from 2 Aug"),
        ("starts 2 Aug", "T can start on 2 Aug and takes until 13 Aug"),
    ],
)
def test_every_reason_becomes_words(script: Script, reason: str, said: str) -> None:
    assert sentence(script, critical_path=[step("T", reason)]).endswith(f", because {said}.")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"verdict": "unplanned", "rollout": None, "critical_path": []},
            "KIPP Ascend has no plan yet: no task says what must be done before first bell.",
        ),
        (
            {
                "verdict": "unscheduled",
                "rollout": {"first_bell": None},
                "critical_path": [],
                "forecast": {"ready_on": "2027-08-02", "float_days": None},
            },
            "KIPP Ascend has no first bell yet; it could be ready on 2 Aug.",
        ),
        (
            {
                "verdict": "ready",
                "critical_path": [],
                "gates": {"satisfied": 3, "total": 3, "waived": 1},
            },
            (
                "KIPP Ascend is ready for its first bell on 23 Aug:"
                " all 3 gates are satisfied, 1 of them by waiver."
            ),
        ),
        (
            {
                "verdict": "at_risk",
                "critical_path": [],
                "forecast": {"ready_on": "2027-08-18", "float_days": 2},
            },
            (
                "KIPP Ascend will be ready on 18 Aug, with only 2 working days to spare"
                " before first bell on 23 Aug."
            ),
        ),
        (
            {"verdict": "on_track", "forecast": {"ready_on": "2027-08-10", "float_days": 8}},
            (
                "KIPP Ascend will be ready on 10 Aug, with 8 working days to spare before first"
                " bell on 23 Aug; the date is decided by Receive PO-118, then Enroll."
            ),
        ),
        (
            {"forecast": {"ready_on": "2027-08-23", "float_days": -1}, "critical_path": []},
            "KIPP Ascend will be ready on 23 Aug, the very day of its first bell and so too late.",
        ),
    ],
)
def test_every_verdict_has_its_sentence(script: Script, changed: dict[str, Any], said: str) -> None:
    assert sentence(script, **changed) == said


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        ("late", "KIPP Ascend opened on 23 Aug without being ready and will be on 26 Aug."),
        (
            "lapsed",
            "KIPP Ascend was ready when it opened, but no longer is, and will be again on 26 Aug.",
        ),
    ],
)
def test_after_first_bell(script: Script, verdict: str, said: str) -> None:
    told = sentence(script, today="2027-08-24", verdict=verdict, critical_path=[])
    assert told == said


def task(key: str, workstream: str) -> dict[str, Any]:
    return {"id": key, "workstream": workstream}


def test_the_graph_is_laid_out_to_the_right_and_in_lanes(script: Script) -> None:
    """Every edge goes to a later column, and no two tasks share a place."""
    tasks = [
        task(f"{lane}{number}", lane) for lane in ("pd", "devices", "zeta") for number in "abc"
    ]
    wanted = [("pda", "pdb"), ("pda", "devicesa"), ("devicesa", "devicesb"), ("devicesb", "zetaa")]
    edges = [{"predecessor_id": a, "successor_id": b, "lag_days": 0} for a, b in wanted]
    layout = script.page.evaluate(
        """async ([address, tasks, edges]) => {
          const { layoutOf } = await import(`${address}/school/layout.js`);
          const { places, lanes, columns } = layoutOf(tasks, edges);
          return { places: [...places.values()], lanes: lanes.map((lane) => lane.slug), columns };
        }""",
        [script.base, tasks, edges],
    )
    places = {place["id"]: place for place in layout["places"]}
    assert layout["lanes"] == ["devices", "pd", "zeta"]
    assert layout["columns"] == 4
    assert all(places[a]["column"] < places[b]["column"] for a, b in wanted)
    taken = {(place["lane"], place["column"], place["slot"]) for place in layout["places"]}
    assert len(taken) == len(tasks)


def test_twenty_thousand_schools_are_narrowed_and_sorted_in_a_moment(script: Script) -> None:
    """Far below what a reader would notice while typing, with room for a slow machine."""
    took, shown = script.page.evaluate(
        """async ([address]) => {
          const { filtersOf, prepare, sorted, within } =
            await import(`${address}/board/model.js`);
          const rows = Array.from({ length: 20000 }, (_, index) => prepare({
            school: { id: String(index), code: `S-${index}`,
              name: `School ${index * 7919 % 20000}` },
            first_bell: "2027-08-23", verdict: ["late", "ready", "on_track"][index % 3],
            percent: index % 101, ready_on: "2027-08-01", float_days: index % 30, workstreams: [],
            network: { code: `N${index % 40}`, name: `Network ${index % 40}` }, wave: null }));
          const began = performance.now();
          const filters = filtersOf(new URLSearchParams("q=school 1"));
          const found = sorted(within(rows, filters), "verdict");
          return [performance.now() - began, found.length];
        }""",
        [script.base],
    )
    assert shown > 5000
    assert took < 1500


def test_a_year_is_said_only_where_it_could_be_mistaken(script: Script) -> None:
    soon, far = (
        datetime.now(CHICAGO).date() + timedelta(days=30),
        datetime.now(CHICAGO).date() + timedelta(days=700),
    )
    text = f"promised {soon.day} {soon:%b %Y}, not before {far.day} {far:%b %Y}, 12 Units 2027"
    assert script("dates", "withoutYears", text) == (
        f"promised {soon.day} {soon:%b}, not before {far.day} {far:%b %Y}, 12 Units 2027"
    )


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"end": {}, "error": "x"}', {"iperf3": {"end": {}, "error": "x"}}),
        ('[{"Test": "download"}]', {"ndt7": [{"Test": "download"}]}),
        ('{"Test": "download"}', {"ndt7": [{"Test": "download"}]}),
        ('{"Key": "a"}\n\n{"Key": "b"}\n', {"ndt7": [{"Key": "a"}, {"Key": "b"}]}),
        ("Speed: 900", {"ndt7": ["Speed: 900"]}),
    ],
)
def test_what_is_pasted_is_sent_as_what_it_is(script: Script, text: str, sent: object) -> None:
    assert script("checks/output", "programIn", text) == sent
