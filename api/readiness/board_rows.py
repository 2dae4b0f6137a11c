"""The board's rows as they are kept: from columns by the thousand, or from one school's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
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
from api.readiness.load_many import ID_TEXT, FetchedMany
from api.readiness.rules import Verdict


class Row(NamedTuple):
    """One row of `readiness_answers` as the board needs it: texts, and `summary` is JSON."""

    school_id: str
    school_revision: int
    network_revision: int
    good_until: str
    summary: str
    verdict: str
    percent: int | None
    ready_on: str | None
    float_days: int | None
    first_bell: str | None
    wave: str | None


class Rows(NamedTuple):
    """Rows by column as a statement takes them: the texts of arrays, but for `waves`.

    The summaries are one text, line by line: JSON escapes line feeds.
    """

    school_ids: str
    school_revisions: str
    network_revisions: str
    good_until: str
    summaries: str
    verdicts: str
    percents: str
    ready_on: str
    float_days: str
    first_bells: str
    waves: list[str | None]


class Computed(NamedTuple):
    """Rows to keep, if any, and the schools that are to be computed one by one."""

    rows: Rows | None
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
    return Computed(
        _by_column(rows), [found.rows[number][0] for number in np.flatnonzero(declined)]
    )


def rows_one_by_one(fetched: Fetched, now: datetime) -> Computed:
    """The rows of schools that a rarer rule concerns, by `evaluate`."""
    return Computed(_by_column([_row(one, now) for one in assemble(fetched, now)]), [])


def _by_column(rows: Sequence[Row]) -> Rows | None:
    if not rows:
        return None
    *columns, waves = zip(*rows, strict=True)
    ids, revisions, of_networks, until, summaries, *values = columns
    texts = [*map(_array, (ids, revisions, of_networks, until)), "\n".join(summaries)]
    texts += map(_array, values)
    return Rows._make([*texts, list(waves)])


def _array(values: Iterable[object]) -> str:
    """An array's text of values that need no escapes; a list takes ten times as long to send."""
    return "{" + ",".join(["NULL" if value is None else f'"{value}"' for value in values]) + "}"


def _rows(found: Arranged, judged: Judged) -> Iterator[Row]:
    # A school that is declined may have any day.
    ready_on = np.where(judged.declined, NONE, judged.ready_on)
    columns = zip(
        found.rows,
        [VERDICTS[code].value for code in judged.verdict.tolist()],
        [None if value == NONE else value for value in judged.percent.tolist()],
        _each(_iso, ready_on),
        [None if value == NO_FLOAT else value for value in judged.float_days.tolist()],
        _each(_moment, judged.good_until),
        _each(_iso, found.schools.first_bell),
        _stream_texts(found.streams, judged.streams),
        strict=True,
    )
    for row, verdict, percent, ready, floats, until, bell, streams in columns:
        summary = (
            f'{{"school":{{"id":"{row[ID_TEXT]}","code":{_json(row[1])},"name":{_json(row[2])}}},'
            f'"first_bell":{_quoted(bell)},"verdict":"{verdict}",'
            f'"ready":{"true" if verdict == Verdict.READY else "false"},'
            f'"percent":{_number(percent)},"ready_on":{_quoted(ready)},'
            f'"float_days":{_number(floats)},"workstreams":[{streams}],'
            f'"network":{_json(row[6])},"wave":{_json(row[14])}}}'
        )
        yield Row(
            *(row[ID_TEXT], row[7], row[8], until, summary, verdict, percent, ready, floats),
            *(bell, row[14]),
        )


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _moment(microseconds: int) -> str:
    return moment_of(microseconds).isoformat()


def _each(make: Callable[[int], Any], values: Any) -> list[Any]:
    """`make` of every value but NONE, called once for each different one."""
    different, place = np.unique(values, return_inverse=True)
    made = [None if value == NONE else make(value) for value in different.tolist()]
    return [made[number] for number in place.tolist()]


def _json(text: str | None) -> str:
    return orjson.dumps(text).decode()


def _quoted(day: str | None) -> str:
    return "null" if day is None else f'"{day}"'


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
        facts.school_id,
        loaded.school_revision,
        loaded.network_revision,
        until.isoformat(),
        orjson.dumps(summary).decode(),
        verdict.value,
        percent,
        None if ready_on is None else ready_on.isoformat(),
        floats,
        None if facts.first_bell is None else facts.first_bell.isoformat(),
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
