"""What intake and the care of vendors refuse, as sentences."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, Unauthorized, Unavailable


class SignatureRefused(Unauthorized):
    """What was posted is not proven to come from the vendor; nothing of it is kept."""

    code: ClassVar[str] = "signature-refused"
    title: ClassVar[str] = "The signature does not prove who sent this"


class IntakeFull(Unavailable):
    """More is waiting to be written than may be held in memory; a vendor sends it again."""

    code: ClassVar[str] = "intake-full"
    title: ClassVar[str] = "More arrives than can be written right now"


class SlugTaken(Conflict):
    code: ClassVar[str] = "slug-taken"
    title: ClassVar[str] = "Another vendor has this slug"


class NoSecretOfOurs(Conflict):
    """The vendor signs with a private key of its own, so there is no secret to share."""

    code: ClassVar[str] = "signs-with-own-key"
    title: ClassVar[str] = "This vendor signs with a key of its own"


class SecretMissing(Conflict):
    """Nothing the vendor sends could be believed."""

    code: ClassVar[str] = "secret-missing"
    title: ClassVar[str] = "The vendor has no secret"
