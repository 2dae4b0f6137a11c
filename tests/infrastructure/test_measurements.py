"""The output of iperf3 and ndt7, as it comes and as it goes wrong."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors import Invalid
from api.infrastructure.measurement_rules import parse_measurement

# Written by iperf 3.12 on loopback, without its intervals.
TCP: dict[str, Any] = {
    "start": {
        "version": "iperf 3.12",
        "timestamp": {"time": "Wed, 25 Nov 2026 17:48:56 GMT", "timesecs": 1795628936},
        "test_start": {"protocol": "TCP", "num_streams": 1, "duration": 5, "reverse": 1},
    },
    "intervals": [],
    "end": {
        "sum_sent": {"seconds": 5.000235, "bits_per_second": 200058898.03, "retransmits": 3},
        "sum_received": {"seconds": 5.000083, "bits_per_second": 200064979.72133663},
    },
}
UDP: dict[str, Any] = {
    "start": {
        "version": "iperf 3.12",
        "test_start": {"protocol": "UDP", "num_streams": 1, "duration": 5, "reverse": 0},
    },
    "end": {
        "sum": {
            "seconds": 5.0,
            "bits_per_second": 5_000_000.0,
            "jitter_ms": 0.5,
            "lost_percent": 20,
        }
    },
}
REFUSED = {
    "start": {"connected": [], "version": "iperf 3.12"},
    "intervals": [],
    "end": {},
    "error": "unable to connect to server: Connection refused",
}
NDT7: list[dict[str, Any]] = [
    {"Origin": "server", "Test": "download", "TCPInfo": {"MinRTT": 9500}},
    {
        "Origin": "client",
        "Test": "download",
        "AppInfo": {"ElapsedTime": 5_000_000, "NumBytes": 62_500_000},
    },
    {
        "Origin": "server",
        "Test": "download",
        "AppInfo": {"ElapsedTime": 10_000_000, "NumBytes": 250_000_000},
        "TCPInfo": {"MinRTT": 9200, "BytesSent": 1_000_000, "BytesRetrans": 20_000},
    },
    {
        "Origin": "client",
        "Test": "download",
        "AppInfo": {"ElapsedTime": 9_900_000, "NumBytes": 247_500_000},
    },
    {
        "Origin": "client",
        "Test": "upload",
        "AppInfo": {"ElapsedTime": 10_000_000, "NumBytes": 25_000_000},
    },
    {
        "Origin": "server",
        "Test": "upload",
        "AppInfo": {"ElapsedTime": 10_000_000, "NumBytes": 12_500_000},
    },
]


def refusal(document: dict[str, Any]) -> tuple[str, str]:
    """The code and the pointer it is refused with."""
    with pytest.raises(Invalid) as caught:
        parse_measurement(document)
    (error,) = caught.value.extra["errors"]
    assert error["code"] == caught.value.extra["code"]
    return error["code"], error["pointer"]


def test_iperf3_counts_what_was_received() -> None:
    measured = parse_measurement({"iperf3": TCP})
    assert (measured.value, measured.unit, measured.method) == (
        Decimal("200.065"),
        "Mbps",
        "iperf3",
    )
    assert measured.measured_at == datetime(2026, 11, 25, 17, 48, 56, tzinfo=UTC)
    assert measured.evidence == {
        "direction": "download",
        "protocol": "TCP",
        "seconds": 5.0,
        "lower_bound": True,
        "retransmits": 3,
        "program": "iperf 3.12",
    }


def test_many_connections_of_iperf3_are_no_lower_bound() -> None:
    many = copy.deepcopy(TCP)
    many["start"]["test_start"]["num_streams"] = 8
    assert parse_measurement({"iperf3": many}).evidence["lower_bound"] is False


def test_of_udp_what_was_lost_does_not_count() -> None:
    reckoned = parse_measurement({"iperf3": UDP})
    assert reckoned.value == 4
    assert reckoned.evidence["lost_percent"] == 20
    assert reckoned.evidence["direction"] == "upload"
    said = copy.deepcopy(UDP)
    said["end"]["sum_received"] = {"seconds": 5.0, "bits_per_second": 3_900_000.0}
    assert parse_measurement({"iperf3": said}).value == Decimal("3.9")


def test_ndt7_is_the_download_as_the_client_received_it() -> None:
    measured = parse_measurement({"ndt7": NDT7})
    assert (measured.value, measured.unit, measured.method) == (Decimal(200), "Mbps", "ndt7")
    assert measured.evidence == {
        "direction": "download",
        "protocol": "TCP",
        "seconds": 9.9,
        "lower_bound": True,
        "latency_ms": 9.2,
        "retransmitted_percent": 2.0,
    }


def test_an_upload_of_ndt7_alone_is_what_the_server_received() -> None:
    measured = parse_measurement({"ndt7": [one for one in NDT7 if one["Test"] == "upload"]})
    assert (measured.value, measured.evidence["direction"]) == (Decimal(10), "upload")


def test_messages_of_ndt7_may_be_wrapped_as_a_client_writes_them() -> None:
    wrapped = [{"Key": "measurement", "Value": one} for one in NDT7]
    ends: list[dict[str, Any]] = [
        {"Key": "starting", "Value": {"Test": "download"}},
        *wrapped,
        {"Key": "complete", "Value": {"Test": "download"}},
    ]
    assert parse_measurement({"ndt7": ends}) == parse_measurement({"ndt7": NDT7})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, ("measurement-unreadable", "")),
        ({"iperf3": TCP, "ndt7": NDT7}, ("measurement-unreadable", "")),
        ({"iperf3": REFUSED}, ("measurement-failed", "/iperf3/error")),
        ({"iperf3": {**TCP, "error": "interrupt"}}, ("measurement-failed", "/iperf3/error")),
        ({"iperf3": [TCP]}, ("measurement-unreadable", "/iperf3")),
        ({"iperf3": {"start": {}, "end": {}}}, ("measurement-unreadable", "/iperf3/end")),
        (
            {"iperf3": {"end": {"sum_received": {"seconds": 10, "bits_per_second": -1}}}},
            ("measurement-unreadable", "/iperf3/end"),
        ),
        (
            {"iperf3": {"end": {"sum_received": {"seconds": 10, "bits_per_second": float("nan")}}}},
            ("measurement-unreadable", "/iperf3/end"),
        ),
        (
            {"iperf3": {"end": {"sum_received": {"seconds": 10, "bits_per_second": 1e300}}}},
            ("measurement-unreadable", "/iperf3/end"),
        ),
        (
            {"iperf3": {"end": {"sum_received": {"seconds": 1, "bits_per_second": 1e9}}}},
            ("measurement-partial", "/iperf3/end"),
        ),
        (
            {"iperf3": {"end": {"sum_received": {"seconds": 10, "bits_per_second": 0}}}},
            ("measurement-partial", "/iperf3/end"),
        ),
        (
            {"iperf3": {"end": {"sum": {"lost_percent": 180, "bits_per_second": 3e8}}}},
            ("measurement-unreadable", "/iperf3/end/sum/lost_percent"),
        ),
        ({"ndt7": {"Test": "download"}}, ("measurement-unreadable", "/ndt7")),
        ({"ndt7": ["download"]}, ("measurement-unreadable", "/ndt7/0")),
        ({"ndt7": []}, ("measurement-partial", "/ndt7")),
        ({"ndt7": NDT7[:1]}, ("measurement-partial", "/ndt7")),
        (
            {
                "ndt7": [
                    {"Test": "download", "AppInfo": {"ElapsedTime": 1_200_000, "NumBytes": 9_000}}
                ]
            },
            ("measurement-partial", "/ndt7"),
        ),
        (
            {"ndt7": [*NDT7[:2], {"Key": "error", "Value": {"Failure": "dial: timeout"}}]},
            ("measurement-failed", "/ndt7/2"),
        ),
    ],
)
def test_a_test_that_failed_or_was_cut_short_is_refused(
    document: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refusal(document) == expected


WORDS = [
    "end",
    "start",
    "sum",
    "sum_received",
    "seconds",
    "bits_per_second",
    "lost_percent",
    "test_start",
    "protocol",
    "timestamp",
    "timesecs",
    "Test",
    "Key",
    "Value",
    "AppInfo",
    "ElapsedTime",
    "NumBytes",
    "TCPInfo",
    "MinRTT",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(WORDS),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["iperf3", "ndt7"]), JSON)
def test_whatever_is_sent_is_a_value_or_a_refusal(name: str, output: Any) -> None:
    try:
        measured = parse_measurement({name: output})
    except Invalid:
        return
    assert measured.value >= 0
    json.dumps(measured.evidence, allow_nan=False)
