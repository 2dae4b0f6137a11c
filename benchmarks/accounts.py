"""A roster of a million through the public API against COPY of the finished rows: new, the same
again, a hundredth changed; how much memory it takes, and what readers notice meanwhile.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from api.db.embedded import EmbeddedServer
from benchmarks import ground, load
from benchmarks.result import Result, compare
from tests.accounts.roster_files import native_csv
from tests.accounts.rosters import Student, invented, renamed, students

SCHOOLS, STUDENTS, MANY = 660, 1_000_000, 5_000_000
_LIMIT = "COPY of the finished rows into the same indexed table"
_MEMORY = 350.0
# Usernames are ours to make.
_COLUMNS = ("sourced_id", "school", "given_name", "family_name", "grade")
_PIECE = 1 << 20
_READERS = 2
_ENDED = ("applied", "failed", "held", "cancelled", "previewed")
# A table with the indexes, constraints and foreign keys of accounts, and no rows.
_SIBLING = """
DROP TABLE IF EXISTS accounts_sibling;
CREATE TABLE accounts_sibling (LIKE accounts INCLUDING ALL);
"""
_FOREIGN_KEYS = (
    "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE conrelid = 'accounts'::regclass AND contype = 'f'"
)
# Every version of every row has another place or another transaction.
_VERSIONS = "SELECT count(*), sum(hashtext(ctid::text || xmin::text)) FROM accounts"
_GATES = """
ALTER TABLE tasks DISABLE TRIGGER USER;
UPDATE tasks SET kind = 'accounts' WHERE key = 'task.7';
ALTER TABLE tasks ENABLE TRIGGER USER;
"""


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds from the first byte sent, and until the first word of progress after the last."""

    seconds: float
    first_word: float
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class Scene:
    """Files, and the processes that take them in."""

    url: str
    client: httpx.Client
    api: int
    worker: int

    def send(self, file: Path) -> Run:
        """Upload a roster and wait until it is applied."""
        began = time.perf_counter()
        answer = self.client.post(
            "/v1/account-imports",
            params={"network": "BENCH", "snapshot": "full"},
            content=_pieces(file),
            headers={"content-type": "text/csv"},
        )
        answer.raise_for_status()
        taken = time.perf_counter()
        path = f"/v1/account-imports/{answer.json()['id']}"
        word = None
        while (said := self.client.get(path).json())["state"] not in _ENDED:
            if word is None and said["percent"]:
                word = time.perf_counter()
            time.sleep(0.1)
        ended = time.perf_counter()
        assert said["state"] == "applied", said
        return Run(ended - began, (word or ended) - taken, said["rows"])

    def copy(self) -> float:
        """Seconds of the limit: the accounts there are, as text in the file's order."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            rows = connection.execute("SELECT count(*) FROM accounts").fetchone()
            connection.execute(_SIBLING.encode())
            for (key,) in connection.execute(_FOREIGN_KEYS).fetchall():
                connection.execute(f"ALTER TABLE accounts_sibling ADD {key}".encode())
            with tempfile.TemporaryFile() as finished:
                ordered = "COPY (SELECT * FROM accounts ORDER BY sourced_id) TO STDOUT"
                with connection.cursor().copy(ordered) as out:
                    for piece in out:
                        finished.write(piece)
                finished.seek(0)
                begin = time.perf_counter()
                with connection.cursor().copy("COPY accounts_sibling FROM STDIN") as into:
                    while piece := finished.read(_PIECE):
                        into.write(piece)
                took = time.perf_counter() - begin
            assert connection.execute("SELECT count(*) FROM accounts_sibling").fetchone() == rows
            connection.execute(b"DROP TABLE accounts_sibling")
        return took

    def versions(self) -> Any:
        with psycopg.connect(self.url) as connection:
            return connection.execute(_VERSIONS).fetchone()

    def empty(self) -> None:
        """As before the first roster."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(b"TRUNCATE accounts, account_imports, account_baselines CASCADE")
            connection.execute(b"VACUUM ANALYZE")


def accounts(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """A million students of 660 schools, each of which has a gate that waits for them."""
    new, again, changed, words = [], [], [], []
    with _scene(server) as scene, tempfile.TemporaryDirectory() as folder:
        roster = _written(Path(folder) / "roster.csv", _people)
        other = _written(Path(folder) / "changed.csv", lambda: renamed(_people()))
        for _ in range(rounds):
            scene.empty()
            first = scene.send(roster)
            assert first.rows["created"] == STUDENTS, first.rows
            limit = STUDENTS / scene.copy()
            before = scene.versions()
            same = scene.send(roster)
            assert same.rows["unchanged"] == STUDENTS, same.rows
            assert scene.versions() == before, "An unchanged row was written."
            some = scene.send(other)
            assert some.rows["updated"] == STUDENTS // 100, some.rows
            new.append((STUDENTS / first.seconds, limit))
            again.append((STUDENTS / same.seconds, limit))
            changed.append((STUDENTS / some.seconds, limit))
            words += [(run.first_word, 1.0) for run in (first, same, some)]
        yield _rate("accounts_new", new, goal=0.7, aim=1.0)
        yield _rate("accounts_again", again, goal=2.0, aim=4.0)
        yield _rate("accounts_changed", changed, goal=1.5)
        yield compare("accounts_first_word", "s", words, limit_name="1 s", goal=1.0, better="lower")
        yield _memory("accounts_memory_api", scene.api)
        yield _memory("accounts_memory_worker", scene.worker)
        yield _meanwhile(scene, rounds, [roster, other])


def accounts_many(server: EmbeddedServer, rounds: int) -> Iterable[Result]:
    """Memory at five million, which must be no more than at one."""
    del rounds
    with _scene(server) as scene, tempfile.TemporaryDirectory() as folder:
        people = invented(SCHOOLS, MANY)
        run = scene.send(_written(Path(folder) / "roster.csv", lambda: students(people)))
        assert run.rows["created"] == MANY, run.rows
        yield _memory("accounts_many_memory_api", scene.api)
        yield _memory("accounts_many_memory_worker", scene.worker)


def _meanwhile(scene: Scene, rounds: int, files: list[Path]) -> Result:
    """Readers of a warm answer: idle, and while a roster is taken in."""
    headers = {"authorization": scene.client.headers["authorization"]}
    port = scene.client.base_url.port or 0

    def read() -> float:
        path = "/v1/schools/S1/readiness"
        done = load.run(port, path, headers, connections=_READERS, seconds=5)
        assert set(done.statuses) == {200}, done.statuses
        return done.p99

    pairs = []
    with ThreadPoolExecutor(1) as pool:
        for number in range(rounds):
            idle = read()
            sending = pool.submit(scene.send, files[number % 2])
            pairs.append((read(), idle))
            sending.result()
    return compare(
        "accounts_reading_meanwhile",
        "ms",
        pairs,
        limit_name="p99 of the same warm read, idle",
        goal=5.0,
        better="lower",
    )


@contextmanager
def _scene(server: EmbeddedServer) -> Iterator[Scene]:
    with ground.fresh(server) as base:
        ground.seed(base.url, schools=SCHOOLS, tasks=20)
        with psycopg.connect(base.url, autocommit=True) as connection:
            connection.execute(_GATES.encode())
        headers = {"authorization": f"Bearer {base.token}"}
        with ground.served(base) as (port, api), ground.working(base) as worker:
            address = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=address, headers=headers, timeout=600) as client:
                scene = Scene(base.url, client, api, worker)
                _warm_up(scene)
                yield scene


def _warm_up(scene: Scene) -> None:
    """A few students first: until they are in, the worker may still be starting."""
    with tempfile.TemporaryDirectory() as folder:
        few = invented(SCHOOLS, 10 * SCHOOLS)
        scene.send(_written(Path(folder) / "few.csv", lambda: students(few)))
    scene.empty()


def _people() -> Iterable[Student]:
    return students(invented(SCHOOLS, STUDENTS))


def _written(path: Path, people: Callable[[], Iterable[Student]]) -> Path:
    with path.open("wb") as file:
        file.writelines(native_csv(people(), _COLUMNS))
    return path


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            yield piece


def _rate(
    name: str, pairs: list[tuple[float, float]], goal: float, aim: float | None = None
) -> Result:
    return compare(name, "rows/s", pairs, limit_name=_LIMIT, goal=goal, aim=aim, better="higher")


def _memory(name: str, process: int) -> Result:
    pairs = [(ground.peak_mb(process), _MEMORY)]
    return compare(name, "MB", pairs, limit_name="350 MB", goal=1.0, better="lower")
