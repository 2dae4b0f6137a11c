"""Signed requests by others: each scheme's reference vector, one request that has to be believed.

Standard Webhooks' first is of its own test suite; EasyPost's and the others were made with the
vendors' libraries or with openssl, over bodies as the vendors write them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.devices.rules import Scheme
from api.webhooks.keys import Keys, key_of_secret, public_keys_of
from api.webhooks.signatures import Posted

_FILE = Path(__file__).with_name("vectors.json")


@dataclass(frozen=True, slots=True)
class Vector:
    """`at` is the moment of signing, in seconds; `signs` names the header that is the proof."""

    name: str
    scheme: Scheme
    secret: str
    jwks: dict[str, Any] | None
    at: float
    signs: str
    headers: dict[str, str]
    body: bytes

    @property
    def keys(self) -> Keys:
        if self.jwks is not None:
            return Keys(public=public_keys_of(self.jwks))
        return Keys([key_of_secret(self.scheme, self.secret)])

    def posted(self, body: bytes | None = None, **changed: str | None) -> Posted:
        """The request, with other header values, or without those that are None."""
        return self.changed(
            {name.replace("_", "-"): value for name, value in changed.items()}, body
        )

    def changed(self, changes: Mapping[str, str | None], body: bytes | None = None) -> Posted:
        headers = {**self.headers, **changes}
        raw = [(k.encode(), v.encode()) for k, v in headers.items() if v is not None]
        return Posted(raw, self.body if body is None else body)


def _load() -> list[Vector]:
    return [
        Vector(
            name=one["name"],
            scheme=Scheme(one["scheme"]),
            secret=one.get("secret", ""),
            jwks=one.get("jwks"),
            at=float(one["at"]),
            signs=one["signs"],
            headers=one["headers"],
            body=one["body"].encode(),
        )
        for one in json.loads(_FILE.read_text())
    ]


VECTORS = _load()
BY_NAME = {vector.name: vector for vector in VECTORS}
STANDARD = [vector for vector in VECTORS if vector.scheme is Scheme.STANDARD]
# One of each scheme.
EACH = list({vector.scheme: vector for vector in reversed(VECTORS)}.values())
