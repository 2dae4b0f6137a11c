"""The house's budgets and habits, over every source file of ours."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
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
