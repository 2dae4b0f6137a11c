"""Judges of exports that know nothing of ours.

`formats/*.json` describe each format as its maker publishes it (Data Package with Table Schemas):
files, headers, what a cell may hold, keys within and between files. `frictionless` executes them.
What Table Schema has no words for (line ends, byte order marks, sizes, Apple's quoting) is looked
up in the same descriptions here. GAM itself reads its own format.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from frictionless import Checklist, Package, system

DESCRIPTIONS = Path(__file__).with_name("formats")
# Of a description, what is not asked of frictionless.
_OURS = frozenset({"maxBytes", "linePattern", "checks"})
_BOM = b"\xef\xbb\xbf"


def described(form: str) -> dict[str, Any]:
    description: dict[str, Any] = json.loads((DESCRIPTIONS / f"{form}.json").read_text("utf-8"))
    return description


def judged(form: str, files: Mapping[str, bytes], folder: Path) -> list[str]:
    """Everything that is wrong with one upload: `file: kind: what`.

    `files` are those of a zip by name; of a format without, the one file as `{form}.csv`.
    """
    told = {one["name"]: one for one in described(form)["resources"]}
    paths = {one["path"]: one for one in told.values() if "path" in one}
    wrong = [f"{name}: missing-file: {name}" for name in sorted(paths.keys() - files.keys())]
    wrong += [f"{name}: unknown-file: {name}" for name in sorted(files.keys() - paths.keys())]
    if wrong:
        return wrong
    for name, data in files.items():
        wrong += [f"{name}: {what}" for what in _in_bytes(paths[name], data)]
        (folder / name).write_bytes(data)
    return [*wrong, *_by_frictionless(told, folder)]


def _in_bytes(told: Mapping[str, Any], data: bytes) -> Iterator[str]:
    if data.startswith(_BOM):
        yield "byte-order-mark: a machine takes it for part of the first header"
    if len(data) > told.get("maxBytes", len(data)):
        yield f"too-large: {len(data)} bytes"
    end = told.get("dialect", {}).get("csv", {}).get("lineTerminator")
    if end and ({*re.findall(rb"\r\n|\r|\n", data)} != {end.encode()} or data[-1:] != b"\n"):
        yield f"line-end: some line does not end with {end!r}"
    if "linePattern" in told:
        lines = data.decode(errors="replace").removesuffix("\n").split("\n")
        for number, line in enumerate(lines, 1):
            if not re.search(told["linePattern"], line):
                yield f"line-pattern: line {number} is not written as the maker asks"


def _by_frictionless(told: Mapping[str, Mapping[str, Any]], folder: Path) -> Iterator[str]:
    plain = [{key: one[key] for key in one.keys() - _OURS} for one in told.values()]
    # Trusted, or it would read no file from a folder outside of where the tests run.
    with system.use_context(trusted=True):
        package = Package.from_descriptor({"resources": plain}, basepath=str(folder))
        for name, one in told.items():
            checks = Checklist.from_descriptor({"checks": one.get("checks", [])})
            report = package.get_resource(name).validate(checks)
            for kind, message in report.flatten(["type", "message"]):
                yield f"{one.get('path', name)}: {kind}: {message}"


def read_by_gam(data: bytes, folder: Path, *arguments: str) -> list[str]:
    """The first ten commands that GAM would run of a CSV. Raises: CalledProcessError.

    `arguments` are those of the command with GAM's placeholders, such as `~Email`. It is asked for
    a rehearsal, and has neither a domain nor a network to run anything against.
    """
    (folder / "gam.csv").write_bytes(data)
    ran = subprocess.run(
        [sys.executable, "-m", "gam", "csvtest", "gam.csv", "gam", *arguments],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "GAMCFGDIR": str(folder / "gam")},
        check=True,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    shown = ran.stdout.partition("commands GAM will run\n")[2]
    return [line.strip() for line in shown.splitlines()]
