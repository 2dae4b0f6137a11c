"""What /openapi.json promises, held against generated requests: right ones, wrong ones, odd ones.

For every operation: never a 5xx, always a documented status, content type, headers and body, and
every error a problem document. Half of the requests name things that are really there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from schemathesis import APIOperation, Case, CheckContext, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import wiring
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.facts import Bus
from api.settings import Settings
from tests.authorization_world import World
from tests.shelf import furnished

Operation = APIOperation[Any, Any, Any, Any]

# Of each operation, of each kind: right or wrong input, to known or unknown things.
EXAMPLES = 4
TAGS = (
    *("auth", "networks", "schools", "staff", "rollouts", "tasks", "readiness", "ops"),
    *("orders", "shipments", "vendors", "inbox", "accounts", "targets"),
    *("checks", "check-results", "probe", "pd"),
)
# A stream has no end to wait for.
STREAMS = {"GET /v1/events"}


def every_error_is_a_problem(ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """RFC 9457, with a code to act on and a request id to ask about."""
    if response.status_code < 400:
        return
    kind = response.headers["content-type"][0]
    assert kind == "application/problem+json", f"{response.status_code} is {kind}"
    problem = response.json()
    assert problem["status"] == response.status_code
    for name in ("code", "title", "detail", "request_id"):
        assert isinstance(problem[name], str), f"no {name}: {problem}"
        assert problem[name], f"an empty {name}: {problem}"
    assert "Traceback" not in response.text
    assert "SELECT " not in response.text


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    every_error_is_a_problem,
]


class Document:
    """What an application publishes, read once however many databases it is given."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.read: list[Operation] = []

    def every(self) -> list[Operation]:
        """The application has to have its database by now."""
        if not self.read:
            schema = schemathesis.openapi.from_asgi("/openapi.json", self.app)
            for found in schema.get_all_operations():
                assert isinstance(found, Ok), found
                self.read.append(found.ok())
        return self.read


class Promise:
    """The running application, its document, a token that may do all, and names of real things."""

    def __init__(self, document: Document, token: str, known: dict[str, str]) -> None:
        self.document = document
        self.headers = {"authorization": f"Bearer {token}"}
        self.known = known

    def operations(self, tag: str) -> list[Operation]:
        return [
            operation
            for operation in self.document.every()
            if operation.definition.raw["tags"] == [tag] and operation.label not in STREAMS
        ]

    def real(self, operation: Operation) -> dict[str, str]:
        names = (parameter.name for parameter in operation.path_parameters)
        return {name: self.known[name] for name in names if name in self.known}

    def hold(
        self,
        operation: Operation,
        mode: GenerationMode,
        path_parameters: dict[str, str],
    ) -> int:
        """Send `EXAMPLES` requests, the same ones in each run. Returns how many were sent."""
        sent = 0

        @given(case=operation.as_strategy(mode, path_parameters=path_parameters))
        @hypothesis_settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def send(case: Case[Any]) -> None:
            nonlocal sent
            sent += 1
            case.call_and_validate(headers=self.headers, checks=CHECKS)

        send()
        return sent


def _known(names: dict[str, str]) -> dict[str, str]:
    return {
        "network": names["network"],
        "school": names["school"],
        "site": names["site"],
        "staff_id": names["staff"],
        "user_id": names["user"],
        "token_id": names["token"],
        "playbook_id": names["playbook"],
        "task_id": names["waits"],
        "predecessor_id": names["edit"],
        "waiver_id": names["approvable"],
        "order_id": names["order"],
        "shipment_id": names["shipment"],
        "receipt_id": names["receipt"],
        "account_id": names["account"],
        "import_id": names["run_read"],
        "target_id": names["csv_target"],
        "hand_off_id": names["hand_off"],
        "check": names["check"],
        "report_id": names["probe_report"],
        "session_id": names["pd_session"],
        "course": names["pd_course"],
        "sku": "CB",
        "slug": "acme",
    }


async def _token(settings: Settings, url: str) -> str:
    async with Database(url, settings, Bus()) as database, writing(database, "job:test") as session:
        return await create_token(session, name="all", role=Role.admin, sees_names=True)


@pytest.fixture
def database_url(peopled_url: str) -> str:
    return peopled_url


@pytest.fixture(scope="module")
def document(built_opener: FastAPI) -> Document:
    return Document(built_opener)


@pytest.fixture
def promise(
    document: Document, settings: Settings, database_url: str, peopled: tuple[str, World]
) -> Iterator[Promise]:
    # A pool that does not grow: a new connection asks `random` for when it is to end, and
    # Hypothesis takes that for the doing of what it draws from just then.
    alone = settings.model_copy(update={"embedded_worker": False, "pool_size": 2})
    token = asyncio.run(_token(alone, database_url))
    furnished(document.app, alone, Database(database_url, alone, wiring.build_bus()))
    try:
        yield Promise(document, token, _known(peopled[1].names["a1"]))
    finally:
        shutdown_lifespans()


@pytest.mark.parametrize("tag", TAGS)
def test_every_answer_is_as_documented(promise: Promise, tag: str) -> None:
    operations = promise.operations(tag)
    assert operations, f"no operation is tagged {tag}"
    for operation in operations:
        real = promise.real(operation)
        for path_parameters in [{}, real] if real else [{}]:
            assert promise.hold(operation, GenerationMode.POSITIVE, path_parameters)
            if operation.query or operation.body:
                promise.hold(operation, GenerationMode.NEGATIVE, path_parameters)


def test_no_tag_is_left_out(promise: Promise) -> None:
    every = {tag for one in promise.document.every() for tag in one.definition.raw["tags"]}
    assert every == set(TAGS)
