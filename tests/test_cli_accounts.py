"""`firstbell accounts`: rosters sent and undone from a terminal or by cron."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from api import wiring
from api.app import furnish
from api.cli.common import Exit
from api.db.pool import Database
from api.settings import Settings
from tests.accounts.conftest import csv_of, student
from tests.jobs.waiting import PATIENCE
from tests.test_cli import KEY, Run, run

__all__ = ["run"]

pytestmark = pytest.mark.slow


@pytest.fixture
def network(run: Run, database_url: str) -> None:
    """Network N with school A."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('firstbell.actor', 'job:test', false)")
        connection.execute(
            "WITH n AS (INSERT INTO networks (id, code, name, timezone, country, four_eyes,"
            " receiving, version, created_at, updated_at) VALUES (uuidv7(), 'N', 'N', 'UTC', 'US',"
            " false, 'on_delivery', 1, now(), now()) RETURNING id), s AS ("
            "INSERT INTO schools (id, network_id, code, name, timezone, staff_confirmed, version,"
            " created_at, updated_at) SELECT uuidv7(), id, 'A', 'A', 'UTC', false, 1, now(), now()"
            " FROM n RETURNING id), t AS (INSERT INTO network_state (network_id, revision)"
            " SELECT id, 0 FROM n) INSERT INTO school_state (school_id, revision)"
            " SELECT id, 0 FROM s"
        )


def written(folder: Path, body: bytes, name: str = "roster.csv") -> str:
    path = folder / name
    path.write_bytes(body)
    return str(path)


def test_a_roster_is_imported_where_nothing_is_served_and_undone(
    run: Run, network: None, tmp_path: Path
) -> None:
    file = written(tmp_path, csv_of(student(n) for n in range(20)))
    ran = run("accounts", "import", file, "--network", "N")
    assert ran.code == Exit.ok, ran.err
    assert "applied: 20 created" in ran.out
    first = ran.out.split()[-1]
    undone = run("accounts", "undo", first)
    assert undone.code == Exit.ok, undone.err
    assert "undone: 20 reversed, 0 kept, 0 failed" in undone.out
    refused = run("accounts", "undo", first)
    assert refused.code == Exit.failed
    assert refused.err
    ran = run("accounts", "import", file, "--network", "N")
    again = run("accounts", "import", file, "--network", "N", "--json")
    assert again.code == Exit.ok, again.err
    document = orjson.loads(again.out)
    assert (document["state"], document["rows"]["unchanged"]) == ("applied", 20)
    kept = run("accounts", "undo", ran.out.split()[-1], "--json")
    assert kept.code == Exit.rejected, "the second one has said that they are right"
    assert orjson.loads(kept.out)["undo"]["kept"] == 20


def test_cron_is_told_of_rejected_rows_and_held_and_failed_imports(
    run: Run, network: None, tmp_path: Path
) -> None:
    some = [student(n) for n in range(40)]
    some[3]["grade"] = "15"
    file = written(tmp_path, csv_of(some))
    ran = run("accounts", "import", file, "--snapshot", "full", "--network", "N")
    assert ran.code == Exit.rejected, ran.err
    assert "row 5, grade: grade-unknown" in ran.err
    assert some[3]["given_name"] not in ran.out + ran.err, "names stay off the terminal"
    few = written(tmp_path, csv_of(some[:9]), "few.csv")
    held = run("accounts", "import", few, "--snapshot", "full", "--network", "N")
    assert held.code == Exit.held
    assert "too-many-missing" in held.err
    dry = run("accounts", "import", few, "--snapshot", "full", "--dry-run", "--network", "N")
    assert dry.code == Exit.held
    abort = run("accounts", "import", few, "--on-error", "abort", "--network", "N")
    assert abort.code == Exit.failed
    assert "problems" in abort.err
    unreadable = run("accounts", "import", written(tmp_path, b"a,b\n1,2\n"), "--network", "N")
    assert unreadable.code == Exit.failed
    sent = run("accounts", "import", few, "--no-wait", "--network", "N")
    assert sent.code == Exit.ok
    assert "queued" in sent.out


def test_rejected_rows_are_saved_to_be_corrected_and_sent(
    run: Run, network: None, tmp_path: Path
) -> None:
    some = [student(n) for n in range(4)]
    some[3]["grade"] = "15"
    saved = tmp_path / "rejected.csv"
    file = written(tmp_path, csv_of(some))
    ran = run("accounts", "import", file, "--network", "N", "--rejected", str(saved))
    assert ran.code == Exit.rejected, ran.err
    text = saved.read_text("utf-8-sig")
    [row] = csv.DictReader(text.splitlines())
    assert (row["sourced_id"], row["grade"]) == ("s00003", "15")
    saved.write_text(text.replace(",15,", ",5,"))
    again = run("accounts", "import", str(saved), "--network", "N")
    assert again.code == Exit.ok, again.err
    assert "1 created" in again.out


def test_a_file_that_is_not_there_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    ran = run("accounts", "import", str(tmp_path / "nowhere.csv"))
    assert ran.code == Exit.usage
    assert "nowhere.csv" in ran.err


@pytest.fixture
def served(built_opener: FastAPI, database_url: str, tmp_path: Path) -> Iterator[str]:
    """The address of the API, served with a worker."""
    settings = Settings(
        database_url=database_url, data_dir=tmp_path, secret_key=SecretStr(KEY), log_level="WARNING"
    )
    furnish(built_opener, settings, Database(database_url, settings, wiring.build_bus()))
    server = uvicorn.Server(uvicorn.Config(built_opener, port=0, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    ends = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < ends:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(PATIENCE)


def test_a_roster_is_sent_to_where_firstbell_is_served(
    run: Run, network: None, served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, csv_of(student(n) for n in range(20)))
    send = ("accounts", "import", file, "--network", "N", "--url", served)
    assert run(*send).code == Exit.usage, "without a token"
    monkeypatch.setenv(
        "FIRSTBELL_TOKEN", run("token", "create", "x", "--role", "viewer").out.strip()
    )
    refused = run(*send)
    assert refused.code == Exit.failed
    assert "accounts:write" in refused.err
    monkeypatch.setenv("FIRSTBELL_TOKEN", run("token", "create", "x", "--role", "ops").out.strip())
    ran = run(*send)
    assert ran.code == Exit.ok, ran.err
    assert "applied: 20 created" in ran.out
    away = run("accounts", "import", file, "--url", "http://127.0.0.1:1")
    assert away.code == Exit.unreachable
