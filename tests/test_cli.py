"""The command line: real processes where it runs something, else the command in this process."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg
import pytest
import structlog

from api.cli import main
from api.cli.common import EPILOG, Exit, secret_key
from api.db.schema import current_revision, newest_revision
from tests.jobs.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[1]
KEY = "k" * 43


@dataclass
class Ran:
    """What a command left: exit code, standard output and standard error."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path
) -> Iterator[Callable[..., Ran]]:
    """Run a command in this process, on a database of its own."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("FIRSTBELL_SECRET_KEY", KEY)
    monkeypatch.setenv("FIRSTBELL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str, stdin: str = "") -> Ran:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["firstbell", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code: object = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as ended:
                code = ended.code
        return Ran(int(str(code or 0)), out.getvalue(), err.getvalue())

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield command
    # A command sets up its process's logging, and this process is the tests'.
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.slow
def test_a_worker_alone_runs_until_it_is_told_to_stop(run: Run, database_url: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "worker"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            workers = "SELECT count(*) FROM procrastinate_workers"
            ends = time.monotonic() + PATIENCE
            while connection.execute(workers).fetchone() == (0,) and time.monotonic() < ends:
                time.sleep(0.05)
            assert connection.execute(workers).fetchone() == (1,)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=PATIENCE)
            assert process.returncode == Exit.ok, errors
            assert connection.execute(workers).fetchone() == (0,)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_a_port_that_is_taken_is_a_failure(run: Run, tmp_path: Path) -> None:
    with _occupied() as port:
        ran = run("serve", "--port", str(port))
    assert ran.code == Exit.failed


@contextmanager
def _occupied() -> Iterator[int]:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        yield taken.getsockname()[1]


def test_with_a_database_url_a_secret_key_is_required(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRSTBELL_SECRET_KEY")
    ran = run("token", "list")
    assert ran.code == Exit.usage
    assert "FIRSTBELL_SECRET_KEY" in ran.err


def test_a_database_that_is_away_is_told_from_a_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:pw-secret@127.0.0.1:1/nowhere")
    ran = run("token", "list")
    assert ran.code == Exit.unreachable
    assert "cannot be reached" in ran.err
    assert "pw-secret" not in ran.err
    examined = run("doctor", "--json")
    assert examined.code == Exit.failed
    assert "pw-secret" not in examined.out
    states = {line["check"]: line["state"] for line in orjson.loads(examined.out)}
    assert states["database"] == "fail"
    assert states["Python"] == "ok"


def test_nothing_is_served_on_another_schema(
    run: Run, monkeypatch: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    for command in (["serve", "--port", "0"], ["worker"], ["token", "list"]):
        ran = run(*command)
        assert ran.code == Exit.schema, command
        assert newest_revision() in ran.err
        assert "firstbell migrate" in ran.err
    # A database of one's own is only changed by who asks for it.
    assert current_revision(empty_database_url) is None
    examined = run("doctor", "--json")
    assert examined.code == Exit.failed
    assert {line["check"]: line["state"] for line in orjson.loads(examined.out)}["schema"] == "fail"
    assert run("migrate").code == Exit.ok
    assert current_revision(empty_database_url) == newest_revision()
    assert run("doctor").code == Exit.ok


def test_settings_that_are_not_valid_are_named_without_their_values(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTBELL_POOL_SIZE", "many-secret")
    ran = run("token", "list")
    assert ran.code == Exit.usage
    assert "pool_size" in ran.err.lower()
    assert "many-secret" not in ran.err


def test_wrong_usage_has_its_code(run: Run) -> None:
    assert run("token", "create", "x", "--role", "emperor").code == Exit.usage
    assert run("no-such-command").code == Exit.usage


def test_help_tells_the_exit_codes(run: Run) -> None:
    shown = " ".join(run("--help").out.split())
    assert all(sentence.strip() in shown for sentence in EPILOG.split(","))


def test_users_are_made_invited_reset_and_listed(run: Run) -> None:
    made = run(
        "user",
        "create",
        "ada@example.org",
        "--name",
        "Ada",
        "--role",
        "ops",
        "--password-stdin",
        stdin="correct horse battery staple\n",
    )
    assert made.code == Exit.ok, made.err
    again = run("user", "create", "ADA@example.org", "--name", "Ada", "--role", "ops")
    assert again.code == Exit.failed
    assert "ada@example.org" in again.err.lower()
    invited = run("user", "invite", "bob@example.org", "--name", "Bob", "--role", "viewer")
    reset = run("user", "reset", "ada@example.org")
    for ran in (invited, reset):
        assert re.fullmatch(r"http://\S+/sign-in#token=\S+\n", ran.out)
    assert run("user", "reset", "nobody@example.org").code == Exit.failed
    listed = orjson.loads(run("user", "list", "--json").out)
    assert [(user["email"], user["role"], user["has_password"]) for user in listed] == [
        ("ada@example.org", "ops", True),
        ("bob@example.org", "viewer", False),
    ]
    assert "ada@example.org" in run("user", "list").out


def test_a_weak_password_is_refused(run: Run) -> None:
    ran = run(
        "user",
        "create",
        "a@example.org",
        "--name",
        "A",
        "--role",
        "ops",
        "--password-stdin",
        stdin="short\n",
    )
    assert ran.code == Exit.failed
    assert orjson.loads(run("user", "list", "--json").out) == []


def test_tokens_are_made_narrowed_listed_and_revoked(run: Run) -> None:
    made = run(
        "token",
        "create",
        "probe",
        "--role",
        "ops",
        "--scope",
        "readiness:read",
        "--expires-days",
        "30",
    )
    assert re.fullmatch(r"fb_\S+\n", made.out), made.err
    (token,) = orjson.loads(run("token", "list", "--json").out)
    assert (token["name"], token["role"], token["scopes"]) == ("probe", "ops", ["readiness:read"])
    assert token["expires_at"] is not None
    shown = run("token", "list").out
    assert token["id"] in shown
    assert made.out.strip() not in shown
    assert run("token", "create", "x", "--role", "ops", "--scope", "no:such").code == Exit.failed
    assert run("token", "create", "x", "--role", "ops", "--school", "NOPE").code == Exit.failed
    assert run("token", "revoke", token["id"]).code == Exit.ok
    assert orjson.loads(run("token", "list", "--json").out) == []
    assert run("token", "revoke", token["id"]).code == Exit.failed


def test_what_the_command_line_does_is_recorded_as_such(run: Run, database_url: str) -> None:
    run("token", "create", "script", "--role", "admin")
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT DISTINCT created_by FROM api_tokens").fetchall()
    assert rows == [("job:command-line",)]


def test_the_readiness_of_a_school_that_is_not_there(run: Run) -> None:
    ran = run("readiness", "NOPE")
    assert ran.code == Exit.failed
    assert "NOPE" in ran.err


def test_the_version_stands_alone(run: Run) -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run("version").out)


def test_the_secret_key_is_made_once(tmp_path: Path) -> None:
    first = secret_key(tmp_path)
    assert secret_key(tmp_path) == first
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
