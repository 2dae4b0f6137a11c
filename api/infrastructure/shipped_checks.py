"""The checks that come with FirstBell, read from the package and held to the API's own rules."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from api.infrastructure.check_schemas import CheckIn


@cache
def shipped_checks() -> tuple[CheckIn, ...]:
    """In the order of the file, by subject."""
    file = resources.files("api.infrastructure").joinpath("shipped", "checks.yaml")
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    return tuple(CheckIn.model_validate(one) for one in document["checks"])
