"""The board's rows as they are kept: from columns by the thousand, or from one school's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import orjson

from api.errors import FirstBellError
from api.readiness.answers import judge, row_of
from api.readiness.arrange import Arranged, arrange, microseconds_of, moment_of
from api.readiness.batch import NO_FLOAT, NONE, VERDICTS, Judged, Streams, judge_many
from api.readiness.forecast import moment_at
from api.readiness.load import Fetched, Loaded, assemble
from api.readiness.load_many import FetchedMany
from api.readiness.rules import Verdict


class Row(NamedTuple):
    """One row of `readiness_answers` as the board needs it; `summary` is JSON."""

    school_id: UUID
    school_revision: int
    network_revision: int
    good_until: datetime
    summary: str
    verdict: str
    percent: int | None
    ready_on: date | None
    float_days: int | None
    first_bell: date | None
    wave: str | None


class Computed(NamedTuple):
    """Rows to keep, and the schools that are to be computed one by one."""

    rows: list[Row]
    declined: list[UUID]


def rows_at_once(fetched: FetchedMany, now: datetime) -> Computed:
    """The rows of all schools that `batch` can judge."""
    found = arrange(fetched, now)
    judged = judge_many(
        found.schools,
        found.tasks,
        found.edges,
        found.calendars,
        len(found.streams),
        microseconds_of(now),
    )
    declined = found.declined | judged.declined
    rows = [row for row, skip in zip(_rows(found, judged), declined, strict=True) if not skip]
    return Computed(rows, [found.rows[number][0] for number in np.flatnonzero(declined)])


def rows_one_by_one(fetched: Fetched, now: datetime) -> Computed:
    """The rows of schools that a rarer rule concerns, by `evaluate`."""
    return Computed([_row(one, now) for one in assemble(fetched, now)], [])


def _rows(found: Arranged, judged: Judged) -> Iterator[Row]:
    streams = _stream_texts(found.streams, judged.streams)
    moments = _each(moment_of, judged.good_until)
    # A school that is declined may have any day.
    days = _each(date.fromordinal, np.where(judged.declined, NONE, judged.ready_on))
    columns = zip(
        found.rows,
        [VERDICTS[code] for code in judged.verdict.tolist()],
        [None if value == NONE else value for value in judged.percent.tolist()],
        days,
        [None if value == NO_FLOAT else value for value in judged.float_days.tolist()],
        moments,
        streams,
        strict=True,
    )
    for row, verdict, percent, ready_on, floats, until, texts in columns:
        bell, wave = row[11], row[14]
        summary = (
            f'{{"school":{{"id":"{row[0]}","code":{_json(row[1])},"name":{_json(row[2])}}},'
            f'"first_bell":{_day(bell)},"verdict":"{verdict}",'
            f'"ready":{"true" if verdict is Verdict.READY else "false"},'
            f'"percent":{_number(percent)},"ready_on":{_day(ready_on)},'
            f'"float_days":{_number(floats)},"workstreams":[{texts}],'
            f'"network":{_json(row[6])},"wave":{_json(wave)}}}'
        )
        yield Row(
            *(row[0], row[7], row[8], until, summary, verdict, percent, ready_on, floats),
            *(bell, wave),
        )


def _each(make: Callable[[int], Any], values: Any) -> list[Any]:
    """`make` of every value but NONE, called once for each different one."""
    different, place = np.unique(values, return_inverse=True)
    made = [None if value == NONE else make(value) for value in different.tolist()]
    return [made[number] for number in place.tolist()]


def _json(text: str | None) -> str:
    return orjson.dumps(text).decode()


def _day(day: date | None) -> str:
    return "null" if day is None else f'"{day.isoformat()}"'


def _number(number: int | None) -> str:
    return "null" if number is None else str(number)


def _stream_texts(names: Sequence[str], streams: Streams) -> list[str]:
    """Each school's workstreams in JSON; schools that stand alike share the text."""
    known = np.where(streams.known, 1, 0)
    table = np.stack([known, streams.verdict, streams.satisfied, streams.total], axis=-1)
    texts: dict[bytes, str] = {}
    found = []
    for cells in table:
        key = cells.tobytes()
        text = texts.get(key)
        if text is None:
            text = texts[key] = ",".join(
                _stream(name, *cell[1:])
                for name, cell in zip(names, cells.tolist(), strict=True)
                if cell[0]
            )
        found.append(text)
    return found


def _stream(name: str, verdict: int, satisfied: int, total: int) -> str:
    percent = satisfied * 100 // total if total else None
    return (
        f'{{"workstream":{_json(name)},"verdict":"{VERDICTS[verdict]}",'
        f'"gates":{{"satisfied":{satisfied},"total":{total}}},"percent":{_number(percent)}}}'
    )


def _row(loaded: Loaded, now: datetime) -> Row:
    facts = loaded.facts
    try:
        answer = judge(facts, now)
    except FirstBellError as problem:
        # One school that cannot be planned must not take the board from all the others.
        summary = problem_row(loaded, problem)
        until = moment_at(facts.timezone, now).midnight
        verdict, percent, ready_on, floats = Verdict.UNSCHEDULED, None, None, None
    else:
        summary, until = row_of(loaded, answer), answer.good_until
        verdict, percent = answer.verdict, answer.percent
        ready_on, floats = answer.ready_on, answer.float_days
    return Row(
        loaded.school_id,
        loaded.school_revision,
        loaded.network_revision,
        until.astimezone(UTC),
        orjson.dumps(summary).decode(),
        verdict.value,
        percent,
        ready_on,
        floats,
        facts.first_bell,
        loaded.wave,
    )


def problem_row(loaded: Loaded, problem: FirstBellError) -> dict[str, Any]:
    """The row of a school no date can be computed for: `unscheduled`, with the reason."""
    facts = loaded.facts
    return {
        "school": {"id": facts.school_id, "code": facts.school_code, "name": facts.school_name},
        "first_bell": None if facts.first_bell is None else facts.first_bell.isoformat(),
        "verdict": Verdict.UNSCHEDULED.value,
        "ready": False,
        "percent": None,
        "ready_on": None,
        "float_days": None,
        "workstreams": [],
        "network": loaded.network_code,
        "wave": loaded.wave,
        "problem": {"code": problem.code, "detail": problem.detail},
    }
