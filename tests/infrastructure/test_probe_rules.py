"""What a report says of the checks, who signed it, and the list of services."""

from __future__ import annotations

import ast
import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.infrastructure.probe.judging import Finding
from api.infrastructure.probe.listed import shipped_list
from api.infrastructure.probe.reports import findings_of
from api.infrastructure.probe.rules import (
    budget_steps,
    is_recent,
    is_signed,
    make_code,
    signature,
    transfer_line,
)
from api.infrastructure.probe.schemas import ProbeReportIn
from api.infrastructure.probe.script import furnished
from tests.infrastructure.reports import Body, report, seen, signed_by, unresolved

CODE = "7KQ2MX-000000-ABCDEF-GHJKMN-PQRSTV"


def found(*services: Body, **given: Any) -> dict[str, Finding]:
    read = ProbeReportIn.model_validate_json(json.dumps(report(*services, **given)))
    return {one.slug: one for one in findings_of(read)}


def test_a_building_without_trouble_passes_everything() -> None:
    values = {slug: one.value for slug, one in found().items()}
    assert values == {
        "dns_answers": 100,
        "services_reachable": 100,
        "tls_interception": 0,
        "dns_latency": 10,
        "service_latency": 20,
    }


def test_a_name_that_is_not_found_lowers_both_shares_and_is_named() -> None:
    told = found(seen("google-accounts"), seen("google-tools"), unresolved("clever"))
    assert told["dns_answers"].value == Decimal("66.667")
    assert told["services_reachable"].evidence == {"services": 3, "failed": ["clever"]}
    # What took long to fail says nothing of how quickly names are found.
    assert told["dns_latency"].value == 10


def test_without_any_handshake_nothing_is_said_of_interception() -> None:
    told = found(unresolved("clever"), seen("google-tools", tcp={"ok": False}, tls=None))
    assert told.keys() == {"dns_answers", "services_reachable", "dns_latency"}
    assert told["services_reachable"].value == 0


@pytest.mark.parametrize(
    ("tls", "intercepted", "unbelieved"),
    [
        # A filter whose authority the laptop knows, and one whose it does not.
        ({**signed_by("Lightspeed Systems"), "verified": True}, "Lightspeed Systems", False),
        (signed_by("Zscaler Inc."), "Zscaler Inc.", False),
        (signed_by(None), "somebody without a name", False),
        # A sign-in page of the building with a good certificate of its own name.
        (signed_by("Let's Encrypt", code=62), "Let's Encrypt", False),
        # A laptop without authorities believes nobody, which is no filter's doing.
        (signed_by("DigiCert Inc"), None, True),
    ],
)
def test_who_signs_for_a_service_tells_whether_somebody_is_in_between(
    tls: Body, intercepted: str | None, unbelieved: bool
) -> None:
    told = found(seen("clever", tls=tls, status=None), seen("google-tools"))
    evidence = told["tls_interception"].evidence
    assert evidence["intercepted"] == ({"clever": intercepted} if intercepted else {})
    assert evidence["unbelieved"] == (["clever"] if unbelieved else [])
    assert told["tls_interception"].value == len(evidence["intercepted"])
    # It is reached all the same: that somebody reads along is the other check's.
    assert told["services_reachable"].value == 100


def test_a_page_that_says_blocked_is_not_the_service() -> None:
    told = found(seen("google-gstatic", status=200), seen("google-tools", status=403))
    # The list knows what the first answers; of the second any answer will do.
    assert told["services_reachable"].evidence["failed"] == ["google-gstatic"]


def test_speed_counts_the_download_and_keeps_the_upload_beside_it() -> None:
    download = {"bytes": 25_000_000, "seconds": 8.0, "connections": 4}
    upload = {"bytes": 5_000_000, "seconds": 8.0, "connections": 4}
    told = found(throughput={"download": download, "upload": upload})["probe_throughput"]
    assert (told.value, told.unit) == (Decimal(25), "Mbps")
    assert told.evidence["upload_mbps"] == 5
    assert told.evidence["lower_bound"] is True


@pytest.mark.parametrize(
    "download", [{"error": "timeout"}, {"bytes": 0, "seconds": 8.0}, {"bytes": 9, "seconds": 0.1}]
)
def test_a_download_that_did_not_happen_is_no_speed(download: Body) -> None:
    assert "probe_throughput" not in found(
        throughput={"download": download, "upload": {"bytes": 10**6, "seconds": 8.0}}
    )


def test_services_that_are_not_listed_are_left_aside() -> None:
    assert found({**seen("clever"), "id": "a-service-of-ours"}) == {}


def test_the_list_says_where_it_is_from_and_of_which_day() -> None:
    services = shipped_list()
    assert len({one.id for one in services.services}) == len(services.services)
    for suite in services.suites:
        assert suite.source.startswith("https://")
        assert date(2015, 1, 1) < suite.dated
        assert services.of([suite.id])
    assert services.is_public("Google Trust Services LLC")
    assert not services.is_public("")
    assert not services.is_public(None)


def test_a_code_signs_however_it_is_typed() -> None:
    body = b'{"id": 1}'
    expected = hmac.new(CODE.replace("-", "").encode(), body, hashlib.sha256).hexdigest()
    assert signature(CODE, body) == f"v1={expected}"
    assert signature(f" {CODE.lower().replace('-', ' ')}", body) == f"v1={expected}"


@given(st.binary(max_size=50), st.integers(0, 2))
def test_only_a_code_of_the_school_signs_and_only_what_it_signed(body: bytes, which: int) -> None:
    codes = [make_code(), make_code()]
    other = make_code()
    signed = signature([*codes, other][which], body)
    assert is_signed(signed, body, codes) is (which < 2)
    assert not is_signed(signed, body + b" ", codes)
    assert not is_signed(signed, body, [])
    assert not is_signed(None, body, codes)


def test_a_request_for_bytes_is_signed_as_it_was_sent_and_soon_too_old() -> None:
    line = transfer_line("GET", b"school=A&bytes=1&at=0")
    assert line == b"GET /v1/probe/throughput?school=A&bytes=1&at=0"
    now = datetime(2026, 11, 25, tzinfo=UTC)
    at = int(now.timestamp())
    assert is_recent(at, now + timedelta(minutes=5))
    assert not is_recent(at, now + timedelta(minutes=5, seconds=1))
    assert not is_recent(at + 301, now)


def test_bytes_are_counted_in_whole_steps() -> None:
    assert [budget_steps(count) for count in (1, 262_144, 262_145)] == [1, 1, 2]


def test_the_probe_is_handed_out_as_python_that_runs_on_old_laptops() -> None:
    text = furnished("https://ops.example.org", "KIPP-ASCEND", ["clever"])
    tree = ast.parse(text, feature_version=(3, 8))
    embedded = next(
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EMBEDDED"
    )
    assert isinstance(embedded, ast.Constant)
    assert json.loads(str(embedded.value)) == {
        "server": "https://ops.example.org",
        "school": "KIPP-ASCEND",
        "services": [{"id": "clever", "host": "clever.com", "path": "/"}],
    }
