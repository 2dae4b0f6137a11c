"""A target's bearer token: sealed at rest, never shown again, opened where it is sent."""

from __future__ import annotations

from uuid import UUID

from api.accounts.targets.models import Target
from api.errors import Invalid
from api.sealing import Sealer, sealer_of
from api.settings import Settings


def sealer_for(settings: Settings) -> Sealer:
    """Raises: Invalid without a secret key, which every command that serves makes sure of."""
    if settings.secret_key is None:
        raise Invalid("FIRSTBELL_SECRET_KEY is not set: it encrypts the tokens of targets.")
    return sealer_of(settings.secret_key.get_secret_value())


def sealed_token(sealer: Sealer, target_id: UUID, token: str | None) -> bytes | None:
    return None if token is None else sealer.seal(token.encode(), _purpose(target_id))


def token_of(sealer: Sealer, target: Target) -> str | None:
    """Raises: Unsealable when it was sealed under another secret key."""
    return sealer.open(target.sealed, _purpose(target.id)).decode() if target.sealed else None


def _purpose(target_id: UUID) -> bytes:
    return b"target token " + target_id.bytes
