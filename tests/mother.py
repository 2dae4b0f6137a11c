"""Services that can be killed and replaced at once: children of a process that has imported them.

    with Mother() as mother:
        pid = mother.bear(["serve"], environment, log)
        mother.kill(pid)

Each is a process of its own as `firstbell` is; only what it would import first is there already,
which took longer than what the tests look at.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from api.cli import main as firstbell
from tests.accounts import doomed

ROOT = Path(__file__).resolve().parents[1]
# Instead of a command of ours: a worker that notices soon that the one before it was killed.
DOOMED = "doomed"


class Mother:
    """The tests' side of it."""

    def __enter__(self) -> Mother:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mother"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._living: set[int] = set()
        self._speaking = threading.Lock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for pid in list(self._living):
            self.kill(pid)
        self._process.communicate()

    def bear(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> int:
        """Start a process whose standard output and error are appended to `log`; its id."""
        pid = self._ask({"run": arguments, "environment": dict(environment), "log": str(log)})
        self._living.add(pid)
        return pid

    def kill(self, pid: int) -> None:
        """At once, whatever it does; returns when it is gone."""
        assert self._ask({"kill": pid}) == -signal.SIGKILL
        self._living.remove(pid)

    def _ask(self, order: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._speaking:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


def _answer(order: dict[str, Any]) -> int:
    if "kill" in order:
        os.kill(order["kill"], signal.SIGKILL)
        _, status = os.waitpid(order["kill"], 0)
        return os.waitstatus_to_exitcode(status)
    pid = os.fork()
    if not pid:
        _live(order["run"], order["environment"], order["log"])
    return pid


def _live(arguments: list[str], environment: dict[str, str], log: str) -> None:
    """What a child does until it ends or is killed."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    writing = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream, file in enumerate((nothing, writing, writing)):
        os.dup2(file, stream)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["firstbell", *arguments]
    code: object = 1
    try:
        if arguments[0] == DOOMED:
            url, secret, stalled_after = arguments[1:]
            asyncio.run(doomed.main(url, secret, float(stalled_after)))
        else:
            firstbell()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{_answer(json.loads(line))}\n")
        sys.stdout.flush()
