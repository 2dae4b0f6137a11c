"""The keeper: a small process that runs the embedded PostgreSQL while anybody uses it.

Run by file path with an isolated interpreter, so it needs the standard library only and starts in
milliseconds. Three advisory file locks in the data directory say who lives; the kernel drops a
lock when its last holder dies, however it dies, so no process id has to be trusted:

* ``clients.lock``: every client holds it shared. The keeper stops the server when it gets it
  exclusively, which is when no client is left.
* ``keeper.lock``: held exclusively by the keeper for as long as it works.
* ``server.lock``: held through a descriptor that every PostgreSQL process inherits, so it is free
  only when the last backend is gone, even after a ``kill -9`` of the postmaster.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.1
STOP_SECONDS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0))
QUICK_DEATH_SECONDS = 5.0
QUICK_DEATHS_ALLOWED = 3


@dataclass(frozen=True)
class Spec:
    """What a client asks of the keeper; crosses the process border as JSON on standard input.

    ``user`` and ``group`` are the numeric ids PostgreSQL runs under, None for the caller's own.
    """

    command: list[str]
    environment: dict[str, str]
    data: str
    sockets: str
    locks: str
    user: int | None
    group: int | None

    def lock(self, name: str) -> Path:
        """The path of the lock file ``name``: ``clients``, ``keeper`` or ``server``."""
        return Path(self.locks) / f"{name}.lock"


def open_lock(path: Path) -> int:
    """A descriptor for ``path``, made when absent. Read-only is enough for flock."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        # A file root made in a person's folder must not lock that person out.
        folder = path.parent.stat()
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor


def try_lock(path: Path, mode: int) -> int | None:
    """A descriptor holding the lock in ``mode`` (``LOCK_SH`` or ``LOCK_EX``), None when taken."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def is_held(path: Path) -> bool:
    """Whether somebody holds ``path`` exclusively."""
    descriptor = try_lock(path, fcntl.LOCK_SH)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold ``path`` exclusively, waiting for it; its folder is made when absent."""
    while True:
        # Others may pass through, or the server's user could not reach its own folder below.
        path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        descriptor = open_lock(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Somebody may have deleted the folder meanwhile: a lock on a lost file locks nothing.
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                yield
                return
        finally:
            os.close(descriptor)


def say(message: str) -> None:
    """One line in the server log, which is this process's standard error."""
    sys.stderr.write(f"keeper {os.getpid()}: {message}\n")
    sys.stderr.flush()


class Keeper:
    """Starts or adopts the server, restarts it when it dies, stops it with the last client."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.child: subprocess.Popen[bytes] | None = None
        self.started = 0.0

    def run(self) -> int:
        """Work until no client is left (0) or the server cannot be kept up (1)."""
        quick_deaths = 0
        self.adopt_or_launch()
        while (alone := try_lock(self.spec.lock("clients"), fcntl.LOCK_EX)) is None:
            if not self.alive():
                quick = time.monotonic() - self.started < QUICK_DEATH_SECONDS
                quick_deaths = quick_deaths + 1 if quick else 0
                if quick_deaths >= QUICK_DEATHS_ALLOWED:
                    say("the server does not stay up, giving up")
                    return 1
                say("the server ended while in use, starting it again")
                # Right after a crash the old shared memory may still be attached for a moment.
                time.sleep(0.3 * quick_deaths)
                self.adopt_or_launch()
            time.sleep(POLL_SECONDS)
        self.stop()
        # `alone` stays locked until this process ends, so a client that waits for it finds
        # keeper.lock free already and does not take a leaving keeper for a working one.
        del alone
        return 0

    def alive(self) -> bool:
        """Whether any process of the server lives; also reaps a child that ended."""
        if self.child is not None:
            self.child.poll()
        return is_held(self.spec.lock("server"))

    def adopt_or_launch(self) -> None:
        """Take over a running server, or start one where only dead files are left."""
        self.started = time.monotonic()
        descriptor = try_lock(self.spec.lock("server"), fcntl.LOCK_EX)
        if descriptor is None:
            say("adopting the running server")
            return
        # Nobody holds server.lock, so whatever process carries the number in these files today is
        # not our postmaster; PostgreSQL itself would refuse to start beside it.
        for stale in (Path(self.spec.data, "postmaster.pid"), *Path(self.spec.sockets).iterdir()):
            stale.unlink(missing_ok=True)
        try:
            self.child = subprocess.Popen(
                self.spec.command,
                stdin=subprocess.DEVNULL,
                pass_fds=[descriptor],
                cwd="/",
                env=self.spec.environment,
                user=self.spec.user,
                group=self.spec.group,
                extra_groups=[] if self.spec.user is not None else None,
                umask=0o077,
            )
        finally:
            os.close(descriptor)

    def postmaster(self) -> int | None:
        """The process id of the postmaster, from its own file."""
        try:
            first = Path(self.spec.data, "postmaster.pid").read_text().partition("\n")[0]
            return int(first)
        except (OSError, ValueError):
            return None

    def stop(self) -> None:
        """Stop the server: fast, then immediate, then by force."""
        for number, patience in STOP_SECONDS:
            deadline = time.monotonic() + patience
            sent = False
            while self.alive():
                pid = self.postmaster()
                if pid is not None and not sent:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, number)
                    sent = True
                if time.monotonic() > deadline:
                    say(f"the server did not stop on {number.name} within {patience:g} s")
                    break
                time.sleep(POLL_SECONDS / 4)
            else:
                return


def take_office(spec: Spec) -> int | None:
    """The keeper's lock, None when another keeper works.

    Clients that noticed a keeper's death touch the lock for an instant, hence the patience.
    """
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        descriptor = try_lock(spec.lock("keeper"), fcntl.LOCK_EX)
        if descriptor is not None:
            return descriptor
        time.sleep(0.02)
    return None


def main() -> int:
    """Take the keeper's lock, leave the caller's session, keep the server.

    Returns to the caller as soon as the lock is held by the detached process.
    """
    spec = Spec(**json.load(sys.stdin))
    office = take_office(spec)
    if office is None:
        return 0
    # A second process, whose parent is init: no client has to reap it, and the signals of the
    # caller's terminal do not reach it. The lock goes with the descriptor.
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    # The end of the last client is the one signal that counts. A handler, not SIG_IGN: ignoring
    # would be inherited by what the server runs.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        return Keeper(spec).run()
    finally:
        os.close(office)


if __name__ == "__main__":
    sys.exit(main())
