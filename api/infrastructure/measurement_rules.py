"""What measuring programs write, read into one value: `iperf3 -J` and ndt7. Pure.

Sources: iperf3's JSON (esnet/iperf; `sum` of UDP is what was sent, which its pull request 1174
mended by adding `sum_received`); ndt7 protocol, ndt-server specification 0.11.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

from api.errors import Invalid, field_error

MBPS = "Mbps"
# Slow start, and what a shaper lets burst, are over by five seconds; a clock may be a little off.
_SHORTEST_SECONDS = 4.5
# Far past any line, any count of bytes and any moment; a decimal still holds it.
_LARGEST = 1e18
_ROUNDED = Decimal("0.001")
Direction = Literal["download", "upload"]


@dataclass(frozen=True, slots=True)
class Measured:
    """One value out of a program's output.

    `evidence` names the direction, how long it took, and what else the program saw;
    `lower_bound` in it says that the line may well carry more. `measured_at` is None where the
    output does not say when.
    """

    value: Decimal
    unit: str
    method: str
    evidence: dict[str, Any]
    measured_at: datetime | None = None


def parse_measurement(document: Mapping[str, Any]) -> Measured:
    """The value of `{"iperf3": {...}}` or `{"ndt7": [...]}`.

    Raises: Invalid (`measurement-failed`, `measurement-partial`, `measurement-unreadable`), its
    pointers beginning at `document`.
    """
    given = [name for name in ("iperf3", "ndt7") if document.get(name) is not None]
    if len(given) != 1:
        raise _refused("", "unreadable", "Give the output of one program: `iperf3` or `ndt7`.")
    if given == ["iperf3"]:
        return _of_iperf3(document["iperf3"])
    return _of_ndt7(document["ndt7"])


def _refused(pointer: str, kind: str, detail: str) -> Invalid:
    code = f"measurement-{kind}"
    return Invalid(detail, code=code, errors=[field_error(pointer, code, detail)])


def _number(value: Any) -> float | None:
    """A number that can have been measured; JSON as Python reads it may hold NaN and infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if 0 <= number <= _LARGEST else None


def _part(document: Any, *names: str) -> dict[str, Any]:
    """A part of a document, empty where it is missing or no object."""
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


def _mbps(bits_per_second: float) -> Decimal:
    return Decimal(bits_per_second / 1e6).quantize(_ROUNDED)


def _text(value: Any, longest: int = 200) -> str:
    return str(value).replace("\x00", "")[:longest]


def _of_iperf3(output: Any) -> Measured:
    if not isinstance(output, dict):
        raise _refused("/iperf3", "unreadable", "`iperf3` is the object that `iperf3 -J` writes.")
    # On a failed connection the program exits 0 and says so only here.
    if "error" in output:
        detail = f"iperf3 failed: {_text(output['error'])}. Nothing was measured; run it again."
        raise _refused("/iperf3/error", "failed", detail)
    started = _part(output, "start", "test_start")
    is_udp = started.get("protocol") == "UDP" or "lost_percent" in _part(output, "end", "sum")
    received = _received_of_udp(output) if is_udp else _part(output, "end", "sum_received")
    rate, seconds = _number(received.get("bits_per_second")), _number(received.get("seconds"))
    if rate is None or seconds is None:
        detail = "It does not say what was received; send the whole output of `iperf3 -J`."
        raise _refused("/iperf3/end", "unreadable", detail)
    if rate == 0 or seconds < _SHORTEST_SECONDS:
        raise _refused("/iperf3/end", "partial", _too_short(seconds, rate))
    direction: Direction = "download" if started.get("reverse") else "upload"
    evidence = {
        "direction": direction,
        "protocol": "UDP" if is_udp else "TCP",
        "seconds": round(seconds, 3),
        # One connection seldom fills a line that a school shares.
        "lower_bound": not is_udp and started.get("num_streams", 1) == 1,
        **_losses(output, is_udp=is_udp),
    }
    version = _text(_part(output, "start").get("version", ""), 50)
    if version:
        evidence["program"] = version
    return Measured(_mbps(rate), MBPS, "iperf3", evidence, _started_at(output))


def _received_of_udp(output: dict[str, Any]) -> dict[str, Any]:
    """What arrived: said since iperf 3.11, else reckoned, since `sum` is what the sender sent."""
    if received := _part(output, "end", "sum_received"):
        return received
    sent = _part(output, "end", "sum")
    rate, lost = _number(sent.get("bits_per_second")), _number(sent.get("lost_percent"))
    if rate is None or lost is None:
        return {}
    # Seen in the wild (esnet/iperf 1489): more lost than sent.
    if lost > 100:
        detail = f"iperf3 says that {lost:.0f} % was lost, which cannot be; run it again."
        raise _refused("/iperf3/end/sum/lost_percent", "unreadable", detail)
    return {**sent, "bits_per_second": rate * (1 - lost / 100)}


def _losses(output: dict[str, Any], *, is_udp: bool) -> dict[str, float]:
    said = _part(output, "end", "sum" if is_udp else "sum_sent")
    names = ("jitter_ms", "lost_percent") if is_udp else ("retransmits",)
    found = {name: _number(said.get(name)) for name in names}
    return {name: round(value, 3) for name, value in found.items() if value is not None}


def _started_at(output: dict[str, Any]) -> datetime | None:
    seconds = _number(_part(output, "start", "timestamp").get("timesecs"))
    # Past the year 9999 no date can say it.
    if not seconds or seconds > 253_402_300_799:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _too_short(seconds: float, rate: float) -> str:
    if rate == 0:
        return "Nothing was received, so nothing was measured; run it again."
    return f"It ran {seconds:.1f} s, too short to say anything of the line; let it run 10 s."


def _of_ndt7(output: Any) -> Measured:
    """The download, which is what a class waits for; of an upload alone, the upload."""
    if not isinstance(output, list):
        detail = "`ndt7` is the list of the messages of one test, in their order."
        raise _refused("/ndt7", "unreadable", detail)
    messages = list(_messages(output))
    for direction in ("download", "upload"):
        of_it = [one for one in messages if one.get("Test") == direction]
        if of_it:
            return _of_direction(of_it, direction)
    detail = "It holds no download and no upload; send every message of the test."
    raise _refused("/ndt7", "partial", detail)


def _messages(output: Sequence[Any]) -> Iterable[dict[str, Any]]:
    """The protocol's messages; a client may have wrapped each as `{"Key", "Value"}`."""
    for at, one in enumerate(output):
        if not isinstance(one, dict):
            detail = 'A message of ndt7 is an object such as {"Test": "download", ...}.'
            raise _refused(f"/ndt7/{at}", "unreadable", detail)
        if one.get("Key") == "error":
            failure = _text(_part(one, "Value").get("Failure", "it does not say why"))
            detail = f"ndt7 failed: {failure}. Run it again."
            raise _refused(f"/ndt7/{at}", "failed", detail)
        yield _part(one, "Value") if "Key" in one else one


def _of_direction(messages: Sequence[dict[str, Any]], direction: str) -> Measured:
    # Who receives knows: of a download the client, of an upload the server where it spoke.
    receiver = "client" if direction == "download" else "server"
    counted = [
        (one.get("Origin") == receiver, elapsed, count)
        for one in messages
        if (elapsed := _number(_part(one, "AppInfo").get("ElapsedTime")))
        and (count := _number(_part(one, "AppInfo").get("NumBytes"))) is not None
    ]
    if not counted:
        detail = f"The {direction} holds no AppInfo with bytes and time, so nothing was measured."
        raise _refused("/ndt7", "partial", detail)
    _, elapsed, count = max(counted)
    seconds = elapsed / 1e6
    if count == 0 or seconds < _SHORTEST_SECONDS:
        raise _refused("/ndt7", "partial", _too_short(seconds, count))
    evidence = {
        "direction": direction,
        "protocol": "TCP",
        "seconds": round(seconds, 3),
        # ndt7 has one connection by definition.
        "lower_bound": True,
        **_seen_by_tcp(messages),
    }
    return Measured(_mbps(count * 8 / seconds), MBPS, "ndt7", evidence)


def _seen_by_tcp(messages: Sequence[dict[str, Any]]) -> dict[str, float]:
    seen: dict[str, float] = {}
    for one in messages:
        told = _part(one, "TCPInfo")
        sent, again = _number(told.get("BytesSent")), _number(told.get("BytesRetrans"))
        nearest = _number(told.get("MinRTT"))
        if nearest is not None:
            seen["latency_ms"] = round(nearest / 1000, 3)
        if sent and again is not None:
            seen["retransmitted_percent"] = round(min(again / sent, 1) * 100, 3)
    return seen
