"""What a probe's report says of the checks: what the laptop saw, into values. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median
from typing import Any

from api.infrastructure.probe.listed import Service, ServiceList

# OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH: a believed certificate, but of somebody else.
_ANOTHER_HOST = 62
_SHORTEST_SECONDS = 1.0
_STEP = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Handshake:
    """A TLS handshake that came to an end: whether the laptop believed the certificate, whose
    organisation signed it, and OpenSSL's code where it was not believed.
    """

    verified: bool
    signer: str | None
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A service as the laptop saw it; times in milliseconds, null for what did not come about."""

    id: str
    is_resolved: bool
    lookup_ms: float
    connect_ms: float | None = None
    handshake: Handshake | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Speed:
    """Bytes that all connections together transferred."""

    bytes: int
    seconds: float
    connections: int | None = None

    @property
    def mbps(self) -> Decimal:
        return Decimal(self.bytes * 8 / self.seconds / 1e6).quantize(_STEP)


@dataclass(frozen=True, slots=True)
class Finding:
    """A value for the check called `slug`, in `unit`."""

    slug: str
    value: Decimal
    unit: str
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Examined:
    """A service of the list, and what the laptop saw of it."""

    listed: Service
    seen: Seen

    @property
    def id(self) -> str:
        return self.listed.id

    def is_reached(self) -> bool:
        """TLS came to an end, and the answer is the service's own where the list knows it."""
        tls, expected = self.seen.handshake, self.listed.status
        if tls is None:
            return False
        # Not believed, the laptop asked for nothing, so there is no answer to compare.
        return expected is None or not tls.verified or self.seen.status == expected


def findings(
    seen: Sequence[Seen], services: ServiceList, download: Speed | None, upload: Speed | None
) -> list[Finding]:
    """A value for each check that the report says anything of; what is not in `services` is left
    aside. Empty when it names none of them.
    """
    listed = {one.id: one for one in services.services}
    examined = [_Examined(listed[one.id], one) for one in seen if one.id in listed]
    if not examined:
        return []
    known = [one.seen for one in examined]
    found = [
        _share("dns_answers", examined, lambda one: one.seen.is_resolved),
        _share("services_reachable", examined, _Examined.is_reached),
        _median("dns_latency", [one.lookup_ms for one in known if one.is_resolved]),
        _median("service_latency", [one.connect_ms for one in known if one.connect_ms is not None]),
        _interception(examined, services),
        _throughput(download, upload),
    ]
    return [one for one in found if one is not None]


def _share(
    slug: str, examined: Sequence[_Examined], is_good: Callable[[_Examined], bool]
) -> Finding:
    """How many of a hundred services; which were not stands in the evidence."""
    failed = [one.id for one in examined if not is_good(one)]
    share = Decimal(100 * (len(examined) - len(failed))) / len(examined)
    evidence = {"services": len(examined), "failed": failed}
    return Finding(slug, share.quantize(_STEP), "percent", evidence)


def _median(slug: str, times: Sequence[float]) -> Finding | None:
    if not times:
        return None
    value = Decimal(median(times)).quantize(_STEP)
    return Finding(slug, value, "ms", {"services": len(times), "slowest_ms": max(times)})


def _interception(examined: Sequence[_Examined], services: ServiceList) -> Finding | None:
    """Without any handshake nothing is known, which is not the same as no interception."""
    shaken = [(one.id, tls) for one in examined if (tls := one.seen.handshake) is not None]
    if not shaken:
        return None
    between = {
        service: tls.signer or "somebody without a name"
        for service, tls in shaken
        if not services.is_public(tls.signer) or tls.code == _ANOTHER_HOST
    }
    unbelieved = [service for service, tls in shaken if not tls.verified and service not in between]
    evidence = {"services": len(shaken), "intercepted": between, "unbelieved": unbelieved}
    return Finding("tls_interception", Decimal(len(between)), "services", evidence)


def _throughput(download: Speed | None, upload: Speed | None) -> Finding | None:
    if download is None or not download.bytes or download.seconds < _SHORTEST_SECONDS:
        return None
    evidence: dict[str, Any] = {
        "direction": "download",
        "seconds": download.seconds,
        "connections": download.connections,
        # The server or the laptop's own Wi-Fi may have been slower than the line.
        "lower_bound": True,
    }
    if upload is not None:
        evidence["upload_mbps"] = float(upload.mbps)
    return Finding("probe_throughput", download.mbps, "Mbps", evidence)
