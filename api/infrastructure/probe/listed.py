"""The list of services that the probe examines: data with its sources and dates. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Service:
    """`status` is what the address answers where nothing filters it; None: any answer will do."""

    id: str
    suite: str
    host: str
    path: str
    status: int | None

    def document(self) -> dict[str, Any]:
        return {"id": self.id, "host": self.host, "path": self.path}


@dataclass(frozen=True, slots=True)
class Suite:
    """One vendor's hosts, with where they were read and of which day."""

    id: str
    title: str
    source: str
    dated: date


@dataclass(frozen=True, slots=True)
class ServiceList:
    """`issuers` begin the organisations whose certificates browsers believe, in lower case."""

    suites: tuple[Suite, ...]
    services: tuple[Service, ...]
    issuers: tuple[str, ...]

    def of(self, suites: Collection[str]) -> list[Service]:
        """The services of these suites; of all without any."""
        return [one for one in self.services if not suites or one.suite in suites]

    def is_public(self, organisation: str | None) -> bool:
        """Whether browsers believe certificates of this organisation."""
        return (organisation or "").lower().startswith(self.issuers)


def read_list(source: str) -> ServiceList:
    """The list out of its YAML."""
    document = yaml.safe_load(source)
    suites, services = [], []
    for one in document["suites"]:
        suites.append(Suite(one["id"], one["title"], one["source"], one["dated"]))
        services += [
            Service(each["id"], one["id"], each["host"], each.get("path", "/"), each.get("status"))
            for each in one["services"]
        ]
    issuers = tuple(name.lower() for name in document["issuers"]["organisations"])
    return ServiceList(tuple(suites), tuple(services), issuers)


@cache
def shipped_list() -> ServiceList:
    """The list that comes with FirstBell."""
    return read_list(files(__package__).joinpath("services.yaml").read_text("utf-8"))
