"""Every setting, with the reason it exists. Read from the environment, prefix `FIRSTBELL_`."""

from __future__ import annotations

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The process's configuration; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="FIRSTBELL_", extra="ignore")

    # Any PostgreSQL >= 18. Unset: an embedded server runs under `data_dir`.
    database_url: str | None = Field(
        None, validation_alias=AliasChoices("FIRSTBELL_DATABASE_URL", "DATABASE_URL")
    )
    # LISTEN and migrations need a session of their own, which PgBouncer in transaction mode
    # does not give: then this one goes straight to the server.
    direct_database_url: str | None = None
    # The embedded server's data and the generated secret key live here.
    data_dir: Path = Path(".firstbell")
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    # Signs one-time links and encrypts secrets at rest. Made in `data_dir` for the embedded
    # server; with a DATABASE_URL it must be given, since every host must have the same one.
    secret_key: SecretStr | None = None
    # Connections per process. PostgreSQL's default is 100 in all: see docs/operations.md.
    pool_size: int = Field(10, ge=2, le=200)
    # A caller waits this long for a connection, then gets 503 instead of hanging.
    pool_timeout_seconds: float = Field(10.0, gt=0)
    # A statement that takes longer than this is a bug or an attack.
    statement_timeout_seconds: float = Field(60.0, gt=0)
    # Refuse larger bodies before they are read into memory.
    max_body_bytes: int = Field(2_000_000, gt=0)
    # Imports of schools and staff are files, so they may be larger.
    max_upload_bytes: int = Field(20_000_000, gt=0)
    # Rosters are streamed and never held in memory; a country's has some hundred megabytes.
    max_roster_bytes: int = Field(2_000_000_000, gt=0)
    # Cookies are only sent over TLS unless the service is on loopback.
    secure_cookies: bool = False
    # How long a sign-in lasts without use, and at most.
    session_idle_hours: int = Field(12, gt=0)
    session_max_days: int = Field(14, gt=0)
    # An answer to an Idempotency-Key is kept this long (published in the README).
    idempotency_hours: int = Field(24, gt=0)
    # Links in invitations and pages are made with this address; unset: the request's own host.
    public_url: str | None = None
    # /metrics answers these addresses without a token.
    metrics_trusted: tuple[str, ...] = ("127.0.0.1", "::1")
    # Proxies whose X-Forwarded-For is believed (comma-separated addresses, as uvicorn takes).
    trusted_proxies: str = "127.0.0.1"
    # Run the worker inside the API process. Off where `firstbell worker` runs separately.
    embedded_worker: bool = True
    # OpenID Connect sign-in appears when all three are set.
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    # Targets on addresses of private networks, and on loopback without TLS: only where whoever may
    # set targets up may also reach what is on them.
    private_targets: bool = False
    # Traces go to this OTLP/HTTP endpoint; unset: none are made.
    otlp_endpoint: str | None = None
    log_level: str = "INFO"
    # Lines for people on a terminal, JSON for machines.
    log_json: bool = False
