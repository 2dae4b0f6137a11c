"""What /openapi.json promises, held against generated requests: right, wrong and odd ones.

For every operation: never a 5xx, always a documented status, content type, header and body, and
every error a problem document. Half of the requests go to things that are really there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import CheckContext, not_a_server_error
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import UndefinedStatusCode
from schemathesis.python.asgi import shutdown_lifespans
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api import wiring
from api.app import create_app
from api.auth.rules import Role
from api.auth.tokens import create_token
from api.db.pool import Database
from api.db.uow import writing
from api.settings import Settings
from tests.authorization_world import build

EXAMPLES = 12
