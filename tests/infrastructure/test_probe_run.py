"""The probe as a technician runs it: a process of its own against a served FirstBell."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from api.db.embedded import EmbeddedServer
from tests.infrastructure.listening import Authority, listening
from tests.web.world import World, post, served

Body = dict[str, Any]


@dataclass(frozen=True)
class Laptop:
    """A laptop in a building with a filter: one service is reached, one is intercepted."""

    folder: Path
    world: World
    code: str

    def run(self, *arguments: str, code: str | None = None) -> subprocess.CompletedProcess[str]:
        """As the probe was handed out, with a list of services on loopback."""
        environment = {
            "PATH": os.environ["PATH"],
            "SSL_CERT_FILE": str(self.folder / "believed.pem"),
            "FIRSTBELL_PROBE_CODE": code or self.code,
            "no_proxy": "*",
        }
        command = [sys.executable, "-I", "-W", "error", "probe.py", "--seconds", "1.2"]
        return subprocess.run(
            [*command, "--services", "services.json", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def stands(self, check: str) -> Body:
        answer: Body = self.world.api.get(f"/v1/schools/ALPHA/checks/{check}").json()
        return answer


@pytest.fixture(scope="module")
def laptop(
    server: EmbeddedServer, built_opener: FastAPI, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Laptop]:
    folder = tmp_path_factory.mktemp("laptop")
    public, filtering = Authority("Google Trust Services"), Authority("Lightspeed Systems")
    (folder / "believed.pem").write_bytes(public.pem)
    with (
        served(server, built_opener, tmp_path_factory.mktemp("data")) as world,
        listening(public.issue(folder)) as good,
        listening(filtering.issue(folder)) as bad,
    ):
        services = [
            {"id": "google-gstatic", "host": "localhost", "port": good, "path": "/generate_204"},
            {"id": "clever", "host": "localhost", "port": bad},
            {"id": "apple-updates", "host": "no-such-host.invalid"},
        ]
        (folder / "services.json").write_text(json.dumps({"services": services}))
        probe = world.api.get("/v1/probe.py?school=ALPHA")
        (folder / "probe.py").write_text(probe.text)
        code = post(world, "/v1/schools/ALPHA/probe-code")["code"]
        yield Laptop(folder, world, code)


def test_a_run_against_the_server_becomes_results(laptop: Laptop) -> None:
    done = laptop.run("--out", "online.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[ 3/3]" in done.stdout
    assert "signed by Lightspeed Systems" in done.stdout
    assert "Posted: recorded, 6 results." in done.stdout
    intercepted = laptop.stands("tls_interception")
    assert (intercepted["verdict"], intercepted["value"]) == ("failed", 1)
    assert round(laptop.stands("dns_answers")["value"]) == 67
    assert round(laptop.stands("services_reachable")["value"]) == 67
    assert laptop.stands("service_latency")["verdict"] == "passed"
    assert laptop.stands("probe_throughput")["value"] > 0
    written = json.loads((laptop.folder / "online.json").read_text())
    # The header that says the time has whole seconds, and a busy server writes it late.
    assert abs(written["clock_offset_seconds"]) < 30
    assert written["throughput"]["upload"]["bytes"] > 0
    again = laptop.run("--post", "online.json")
    assert "Posted: duplicate, 6 results." in again.stdout


def test_without_a_connection_the_report_stays_and_is_posted_later(laptop: Laptop) -> None:
    written = laptop.run("--offline", "--out", "offline.json")
    assert written.returncode == 0
    report = json.loads((laptop.folder / "offline.json").read_text())
    assert report["throughput"] is None
    # Port 1 of loopback answers nobody: the report is kept, and how to send it is said.
    lost = laptop.run("--out", "lost.json", "--server", "http://127.0.0.1:1")
    assert lost.returncode == 1
    assert "--post lost.json" in lost.stdout
    refused = laptop.run("--post", "offline.json", code="WRONG-CODE")
    assert refused.returncode == 1
    assert "The report was refused (401): Sign with a code of this school" in refused.stdout
    posted = laptop.run("--post", "offline.json")
    assert (posted.returncode, posted.stderr) == (0, "")
    assert "Posted: recorded, 5 results." in posted.stdout


def test_what_is_missing_is_said_before_anything_is_probed(laptop: Laptop) -> None:
    (laptop.folder / "other.json").write_text("<html>")
    for arguments, said in (
        (("--server", ""), "give --code and --server"),
        (("--post", "other.json"), "other.json is no report of the probe"),
        (("--post", "nowhere.json"), "No such file"),
        (("--services", "other.json"), "load this file from FirstBell"),
    ):
        done = laptop.run(*arguments)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
