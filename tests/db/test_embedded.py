"""The embedded server with real processes: sharing, killing, stale files, refusals."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from api.db import embedded, embedded_keeper
from api.db.embedded_cluster import Owner, choose_owner, installed_binaries, reachable

ROOT = Path(__file__).parents[2]
FAST = {"fsync": "off"}
# A client in a process of its own: says its URL, then holds the server until its input closes.
CLIENT = """
import sys
from pathlib import Path
from api.db import embedded
with embedded.start(Path(sys.argv[1]), {"fsync": "off"}) as server:
    print(server.url(), flush=True)
    sys.stdin.read()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change users")


class Client:
    """One client process."""

    def __init__(self, data_dir: Path, command: list[str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*(command or []), sys.executable, "-c", CLIENT, str(data_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def url(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    # Not tmp_path: its private parents would send a root run to /var/lib each time.
    folder = Path(tempfile.mkdtemp(prefix="fb-", dir=embedded.fleeting()))
    folder.chmod(0o711)
    yield folder
    home = folder / "postgres.at"
    eventually(lambda: not embedded_keeper.is_held(folder / "keeper.lock"))
    if home.exists():
        shutil.rmtree(home.read_text().strip())
    shutil.rmtree(folder)


def eventually(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def output(*command: str) -> list[str]:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()


def processes(needle: str) -> list[int]:
    """Ids of the processes with ``needle`` in their command line."""
    rows = [line.split(maxsplit=1) for line in output("ps", "-axww", "-o", "pid=,command=")]
    return [int(row[0]) for row in rows if needle in row[-1]]


def postmasters(data_dir: Path) -> list[int]:
    return processes(f"-D {data_dir}/postgres/data")


def keepers(data_dir: Path) -> list[int]:
    """The keeper's command line has no path of ours; it is the parent of the postmaster."""
    return [int(line) for line in output("ps", "-o", "ppid=", "-p", str(postmasters(data_dir)[0]))]


def write_note(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
        connection.execute("INSERT INTO note VALUES (%s)", [text])


def notes(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM note ORDER BY text")]


def test_processes_share_one_server_and_the_last_takes_it_along(data_dir: Path) -> None:
    clients = [Client(data_dir) for _ in range(3)]
    urls = {client.url() for client in clients}
    assert len(urls) == 1
    url = urls.pop()
    assert len(postmasters(data_dir)) == 1

    write_note(url, "kept")
    clients[0].leave()
    clients[1].kill()
    time.sleep(5 * embedded_keeper.POLL_SECONDS)
    assert notes(url) == ["kept"]

    clients[2].leave()
    # stop() waits for the shutdown, so this holds at once.
    assert postmasters(data_dir) == []
    with embedded.start(data_dir, FAST) as server:
        assert notes(server.url()) == ["kept"]


def test_a_killed_client_leaves_no_stray_server_and_loses_nothing(data_dir: Path) -> None:
    client = Client(data_dir)
    write_note(client.url(), "before the kill")
    client.kill()
    eventually(lambda: postmasters(data_dir) == [])
    with embedded.start(data_dir, FAST) as server:
        assert notes(server.url()) == ["before the kill"]
        assert len(postmasters(data_dir)) == 1


def test_a_client_that_returns_at_once_after_a_kill_finds_the_server(data_dir: Path) -> None:
    client = Client(data_dir)
    write_note(client.url(), "1")
    for round_ in range(5):
        client.kill()
        # Somewhere between the kill and the end of the shutdown it causes.
        time.sleep(0.05 * round_)
        client = Client(data_dir)
        assert notes(client.url()) == ["1"]
        assert len(postmasters(data_dir)) == 1
    client.leave()


def test_everything_killed_at_once_recovers(data_dir: Path) -> None:
    client = Client(data_dir)
    write_note(client.url(), "committed")
    victims = [*keepers(data_dir), *postmasters(data_dir)]
    client.process.kill()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    client.process.communicate()
    with embedded.start(data_dir, FAST) as server:
        assert notes(server.url()) == ["committed"]
        assert len(postmasters(data_dir)) == 1


def test_a_killed_keeper_is_replaced_and_the_server_runs_on(data_dir: Path) -> None:
    with embedded.start(data_dir, FAST) as server:
        write_note(server.url(), "1")
        with psycopg.connect(server.url()) as connection:
            before = postmasters(data_dir)
            (keeper,) = keepers(data_dir)
            os.kill(keeper, signal.SIGKILL)
            eventually(lambda: "adopting the running server" in server.log.read_text())
            assert embedded_keeper.is_held(data_dir / "keeper.lock")
            # The same session goes on: nobody restarted anything below it.
            assert connection.execute("SELECT count(*) FROM note").fetchone() == (1,)
        assert postmasters(data_dir) == before
    assert postmasters(data_dir) == []


def test_a_killed_postmaster_is_started_again(data_dir: Path) -> None:
    with embedded.start(data_dir, FAST) as server:
        write_note(server.url(), "1")
        (before,) = postmasters(data_dir)
        os.kill(before, signal.SIGKILL)

        def back() -> bool:
            with contextlib.suppress(psycopg.OperationalError):
                return notes(server.url()) == ["1"]
            return False

        eventually(lambda: postmasters(data_dir) not in ([], [before]) and back())
    assert postmasters(data_dir) == []


def test_a_stale_pid_file_with_the_number_of_a_living_process_is_no_obstacle(
    data_dir: Path,
) -> None:
    with embedded.start(data_dir, FAST) as server:
        write_note(server.url(), "1")
        owner = server.data.stat().st_uid
        content = (server.data / "postmaster.pid").read_text()
    # PostgreSQL itself refuses to start beside a living process of the same user.
    with subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None) as bystander:
        stale = server.data / "postmaster.pid"
        stale.write_text(f"{bystander.pid}\n{content.partition(chr(10))[2]}")
        os.chown(stale, owner, -1)
        with embedded.start(data_dir, FAST) as again:
            assert notes(again.url()) == ["1"]
        assert bystander.poll() is None
        bystander.kill()


def test_the_second_start_is_quick(data_dir: Path) -> None:
    embedded.start(data_dir).stop()
    began = time.monotonic()
    with embedded.start(data_dir) as server, psycopg.connect(server.url()) as connection:
        connection.execute("SELECT 1")
        assert time.monotonic() - began < 2


def test_settings(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Variables that libpq and the server read must change nothing.
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGUSER", "nobody")
    with (
        embedded.start(data_dir, {"work_mem": "11MB"}) as server,
        psycopg.connect(server.url()) as connection,
    ):
        names = ["server_encoding", "listen_addresses", "TimeZone"]
        names += ["fsync", "max_connections", "work_mem"]
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in names}
        assert shown == {
            "server_encoding": ("UTF8",),
            "listen_addresses": ("",),
            "TimeZone": ("UTC",),
            "fsync": ("on",),
            "max_connections": ("100",),
            "work_mem": ("11MB",),
        }
        row = connection.execute(
            "SELECT current_user, rolsuper, rolcreatedb, datlocale, version() LIKE 'PostgreSQL 18%'"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = 'firstbell'"
        ).fetchone()
        assert row == ("firstbell", False, True, "C.UTF-8", True)
        assert (server.data.parent / "run").stat().st_mode & 0o777 == 0o700


def test_data_of_another_major_version_is_named_with_the_way_out(data_dir: Path) -> None:
    with embedded.start(data_dir, FAST) as server:
        version = server.data / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(embedded.EmbeddedServerFailed) as failed:
        embedded.start(data_dir)
    for part in ("PostgreSQL 17", "PostgreSQL 18", "firstbell backup", "firstbell restore"):
        assert part in str(failed.value)
    assert version.read_text() == "17\n"


def test_a_server_that_cannot_start_shows_its_last_words(data_dir: Path) -> None:
    with embedded.start(data_dir, FAST) as server:
        settings = server.data / "postgresql.conf"
    with settings.open("a") as file:
        file.write("no_such_setting = on\n")
    with pytest.raises(embedded.EmbeddedServerFailed) as failed:
        embedded.start(data_dir)
    assert "no_such_setting" in str(failed.value)
    assert str(data_dir / "postgres" / "server.log") in str(failed.value)
    assert postmasters(data_dir) == []


@pytest.mark.parametrize("name", ["long-" * 30, "a comma, a space % and 'quotes'"])
def test_awkward_paths(data_dir: Path, name: str) -> None:
    with embedded.start(data_dir / name, FAST) as server:
        write_note(server.url(), "1")
        assert notes(server.url()) == ["1"]
        with psycopg.connect(server.url()) as connection:
            socket = connection.info.host
        # Elsewhere than the data, whose path a socket cannot have.
        folder = Path(socket)
        assert folder.name.startswith("firstbell-")
        assert folder.parent == Path("/", "tmp")
    eventually(lambda: not embedded_keeper.is_held(data_dir / name / "keeper.lock"))
    Path(socket).rmdir()


def test_a_data_directory_that_is_a_file_is_refused(data_dir: Path) -> None:
    (data_dir / "file").touch()
    with pytest.raises(embedded.EmbeddedServerFailed, match="cannot use"):
        embedded.start(data_dir / "file")


def test_a_platform_without_binaries_is_named(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(embedded.EmbeddedServerFailed, match="not installed"):
        installed_binaries("package_that_is_not_there")
    # As on musl: the file is there, its loader is not.
    program = data_dir / "foreign_binaries" / "pginstall18" / "bin" / "postgres"
    program.parent.mkdir(parents=True)
    program.write_text("#!/lib/ld-of-another-libc.so.1\n")
    program.chmod(0o755)
    monkeypatch.syspath_prepend(data_dir)
    with pytest.raises(embedded.EmbeddedServerFailed, match=r"does not run here.*DATABASE_URL"):
        installed_binaries("foreign_binaries")


def test_temporary_leaves_nothing_behind() -> None:
    with embedded.temporary() as server:
        folder = server.data.parent.parent
        assert len(postmasters(folder)) == 1
    assert postmasters(folder) == []
    assert not folder.exists()
    with embedded.temporary(shared="of-this-test") as one:
        with embedded.temporary(shared="of-this-test") as other:
            assert one.url() == other.url()
        write_note(one.url(), "still there")
        folder = one.data.parent.parent
    assert not folder.exists()


@as_root
def test_a_person_who_is_not_root(data_dir: Path) -> None:
    person = pwd.getpwnam("nobody")
    os.chown(data_dir, person.pw_uid, person.pw_gid)
    data_dir.chmod(0o700)
    drop = ["setpriv", f"--reuid={person.pw_uid}", f"--regid={person.pw_gid}", "--clear-groups"]
    owner = Owner(person.pw_uid, person.pw_gid, person.pw_name)
    if not owner.can_enter(Path(sys.executable).resolve().parent):
        # The interpreter lies in root's home: lend the right to read it, and no other.
        drop += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if shutil.which("setpriv") is None:
        pytest.skip("needs setpriv to become somebody else")
    client = Client(data_dir, drop)
    url = client.url()
    write_note(url, "theirs")
    assert (data_dir / "postgres" / "data").stat().st_uid == person.pw_uid
    # Root works on the same server, as its owner, and locks the owner out of nothing.
    with embedded.start(data_dir, FAST) as server:
        assert server.url() == url
        client.leave()
        assert notes(url) == ["theirs"]
    again = Client(data_dir, drop)
    assert notes(again.url()) == ["theirs"]
    again.kill()
    eventually(lambda: postmasters(data_dir) == [])


@as_root
def test_root_with_a_data_directory_nobody_else_can_reach(data_dir: Path) -> None:
    data_dir.chmod(0o700)
    inside = data_dir / "inside"
    with embedded.start(inside, FAST) as server:
        write_note(server.url(), "1")
        home = server.data.parent
    try:
        assert data_dir.stat().st_mode & 0o777 == 0o700
        assert not home.is_relative_to(data_dir)
        assert home.stat().st_uid != 0
        assert (inside / "postgres.at").read_text().strip() == str(home)
        with embedded.start(inside, FAST) as server:
            assert notes(server.url()) == ["1"]
    finally:
        shutil.rmtree(home)


@as_root
def test_binaries_the_server_user_cannot_read_are_copied(data_dir: Path) -> None:
    installed, version = installed_binaries()
    package = installed.parent.parent
    private = data_dir / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(package, private / package.name, symlinks=True)
    libraries = f"{package.name}.libs"
    shutil.copytree(package.parent / libraries, private / libraries)
    owner = choose_owner(data_dir, data_dir / "postgres")
    hidden = private / installed.relative_to(package.parent)
    assert reachable(installed, version, data_dir, Owner(None, None, "root")) == installed
    usable = reachable(hidden, version, data_dir, owner)
    assert usable.is_relative_to(data_dir / f"pgsql-{version}")
    for program in ("postgres", "initdb", "pg_dump"):
        assert version in owner.run([str(usable / program), "--version"]).stdout


@as_root
def test_a_full_disk_is_named(data_dir: Path) -> None:
    size = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=711", "tmpfs", str(data_dir)]
    if subprocess.run(size, capture_output=True, check=False).returncode != 0:
        pytest.skip("may not mount a small disk here")
    try:
        with pytest.raises(embedded.EmbeddedServerFailed, match="disk is full"):
            embedded.start(data_dir, FAST)
        # Half-made data does not pass for data the next time.
        assert not (data_dir / "postgres" / "data").exists()
    finally:
        subprocess.run(["umount", str(data_dir)], check=True)
