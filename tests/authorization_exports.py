"""Exports and login cards, and who may have them."""

from __future__ import annotations

from tests.authorization_rules import CALLERS, Case, Reach

# All of these may see accounts, and one of them the names on them.
_WITHOUT_NAMES = frozenset(CALLERS) - {"viewer_with_names"}
_EXPORT = "/v1/accounts/export?format=clever"

EXPORTS: dict[str, tuple[Case, ...]] = {
    "GET /v1/accounts/export": (
        Case("accounts:read", Reach.SCHOOL, f"{_EXPORT}&school={{school}}", barred=_WITHOUT_NAMES),
        Case(
            "accounts:read", Reach.NETWORK, f"{_EXPORT}&network={{network}}", barred=_WITHOUT_NAMES
        ),
        # To be given passwords is to be let in as somebody else.
        Case(
            "accounts:write",
            Reach.SCHOOL,
            f"{_EXPORT}&school={{school}}&passwords=true",
            barred=_WITHOUT_NAMES,
        ),
    ),
    "GET /v1/login-cards": (
        Case("accounts:read", Reach.SCHOOL, "/v1/login-cards?limit=1000", shows='"{school}"'),
        Case("accounts:read", Reach.NETWORK, "/v1/login-cards?network={network}"),
    ),
    "POST /v1/schools/{school}/initial-passwords": (
        Case("accounts:write", Reach.SCHOOL, "/v1/schools/{school}/initial-passwords", {}),
    ),
    "POST /v1/schools/{school}/login-cards": (
        Case(
            "accounts:write",
            Reach.SCHOOL,
            "/v1/schools/{school}/login-cards",
            {"undelivered": True},
            barred=_WITHOUT_NAMES,
        ),
    ),
}
