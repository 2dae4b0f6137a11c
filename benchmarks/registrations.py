"""Two hundred who register at once for thirty seats, against one who registers alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import httpx
import psycopg

from api.db.embedded import EmbeddedServer
from benchmarks import ground, load
from benchmarks.result import Result, compare

PEOPLE, SEATS, ALONE = 200, 30, 40
SCHOOLS = 10
_STAFF = """
INSERT INTO staff (id, network_id, school_id, sourced_id, given_name, family_name, role, active,
  version, created_at, updated_at)
SELECT uuidv7(), network_id, id, code || '-' || n, 'A', 'Teacher', 'teacher', true, 1, now(), now()
FROM schools, generate_series(1, {each}) n RETURNING id::text"""
_SEATED = """
SELECT status, count(*), min(entry), max(entry) FROM pd_registrations WHERE session_id = %s
GROUP BY status ORDER BY min(entry)"""


def registrations(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """p99 of the rush, in which everybody's school has a task that moves, against 20 x alone."""
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=SCHOOLS, tasks=10)
        with psycopg.connect(base.url, autocommit=True) as connection:
            each = (PEOPLE + ALONE) * (rounds + 1) // SCHOOLS
            found = connection.execute(_STAFF.format(each=each).encode())
            people = (str(row[0]) for row in found.fetchall())
            with ground.served(base) as (port, _):
                yield _rush(connection, port, base.token, people, rounds)


def _rush(
    connection: psycopg.Connection[tuple[object, ...]],
    port: int,
    token: str,
    people: Iterator[str],
    rounds: int,
) -> Result:
    headers = {"authorization": f"Bearer {token}"}
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)
    for number in range(1, SCHOOLS + 1):
        body = {"playbook": "one_to_one"}
        client.post(f"/v1/schools/S{number}/rollouts", json=body).raise_for_status()
    pairs = []
    for number in range(rounds + 1):
        alone = _plan(client, 2 * number, PEOPLE)
        paths = [_path(alone, one) for one in islice(people, ALONE)]
        single = load.put(port, paths, headers, connections=1)
        rushed = _plan(client, 2 * number + 1, SEATS)
        paths = [_path(rushed, one) for one in islice(people, PEOPLE)]
        many = load.put(port, paths, headers, connections=PEOPLE)
        assert (single.statuses, many.statuses) == ({200: ALONE}, {200: PEOPLE}), (single, many)
        seated = connection.execute(_SEATED, (rushed,)).fetchall()
        waiting = PEOPLE - SEATS
        expected = [("registered", SEATS, 1, SEATS), ("waitlisted", waiting, SEATS + 1, PEOPLE)]
        assert seated == expected, seated
        # The first round warms both up.
        if number:
            pairs.append((many.p99, 20 * single.p50))
    return compare(
        "registrations",
        "ms",
        pairs,
        limit_name="20 x one who registers alone",
        goal=1.0,
        better="lower",
    )


def _plan(client: httpx.Client, number: int, capacity: int) -> str:
    """The id of a session on a day of its own."""
    starts = datetime(2030, 1, 1, 15, tzinfo=UTC) + timedelta(days=number)
    body = {
        "course": "blended_core",
        "network": "BENCH",
        "online": True,
        "starts_at": starts.isoformat(),
        "ends_at": (starts + timedelta(hours=6)).isoformat(),
        "capacity": capacity,
    }
    made = client.post("/v1/pd/sessions", json=body)
    made.raise_for_status()
    session_id: str = made.json()["id"]
    return session_id


def _path(session_id: str, staff_id: str) -> str:
    return f"/v1/pd/sessions/{session_id}/registrations/{staff_id}"
