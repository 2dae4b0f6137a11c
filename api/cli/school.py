"""`readiness`: one school's answer, on a terminal."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from api.cli.common import console, print_json, with_database
from api.cli.people import OPERATOR, JsonOption
from api.db.pool import Database
from api.db.uow import reading
from api.readiness.answers import compute_answer, stored_answer
from api.schools.queries import find_school
from api.settings import Settings

_STYLES = {"ready": "green", "on_track": "green", "at_risk": "yellow", "late": "red"}


def readiness(
    school: Annotated[str, typer.Argument(help="Its code or id.")], as_json: JsonOption = False
) -> None:
    """Whether a school will be ready for its first bell, why not, and by when."""

    async def run(database: Database, _: Settings) -> bytes:
        async with reading(database) as session:
            found = await find_school(session, OPERATOR, school)
        stored = await stored_answer(database, found.id)
        return (stored or await compute_answer(database, found.id)).document

    answer = orjson.loads(with_database(run))
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def _show(answer: dict[str, Any]) -> None:
    verdict = answer["verdict"]
    style = _STYLES.get(verdict, "bold")
    percent = "" if answer["percent"] is None else f", {answer['percent']} %"
    console.print(f"{answer['school']['name']}: [{style}]{verdict}[/]{percent}", highlight=False)
    rollout, forecast = answer.get("rollout"), answer.get("forecast")
    if rollout and rollout["first_bell"]:
        console.print(f"First bell {rollout['first_bell']}", highlight=False)
    if forecast and forecast["ready_on"]:
        console.print(
            f"Ready on {forecast['ready_on']}, float {forecast['float_days']} working days",
            highlight=False,
        )
    if answer["blockers"]:
        table = Table()
        for heading in ("blocker", "why", "by", "unblocks", "owner"):
            table.add_column(heading, overflow="fold")
        for one in answer["blockers"]:
            by = one["must_finish_by"] or ""
            table.add_row(
                one["title"], one["why"], by, str(one["unblocks"]), one["owner_email"] or ""
            )
        console.print(table)
