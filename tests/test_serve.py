"""`firstbell serve` as people run it: a process of its own on an embedded server of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import pytest

from api.cli.common import Exit
from api.cli.serve import GRACE_SECONDS
from tests.jobs.waiting import PATIENCE
from tests.test_cli import ROOT, Ran


@dataclass
class Service:
    """`firstbell serve` in a process of its own, on an embedded server of its own."""

    process: subprocess.Popen[str]
    data_dir: Path
    environment: dict[str, str]
    log: Path
    said: list[str] = field(default_factory=list)

    def wait_for(self, pattern: str) -> str:
        """The group of the first line of output that matches."""
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            self.said.append(line)
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError(f"it ended: {self.said} {self.log.read_text()}")

    def command(self, *arguments: str) -> Ran:
        """Another command on the same data directory, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "api", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def postgres(self) -> list[int]:
        """The server processes of the data directory, as the system lists them."""
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
                # The home of the data may lie elsewhere; its name then tells where it belongs.
                if "postgres" in line and any(place in line for place in self.places()):
                    found.append(int(entry.parent.name))
        return found

    def places(self) -> list[str]:
        pointer = self.data_dir / "postgres.at"
        return [str(self.data_dir)] + ([pointer.read_text().strip()] if pointer.exists() else [])


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[Service]:
    environment = {
        **{name: value for name, value in os.environ.items() if "DATABASE_URL" not in name},
        "FIRSTBELL_DATA_DIR": str(folder / "data"),
        "FIRSTBELL_PORT": "0",
        "FIRSTBELL_LOG_JSON": "true",
        "PYTHONWARNINGS": "error",
    }
    log = folder / "log"
    # Who runs the suite in the background may have it ignore Ctrl-C, and the service inherits that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "api", "serve", *arguments],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    service = Service(process, folder / "data", environment, log)
    try:
        yield service
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.slow
def test_serving_from_nothing_to_a_clean_stop(tmp_path: Path) -> None:
    with serving(tmp_path) as service:
        address = service.wait_for(r"FirstBell is at (http://127\.0\.0\.1:\d+)$")
        link = service.wait_for(rf"Sign in: {address}/sign-in#token=(\S+)$")
        sign_in_once(address, link)

        # A command beside it shares its server; the token stands alone on standard output.
        made = service.command("token", "create", "script", "--role", "ops")
        assert made.code == Exit.ok, made.err
        assert re.fullmatch(r"fb_\S+\n", made.out)
        key = service.data_dir / "secret.key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert len(key.read_text()) >= 43

        examined = service.command("doctor", "--json")
        assert examined.code == Exit.ok, examined.out
        states = {line["check"]: line["state"] for line in orjson.loads(examined.out)}
        assert set(states.values()) == {"ok"}, examined.out

        token = made.out.strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=address, headers=headers, timeout=PATIENCE) as client:
            assert client.get("/v1/schools?q=Ada%20Lovelace").status_code == 200
            stop_with_an_open_stream(service, client)
    check_log(service.log.read_text(), ["Ada", link, token])


def sign_in_once(address: str, link: str) -> None:
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        assert client.get("/readyz").status_code == 200
        assert "text/html" in client.get("/").headers["content-type"]
        own = {"Origin": address}
        answer = client.post("/v1/sign-in/link", json={"token": link}, headers=own)
        assert answer.is_success, answer.text
        assert client.get("/v1/me").json()["role"] == "admin"
        again = client.post("/v1/sign-in/link", json={"token": link}, headers=own)
        assert again.status_code == 401


def stop_with_an_open_stream(service: Service, client: httpx.Client) -> None:
    with client.stream("GET", "/v1/events") as stream:
        events = stream.iter_lines()
        assert next(events)
        assert service.postgres()
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        # The open stream is ended, not waited for until the grace is over.
        for _ in events:
            pass
    assert service.process.wait(PATIENCE) == Exit.ok
    assert time.monotonic() - began < GRACE_SECONDS
    assert service.postgres() == []


def check_log(text: str, secrets: list[str]) -> None:
    lines = [orjson.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert {line["path"] for line in requests} >= {"/v1/sign-in/link", "/v1/me", "/v1/schools"}
    assert all(line["request_id"] for line in requests)
    assert [secret for secret in secrets if secret in text] == []
    assert not [line for line in lines if line["level"] in ("error", "critical")], text


@pytest.mark.slow
def test_several_processes_serve_one_port_and_a_second_start_finds_its_data(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, "--workers", "2") as service:
        address = service.wait_for(r"FirstBell is at (\S+)$")
        service.wait_for(r"Sign in: (\S+)$")
        with httpx.Client(base_url=address, timeout=PATIENCE) as client:
            assert client.get("/readyz").status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == Exit.ok
        assert service.postgres() == []
    with serving(tmp_path) as service:
        service.wait_for(r"FirstBell is at (\S+)$")
        listed = service.command("user", "list", "--json")
        assert [user["role"] for user in orjson.loads(listed.out)] == ["admin"]
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(PATIENCE) == Exit.interrupted
        # Somebody has signed nobody in, but the first link was made the first time.
        assert not [line for line in service.said if "Sign in" in line]
        assert service.postgres() == []
