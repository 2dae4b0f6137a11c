"""The house's budgets and habits, over every source file of ours."""

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE_LINES = 400
FUNCTION_LINES = 50
PYTHON = sorted(
    path
    for room in ("api", "tests", "migrations", "benchmarks")
    for path in ROOT.glob(f"{room}/**/*.py")
)
# Alembic writes the list of tables, one function long; only rooms are read by people.
WRITTEN = [path for path in PYTHON if "tables" not in path.stem or "versions" not in path.parts]
WEB = sorted(path for end in ("js", "css", "html") for path in ROOT.glob(f"api/web/**/*.{end}"))
# The words that switch a linter off, their codes, and the reason on the same line.
EXCEPTION = re.compile(
    r"#\s*(?:noqa|type:\s*ignore|pragma:\s*no cover)"
    r"(?P<codes>:?\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w-]+(?:,\s*[\w-]+)*\])?"
    r"(?P<reason>.*)"
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Name and length in lines, signature and docstring included, of every function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_the_rooms_are_found() -> None:
    assert {"api/db/embedded.py", "tests/test_house.py"} <= {name(path) for path in PYTHON}


@pytest.mark.parametrize("path", [*WRITTEN, *WEB], ids=name)
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= FILE_LINES


@pytest.mark.parametrize("path", WRITTEN, ids=name)
def test_functions_are_short_and_run_on_the_oldest_python(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 11))
    assert [found for found in functions(tree) if found[1] > FUNCTION_LINES] == []


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_every_lint_exception_names_its_rule_and_its_reason(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    bare = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        found = EXCEPTION.search(token.string) if token.type == tokenize.COMMENT else None
        if found is None:
            continue
        above = lines[token.start[0] - 2].strip()
        reason = re.search(r"[a-z]{3}", found["reason"]) or above.startswith("#")
        if not (found["codes"] and reason):
            bare.append(f"{token.start[0]}: {token.line.strip()}")
    assert bare == []


# The unit of work commits where its block ends; the pool looks after connections themselves.
COMMITS = {"api/db/pool.py"}


@pytest.mark.parametrize("path", sorted(ROOT.glob("api/**/*.py")), ids=name)
def test_nobody_commits_but_the_unit_of_work(path: Path) -> None:
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert called.isdisjoint({"commit", "rollback"}) or name(path) in COMMITS


# What is neither pure nor a service: tables, shapes, sentences, HTTP, and what starts by itself.
OTHERS = ("__init__", "models*", "*schemas*", "*errors*", "*routes", "door", "jobs", "listeners")


@pytest.mark.parametrize("room", ["accounts", "devices", "infrastructure", "pd", "webhooks"])
def test_every_module_of_a_room_is_under_a_contract(room: str) -> None:
    """A new file is pure, or a service without HTTP, and the import contracts know which."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = {
        pattern
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["name"] in ("Rules are pure", "Services know no HTTP framework")
        for pattern in contract["source_modules"]
    }
    modules = [
        f"api.{room}.{path.stem}"
        for path in sorted(ROOT.glob(f"api/{room}/*.py"))
        if not any(fnmatchcase(path.stem, other) for other in OTHERS)
    ]
    assert len(modules) > 10
    assert [one for one in modules if not any(fnmatchcase(one, p) for p in named)] == []
