"""A report as the probe writes it, and what is answered to it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from api.http.strict import Strict
from api.infrastructure.probe.judging import Handshake, Seen, Speed
from api.infrastructure.result_schemas import NumberOut

Short = Annotated[str, StringConstraints(max_length=300)]
Milliseconds = Annotated[float, Field(ge=0, le=3_600_000)]


class LookUpIn(Strict):
    """`private`: it was answered with an address of the building's own."""

    ok: bool
    ms: Milliseconds
    private: bool = False
    error: Short | None = None


class ConnectIn(Strict):
    """`ms` of the quickest of some tries."""

    ok: bool
    ms: Milliseconds | None = None
    error: Short | None = None


class IssuerIn(Strict):
    organisation: Short | None = None
    name: Short | None = None


class HandshakeIn(Strict):
    """`verified`: the laptop believes the certificate; `code` says why not, as OpenSSL counts.

    `issuer` is there when the handshake came to an end, believed or not.
    """

    verified: bool
    ms: Milliseconds | None = None
    issuer: IssuerIn | None = None
    chain: Annotated[list[Short | None], Field(max_length=8)] = Field(default_factory=list)
    code: Annotated[int, Field(ge=0, le=1000)] | None = None
    error: Short | None = None


class ServiceIn(Strict):
    """One service; a step that failed leaves the ones after it out."""

    id: Short
    host: Short
    dns: LookUpIn
    tcp: ConnectIn | None = None
    tls: HandshakeIn | None = None
    status: Annotated[int, Field(ge=100, le=999)] | None = None

    def seen(self) -> Seen:
        tls = None
        if self.tls is not None and self.tls.issuer is not None:
            signer = self.tls.issuer.organisation or self.tls.issuer.name
            tls = Handshake(self.tls.verified, signer, self.tls.code)
        connect_ms = self.tcp.ms if self.tcp is not None else None
        return Seen(self.id, self.dns.ok, self.dns.ms, connect_ms, tls, self.status)


class SpeedIn(Strict):
    """What was transferred over all connections together, or why nothing was."""

    bytes: Annotated[int, Field(ge=0, le=10**15)] | None = None
    seconds: Annotated[float, Field(gt=0, le=3600)] | None = None
    connections: Annotated[int, Field(ge=1, le=100)] | None = None
    error: Short | None = None

    def speed(self) -> Speed | None:
        """None where nothing was measured."""
        if self.bytes is None or self.seconds is None:
            return None
        return Speed(self.bytes, self.seconds, self.connections)


class ThroughputIn(Strict):
    download: SpeedIn
    upload: SpeedIn


class ProbeReportIn(Strict):
    """One run of the probe. `id` is the run's own: the same report counts once."""

    format: Literal[1]
    id: UUID
    school: Annotated[str, StringConstraints(max_length=100)]
    measured_at: AwareDatetime
    clock_offset_seconds: Annotated[float, Field(ge=-1e10, le=1e10)] | None = None
    python: Short
    system: Short
    services: Annotated[list[ServiceIn], Field(min_length=1, max_length=500)]
    throughput: ThroughputIn | None = None


class ProbeResultOut(BaseModel):
    """One check that the report was a measurement of."""

    check: str
    value: NumberOut
    unit: str


class ProbeReportOut(BaseModel):
    """`duplicate` when this very report had come before; then it says again what it led to."""

    id: UUID
    outcome: Literal["recorded", "duplicate"]
    measured_at: datetime
    received_at: datetime
    results: list[ProbeResultOut]


class ProbeRunOut(BaseModel):
    """A report that was taken in, without its body."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    measured_at: datetime
    received_at: datetime


class ProbeRunDetailOut(ProbeRunOut):
    """The same with what the probe wrote."""

    body: dict[str, Any]


class ProbeCodeOut(BaseModel):
    """`code` is shown this once; a replay of the call shows null. The one before is good until
    `previous_until`.
    """

    code: str | None
    created_at: datetime
    previous_until: datetime | None
