"""The Chicago run: a city's schools through the public API of a running service, with figures.

    python -m benchmarks.chicago SCHOOLS.csv --url http://127.0.0.1:8000 --token fb_...

The file has the columns of the city's school profiles, shortened: school_id, name, short_name,
governance_network, grades, students. Ends with an error when an answer contradicts another.
"""

from __future__ import annotations

import argparse
import csv
import io
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table

KIPP = frozenset({"400044", "400146", "400163", "400180"})
# Of the schools whose row names no governance network.
NO_GOVERNANCE = "CPS-OTHER"
PLACE = {"timezone": "America/Chicago", "country": "US", "region": "IL"}
# Moved in this order in every school; what records would finish needs a reason.
DONE_BY_ALL = ("change.model_sign_off", "devices.need", "infrastructure.survey")
STARTED_BY_ALL = ("devices.specify", "accounts.roster_verified")
NEAR_WEEKS, WEEKS_OF_WAVES = 12, 10


@dataclass(frozen=True, slots=True)
class Figure:
    """What one step took; `size` is of the answer, in bytes."""

    step: str
    seconds: float
    rows: int
    size: int


@dataclass(slots=True)
class Run:
    client: httpx.Client
    figures: list[Figure] = field(default_factory=list)

    def call(self, method: str, path: str, step: str = "", **given: Any) -> Any:
        """The answer's JSON (text of a CSV); with a `step`, its time is a figure."""
        began = time.perf_counter()
        answer = self.client.request(method, path, **given)
        seconds = time.perf_counter() - began
        if answer.is_error:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        is_json = "json" in answer.headers["content-type"]
        body = answer.json() if is_json else answer.text
        if step:
            rows = _rows(body) if is_json else answer.text.count("\n") - 1
            self.figures.append(Figure(step, seconds, rows, len(answer.content)))
        return body


def _rows(body: Any) -> int:
    if "items" in body:
        return len(body["items"])
    if isinstance(body.get("rows"), dict):
        return int(body["rows"]["total"])
    return int(body.get("matched", 1))


def code_of(short_name: str) -> str:
    """`KIPP - ASCEND` becomes `KIPP-ASCEND`."""
    return re.sub(r"[^A-Z0-9]+", "-", re.sub(r"['.]", "", short_name.upper())).strip("-")


def rows_of(path: Path) -> list[dict[str, str]]:
    """The schools in FirstBell's import format, first bells from 12 weeks on, by wave."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        source = list(csv.DictReader(file))
    waves = sorted({row["governance_network"] or NO_GOVERNANCE for row in source})
    monday = date.today() + timedelta(days=-date.today().weekday() % 7, weeks=NEAR_WEEKS)  # noqa: DTZ011 (the day here is near enough)
    rows = []
    for row in source:
        wave = row["governance_network"] or NO_GOVERNANCE
        bell = monday + timedelta(weeks=waves.index(wave) % WEEKS_OF_WAVES)
        students = int(row["students"] or 0)
        rows.append(
            {
                "code": code_of(row["short_name"]),
                "sourced_id": row["school_id"],
                "name": row["name"],
                "network": "KIPP" if row["school_id"] in KIPP else "CPS",
                "enrollment": str(students or ""),
                "model": "station_rotation" if "K" in row["grades"] else "one_to_one",
                "first_bell": bell.isoformat(),
                "wave": wave,
            }
        )
    return rows


def import_schools(run: Run, rows: list[dict[str, str]]) -> None:
    for code, name in (("KIPP", "KIPP Chicago"), ("CPS", "Chicago Public Schools")):
        found = run.client.post("/v1/networks", json={"code": code, "name": name, **PLACE})
        if found.status_code not in (201, 409):
            raise SystemExit(found.text)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    sent: dict[str, Any] = {
        "content": out.getvalue().encode(),
        "headers": {"content-type": "text/csv"},
    }
    path = "/v1/schools/import"
    checked = run.call("POST", f"{path}?mode=dry_run", "import, dry run", **sent)
    first = run.call("POST", path, "import", **sent)
    again = run.call("POST", path, "import again", **sent)
    expect("the dry run foretells the import", checked["rows"] == first["rows"])
    expect("no row is rejected", first["rows"]["rejected"] == 0)
    expect("the second import changes nothing", again["rows"]["unchanged"] == len(rows))


def apply_playbooks(run: Run, rows: list[dict[str, str]]) -> None:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in rows:
        groups[row["network"], row["model"]].append(row["code"])
    for (network, model), codes in sorted(groups.items()):
        given = {"playbook": model, "schools": codes}
        path = f"/v1/networks/{network}/rollouts"
        answer = run.call("POST", path, f"playbook {model}, {network}", json=given)
        expect(f"no school refuses {model}", not answer["refused"])


def move_tasks(run: Run, rows: list[dict[str, str]]) -> None:
    for network in ("CPS", "KIPP"):
        schools = sum(row["network"] == network for row in rows)
        moves = [("complete", key) for key in DONE_BY_ALL] + [
            ("start", key) for key in STARTED_BY_ALL
        ]
        for action, key in moves:
            given = {"action": action, "key": key, "network": network}
            answer = run.call("POST", "/v1/tasks/bulk", f"{action} {key}, {network}", json=given)
            expect(f"all schools have {key}", answer["matched"] == schools)
    counted = {"done": 540, "total": 987, "unit": "devices"}
    tasks = run.call("GET", "/v1/schools/KIPP-ASCEND/tasks?limit=1000", "tasks of a school")
    task = next(one for one in tasks["items"] if one["key"] == "devices.receive")
    run.call("POST", f"/v1/tasks/{task['id']}/evidence", "evidence", json=counted)


def read_answers(run: Run, rows: list[dict[str, str]]) -> dict[str, int]:
    """Board and single answers, checked against each other; the board's totals."""
    board = run.call("GET", "/v1/readiness?limit=50000", "board, first read after it all")
    run.call("GET", "/v1/readiness?limit=50000", "board, warm")
    sheet = run.call("GET", "/v1/readiness?limit=50000&format=csv", "board as CSV")
    expect("the board has every school", len(board["items"]) == len(rows))
    expect("the totals are all schools", sum(board["totals"].values()) == len(rows))
    expect("the CSV has every school", sheet.count("\n") == len(rows) + 1)
    counted = Counter(item["verdict"] for item in board["items"])
    expect("the totals count the rows", dict(counted) == board["totals"])
    plausible(board["items"], {row["code"]: _kind(row) for row in rows})
    for step in ("first read", "warm"):
        began, size = time.perf_counter(), 0
        for item in board["items"]:
            answer = run.client.get(f"/v1/schools/{item['school']['code']}/readiness")
            expect(f"{item['school']['code']} answers", answer.status_code == 200)
            size += len(answer.content)
            compare(item, answer.json())
        seconds = time.perf_counter() - began
        run.figures.append(Figure(f"every single answer, {step}", seconds, len(rows), size))
    by_wave = Counter(row["wave"] for row in rows)
    for wave, count in sorted(by_wave.items()):
        shown = run.call("GET", "/v1/readiness", params={"wave": wave, "limit": "1000"})
        expect(f"the wave {wave} is whole", len(shown["items"]) == count)
    run.call("GET", "/v1/actions?limit=1000", "actions")
    totals: dict[str, int] = board["totals"]
    return totals


def _kind(row: dict[str, str]) -> tuple[str, bool]:
    """What a school's float depends on: its model, and whether it needs devices nobody ordered."""
    return row["model"], int(row["enrollment"] or 0) > 0


def plausible(items: list[dict[str, Any]], kinds: dict[str, tuple[str, bool]]) -> None:
    """Verdicts follow from floats, and who opens later has no less float: all did the same."""
    floats: dict[tuple[str, bool], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for row in items:
        days = row["float_days"]
        verdict = "late" if days < 0 else "at_risk" if days < 3 else "on_track"
        expect(f"{row['school']['code']} with {days} days is {verdict}", row["verdict"] == verdict)
        if row["network"] == "CPS":
            floats[kinds[row["school"]["code"]]][row["first_bell"]].add(days)
    for by_bell in floats.values():
        expect("equal schools have equal float", all(len(days) == 1 for days in by_bell.values()))
        in_order = [min(by_bell[bell]) for bell in sorted(by_bell)]
        expect("a later first bell leaves more float", in_order == sorted(in_order))


def compare(row: dict[str, Any], answer: dict[str, Any]) -> None:
    """A school's row of the board says what its own answer says."""
    code = row["school"]["code"]
    same: dict[str, Callable[[], bool]] = {
        "school": lambda: row["school"] == answer["school"],
        "verdict": lambda: row["verdict"] == answer["verdict"] and row["ready"] == answer["ready"],
        "percent": lambda: row["percent"] == answer["percent"],
        "forecast": lambda: all(
            row[k] == answer["forecast"][k] for k in ("ready_on", "float_days")
        ),
        "first bell": lambda: row["first_bell"] == answer["rollout"]["first_bell"],
        "workstreams": lambda: (
            [{**stream, "evidence": None} for stream in row["workstreams"]]
            == [{**stream, "evidence": None} for stream in answer["workstreams"]]
        ),
    }
    for what, holds in same.items():
        expect(f"{code}: {what} of board and answer agree", holds())


def expect(what: str, holds: bool) -> None:
    if not holds:
        raise SystemExit(f"Not so: {what}.")


def shown(figures: list[Figure]) -> Table:
    table = Table(title="The Chicago run")
    for name in ("step", "seconds", "rows", "answer, bytes"):
        table.add_column(name, justify="left" if name == "step" else "right")
    for one in figures:
        table.add_row(one.step, f"{one.seconds:.3f}", f"{one.rows:,}", f"{one.size:,}")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.chicago", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--token", required=True, help="of an admin")
    given = parser.parse_args()
    rows = rows_of(given.file)
    headers = {"authorization": f"Bearer {given.token}"}
    began = time.perf_counter()
    with httpx.Client(base_url=given.url, headers=headers, timeout=300, trust_env=False) as client:
        run = Run(client)
        import_schools(run, rows)
        apply_playbooks(run, rows)
        move_tasks(run, rows)
        totals = read_answers(run, rows)
    console = Console()
    console.print(shown(run.figures))
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(totals.items()))
    console.print(f"{len(rows)} schools: {said}. {time.perf_counter() - began:.1f} s in all.")


if __name__ == "__main__":
    main()
