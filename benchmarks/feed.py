"""A calendar feed of 2,000 sessions: polled while nothing changes, and right after changes."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
import psycopg

from api.db.embedded import EmbeddedServer
from benchmarks import ground, load
from benchmarks.result import Result, compare

CONNECTIONS = 16
SESSIONS = 2_000
CHANGES = 5
_LIMIT = "a route of the same app that only looks the token up and answers"
# Every build is counted where it must be written down, whichever process made it.
_SEED = """
INSERT INTO pd_courses (id, code, title, hours, required_share, roles, version, created_at,
  updated_at)
VALUES (uuidv7(), 'basics', 'Blended basics', 2, 1, '{teacher}', 1, now(), now());
INSERT INTO pd_sessions (id, network_id, course_id, school_id, online, starts_at, ends_at,
  timezone, starts_local, ends_local, hours, capacity, minimum, seats_taken, last_entry, status,
  sequence, revised_at, version, created_at, updated_at)
SELECT uuidv7(), s.network_id, c.id, s.id, false, at, at + interval '2 hours', 'America/Chicago',
  at AT TIME ZONE 'America/Chicago', at AT TIME ZONE 'America/Chicago' + interval '2 hours', 2, 30,
  0, 0, 0, 'open', 0, now(), 1, now(), now()
FROM schools s, pd_courses c, generate_series(1, %(each)s) day,
  LATERAL (SELECT date_trunc('hour', now()) + day * interval '1 day' AS at);
CREATE TABLE builds (at timestamptz NOT NULL);
CREATE FUNCTION count_build() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO builds VALUES (clock_timestamp()); RETURN NULL; END $$;
CREATE TRIGGER count_build AFTER UPDATE OF body ON calendar_links
  FOR EACH ROW EXECUTE FUNCTION count_build();
"""
_MOVE = """
UPDATE pd_sessions SET starts_at = starts_at + interval '5 minutes', sequence = sequence + 1,
  version = version + 1, revised_at = now()
WHERE id = (SELECT min(id::text)::uuid FROM pd_sessions)"""


def feed(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """304 against a bare lookup of the same token in turn; then builds against changes."""
    schools = 20
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=schools, tasks=1)
        with psycopg.connect(base.url, autocommit=True) as connection:
            connection.execute(_SEED.replace("%(each)s", str(SESSIONS // schools)).encode())
            connection.execute("VACUUM ANALYZE")
            with ground.served(base) as (port, _):
                path = _link(port, base.token)
                yield _unchanged(port, path, rounds)
                yield _builds(connection, port, path)


def _link(port: int, token: str) -> str:
    answer = httpx.post(
        f"http://127.0.0.1:{port}/v1/calendars",
        json={"kind": "network", "network": "BENCH"},
        headers={"authorization": f"Bearer {token}"},
    )
    answer.raise_for_status()
    return httpx.URL(answer.json()["url"]).path


def _unchanged(port: int, path: str, rounds: int) -> Result:
    answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=60)
    assert answer.text.count("BEGIN:VEVENT") == SESSIONS, answer.text[:500]
    same = {"if-none-match": answer.headers["etag"]}
    bare_path = path.replace("/v1/calendars/", "/only-lookup/")
    pairs = []
    for number in range(rounds + 1):
        bare = load.run(port, bare_path, same, connections=CONNECTIONS, seconds=4)
        ours = load.run(port, path, same, connections=CONNECTIONS, seconds=4)
        assert set(bare.statuses) == set(ours.statuses) == {304}, (bare, ours)
        # The first round warms both up.
        if number:
            pairs.append((ours.rate, bare.rate))
    return compare("feed_304", "requests/s", pairs, limit_name=_LIMIT, goal=0.8, better="higher")


def _builds(connection: psycopg.Connection[tuple[int]], port: int, path: str) -> Result:
    """How often the body was built while many asked after each change."""
    pairs = []
    for _ in range(CHANGES):
        connection.execute("TRUNCATE builds")
        connection.execute(_MOVE)
        load.run(port, path, {}, connections=CONNECTIONS, seconds=2)
        row = connection.execute("SELECT count(*) FROM builds").fetchone()
        assert row is not None
        pairs.append((float(row[0]), 1.0))
    return compare("feed_builds", "bodies", pairs, limit_name="changes", goal=1.0, better="lower")
