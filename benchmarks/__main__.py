"""`python -m benchmarks [--only NAME] [--rounds N]`: run, print the table, keep the figures."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.table import Table

from api.db.embedded import EmbeddedServer
from benchmarks import (
    accounts,
    board,
    check_results,
    exports,
    feed,
    graph,
    ground,
    inbox,
    intake,
    promise,
    readiness,
    registrations,
    sync,
)
from benchmarks.result import RESULTS, Result, save

Benchmark = Callable[[EmbeddedServer, int], Iterable[Result]]
BENCHMARKS: dict[str, Benchmark] = {
    "readiness": readiness.warm,
    "board": board.board,
    "edge_insert": graph.edge_insert,
    "bulk": graph.bulk,
    "promise": promise.promise,
    "check_results": check_results.check_results,
    "intake": intake.intake,
    "inbox": inbox.inbox,
    "feed": feed.feed,
    "registrations": registrations.registrations,
    "accounts": accounts.accounts,
    "sync": sync.sync,
    "exports": exports.exports,
    "accounts_many": accounts.accounts_many,
}
# Five million rows take a quarter of an hour: only when asked for.
ONLY_WHEN_NAMED = frozenset({"accounts_many"})


def table(results: Iterable[Result]) -> Table:
    shown = Table(title="Each figure against a limit measured in the same run")
    for name in ("benchmark", "figure", "limit", "ratio", "floor", "aim", "rounds", "spread", ""):
        shown.add_column(name, justify="left" if name == "benchmark" else "right")
    for one in results:
        sign = ">=" if one.better == "higher" else "<="
        shown.add_row(
            one.name,
            f"{one.value:,.3f} {one.unit}",
            f"{one.limit:,.3f} ({one.limit_name})",
            f"{one.ratio:.3f}",
            f"{sign} {one.goal:g}",
            f"{one.aim:g}" if one.aim is not None else "",
            str(one.rounds),
            f"{one.spread:.3f}",
            "reached" if one.reached else "[bold]short[/bold]",
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--only", choices=sorted(BENCHMARKS), help="run one benchmark")
    parser.add_argument("--rounds", type=int, default=3, help="pairs measured (at least 3)")
    given = parser.parse_args()
    # Wide enough to be read in a log, too.
    console = Console(width=max(Console().width, 150))
    results: list[Result] = []
    with ground.server() as server:
        for name, benchmark in BENCHMARKS.items():
            if given.only == name or (given.only is None and name not in ONLY_WHEN_NAMED):
                with console.status(f"measuring {name} ..."):
                    results += benchmark(server, max(3, given.rounds))
    save(results)
    console.print(table(results))
    console.print(f"Kept in {RESULTS.name}.")


if __name__ == "__main__":
    main()
