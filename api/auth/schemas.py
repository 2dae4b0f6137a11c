"""What comes in and goes out: sign-in, users, tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.auth.rules import PASSWORD_MAX, LinkPurpose, Right, Role
from api.http.strict import PatchIn, Strict

Email = Annotated[str, Field(max_length=254)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
# An id or a code.
Reference = Annotated[str, Field(min_length=1, max_length=200)]
References = Annotated[list[Reference], Field(min_length=1, max_length=1000)]


class SignInIn(Strict):
    # A password's spaces are its own.
    model_config = ConfigDict(str_strip_whitespace=False)

    email: Email
    password: Annotated[str, Field(max_length=PASSWORD_MAX)]


class WaysInOut(BaseModel):
    password: bool
    oidc: bool


class LinkIn(Strict):
    model_config = ConfigDict(str_strip_whitespace=False)

    token: Annotated[str, Field(max_length=200)]
    password: str | None = Field(None, max_length=4 * PASSWORD_MAX)


class PlaceOut(BaseModel):
    id: UUID
    code: str
    name: str


class MeOut(BaseModel):
    """The caller. `network: null` is every network, `schools: null` all of its schools."""

    actor: str
    name: str
    role: Role
    rights: list[Right]
    network: PlaceOut | None
    schools: list[PlaceOut] | None
    sees_names: bool


class UserIn(Strict):
    email: Email
    name: Name
    role: Role
    network: Reference | None = None
    schools: References | None = None
    sees_names: bool = False


class UserPatchIn(PatchIn):
    never_null: ClassVar[frozenset[str]] = frozenset(
        {"email", "name", "role", "sees_names", "active"}
    )

    email: Email | None = None
    name: Name | None = None
    role: Role | None = None
    network: Reference | None = None
    schools: References | None = None
    sees_names: bool | None = None
    active: bool | None = None


class UserOut(BaseModel):
    """A user. `network` and `schools` are codes; null as in `MeOut`."""

    id: UUID
    email: str
    name: str
    role: Role
    network: str | None
    schools: list[str] | None
    sees_names: bool
    active: bool
    has_password: bool
    last_sign_in_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class LinkOut(BaseModel):
    """A one-time link, shown once: in a replay `url` and `token` are null."""

    purpose: LinkPurpose
    url: str
    token: str
    expires_at: datetime


class InvitedOut(BaseModel):
    user: UserOut
    link: LinkOut


class TokenIn(Strict):
    name: Name
    role: Role
    # Null: every right of the role.
    scopes: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None
    network: Reference | None = None
    schools: References | None = None
    sees_names: bool = False
    expires_at: AwareDatetime | None = None


class TokenOut(BaseModel):
    """A token without its secret; `public_id` is the part after `fb_`."""

    id: UUID
    public_id: str
    name: str
    role: Role
    scopes: list[str] | None
    network: str | None
    schools: list[str] | None
    sees_names: bool
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """`token` is shown once: in a replay it is null."""

    token: str
