"""The Dockerfile, compose file and Makefile, run or read where no container engine is needed."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from api.settings import Settings

ROOT = Path(__file__).parents[1]
# What a person may have set for pip to reach a package index from here.
NETWORK = re.compile(r"PIP_.*|HOME|.*_proxy|SSL_CERT_.*|REQUESTS_CA_BUNDLE", re.IGNORECASE)
PLACES = ("/opt/venv", "/app")


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile; ``stage`` counts from 0."""

    stage: int
    word: str
    rest: str


def steps() -> list[Step]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    found: list[Step] = []
    stage = -1
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip():
            word, rest = line.split(maxsplit=1)
            stage += word == "FROM"
            found.append(Step(stage, word, rest))
    return found


def of(word: str, stage: int) -> list[str]:
    return [step.rest for step in steps() if (step.word, step.stage) == (word, stage)]


def linter(name: str) -> str:
    """The program ``name``, from beside the interpreter or the PATH."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    program = beside or shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed: not linted")
    return program


def run(command: list[str], cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if NETWORK.fullmatch(key)}
    return subprocess.run(
        command,
        cwd=cwd,
        env={**kept, "PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_dockerfile_passes_its_linter() -> None:
    done = run([linter("hadolint"), "--no-color", "Dockerfile"], ROOT)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_shell_script_passes_its_linter() -> None:
    done = run([linter("shellcheck"), "--color=never", ".ci/run"], ROOT)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_slim_unprivileged_and_watched() -> None:
    assert all("-slim" in image for stage in (0, 1) for image in of("FROM", stage))
    (user,) = of("USER", 1)
    assert int(user) > 0
    (check,) = of("HEALTHCHECK", 1)
    assert "/readyz" in check
    # The exec form: process 1 is the service, which hears SIGTERM.
    assert json.loads(of("ENTRYPOINT", 1)[0])[0] == "python"
    assert not any("apt-get" in command for stage in (0, 1) for command in of("RUN", stage))


def test_only_what_the_image_needs_reaches_the_engine() -> None:
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    context = {
        source
        for step in steps()
        if step.word == "COPY" and "--from" not in step.rest
        for source in step.rest.split()[:-1]
    }
    assert {f"!{source}" for source in context} == {line for line in allowed if line[:1] == "!"}
    assert "*" in allowed


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_steps_of_the_dockerfile_make_a_service_that_starts(tmp_path: Path) -> None:
    """Runs the build stage's commands and the copies of the last, with / moved to a folder."""

    def moved(text: str) -> str:
        for place in PLACES:
            text = re.sub(rf"(?<![\w/.-]){place}\b", str(tmp_path / place[1:]), text)
        return text

    reachable = run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(tmp_path), "h11"],
        tmp_path,
    )
    if reachable.returncode != 0:
        pytest.skip("the package index cannot be reached: the Dockerfile's steps were not run")

    app = tmp_path / "app"
    programs = tmp_path / "bin"
    (tmp_path / "opt").mkdir()
    programs.mkdir()
    (programs / "python").symlink_to(getattr(sys, "_base_executable", sys.executable))
    for step in steps():
        if step.word == "COPY" and "--from" not in step.rest:
            *sources, target = step.rest.split()
            for source in sources:
                goal = app / target / source if target == "./" else app / target
                goal.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile
                copy(ROOT / source, goal)
        elif step.word == "RUN" and step.stage == 0:
            # Only what it makes itself may be touched: this runs on the machine of the tests.
            first = [part.split()[0] for part in step.rest.split("&&")]
            assert set(first) <= {"python", "/opt/venv/bin/python"}
            path = f"{programs}:{os.environ['PATH']}"
            done = run(["/bin/sh", "-euc", moved(step.rest)], app, PATH=path)
            assert done.returncode == 0, done.stderr

    environment = dict(pair.split("=", 1) for pair in shlex.split(" ".join(of("ENV", 1))))
    path = moved(environment["PATH"]).replace("$PATH", os.environ["PATH"])
    command = [*json.loads(of("ENTRYPOINT", 1)[0]), "--help"]
    shown = run([shutil.which(command[0], path=path) or "", *command[1:]], app, PATH=path)
    assert shown.returncode == 0, shown.stderr
    (default,) = json.loads(of("CMD", 1)[0])
    for word in (default, *(word for words in compose_commands() for word in words)):
        assert re.search(rf"\b{word}\b", shown.stdout)
    missing = run([f"{tmp_path}/opt/venv/bin/python", "-m", "pip", "--version"], app)
    assert "No module named pip" in missing.stderr


def compose() -> dict[str, dict[str, object]]:
    services: dict[str, dict[str, object]] = yaml.safe_load((ROOT / "compose.yaml").read_text())[
        "services"
    ]
    return services


def compose_commands() -> list[list[str]]:
    return [service["command"] for service in compose().values() if "command" in service]  # type: ignore[misc]  # YAML has no types


def test_compose_has_what_the_design_promises() -> None:
    services = compose()
    assert services["postgres"]["image"] == "postgres:18"
    assert sorted(map(tuple, compose_commands())) == [
        ("migrate",),
        ("serve",),
        ("serve",),
        ("worker",),
    ]
    for name, service in services.items():
        if name not in ("postgres", "migrate"):
            assert service["depends_on"] == {
                "migrate": {"condition": "service_completed_successfully"}
            }


def test_every_setting_named_in_the_container_files_exists() -> None:
    text = "".join((ROOT / name).read_text() for name in ("Dockerfile", "compose.yaml"))
    named = {setting.lower() for setting in re.findall(r"\bFIRSTBELL_([A-Z_]+)", text)}
    assert named
    assert named <= set(Settings.model_fields)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make run` reads before it installs anything."""
    for name in ("Makefile", "requirements.lock"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    return tmp_path


def test_make_names_the_pythons_it_can_use(checkout: Path) -> None:
    done = run(["make", "run", "PYTHON=/no/such/python"], checkout)
    assert done.returncode != 0
    assert "needs Python 3.11, 3.12, 3.13 or 3.14" in done.stderr
    assert not (checkout / ".venv").exists()


def test_make_says_what_a_python_without_venv_needs(checkout: Path) -> None:
    python = checkout / "python"
    # As Debian's python3 without python3-venv.
    hide = "import sys; sys.modules['ensurepip'] = None"
    python.write_text(
        f'#!/bin/sh\ncase "$2" in *ensurepip*) exec {sys.executable} -c "{hide}; $2";; esac\n'
        f'exec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    done = run(["make", "run", f"PYTHON={python}"], checkout)
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_the_lock_files_agree() -> None:
    pins = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)
    locked, extended = (
        dict(pins.findall((ROOT / name).read_text()))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert locked.items() <= extended.items()
