"""`firstbell accounts export`: files for other systems, whole or not at all."""

from __future__ import annotations

import csv
import io
import stat
import zipfile
from pathlib import Path

import orjson
import psycopg
import pytest

from api.cli.common import Exit
from tests.accounts.conftest import csv_of, student
from tests.test_cli import Run, run
from tests.test_cli_accounts import network, served, written

__all__ = ["network", "run", "served"]

pytestmark = pytest.mark.slow


def test_an_export_is_written_here_and_from_where_firstbell_is_served(
    run: Run,
    network: None,
    served: str,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    some = [student(n, username=f"u{n}", email="") for n in range(20)]
    some[3]["family_name"] = "x" * 70
    ran = run("accounts", "import", written(tmp_path, csv_of(some)), "--network", "N")
    assert ran.code == Exit.ok, ran.err
    refused = run("accounts", "export", "google")
    assert refused.code == Exit.failed
    assert "no-address: 20" in refused.err
    file = tmp_path / "google.csv"
    asked = ("accounts", "export", "google", "--domain", "a.org", "--to", str(file))
    assert run(*asked).code == Exit.failed
    assert not file.exists()
    ran = run(*asked, "--on-unfit", "skip")
    assert ran.code == Exit.rejected, ran.err
    assert "19 students" in ran.err
    assert "1 left out" in ran.err
    here = file.read_bytes()
    assert len(list(csv.DictReader(io.StringIO(here.decode())))) == 19
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    made = run("token", "create", "cron", "--role", "admin", "--sees-names")
    monkeypatch.setenv("FIRSTBELL_TOKEN", made.out.strip())
    ran = run(*asked, "--on-unfit", "skip", "--url", served)
    assert ran.code == Exit.rejected, ran.err
    assert file.read_bytes() == here
    monkeypatch.chdir(tmp_path)
    ran = run("accounts", "export", "oneroster", "--url", served, "--json")
    assert ran.code == Exit.ok, ran.err
    # What is served in this process logs to the same output.
    saved = orjson.loads(ran.out[ran.out.index("{\n") :])
    assert (saved["students"], saved["left_out"]) == (20, 0)
    with zipfile.ZipFile(tmp_path / saved["file"]) as archive:
        assert len(archive.read("users.csv").splitlines()) == 21
    assert run("accounts", "export", "gam", "--url", served).code == Exit.failed
    nowhere = str(tmp_path / "nowhere" / "file.csv")
    ran = run("accounts", "export", "sds", "--to", nowhere)
    assert ran.code == Exit.failed
    assert "cannot be written" in ran.err
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT recipient, students FROM disclosures WHERE purpose = 'export' ORDER BY id"
        ).fetchall()
    assert found == [("Google", 19), ("Google", 19), (None, 20), ("Microsoft", 20)]
