"""What can go wrong with users, tokens and signing in."""

from __future__ import annotations

from api.errors import Conflict, Forbidden, Invalid, TooManyRequests, Unauthorized


class WrongCredentials(Unauthorized):
    """One answer for an unknown email, a wrong password and somebody deactivated."""

    code = "wrong-credentials"
    title = "The email or the password is wrong"


class SignInThrottled(TooManyRequests):
    code = "sign-in-throttled"
    title = "Too many attempts to sign in"


class LinkSpent(Unauthorized):
    """One answer for an unknown, used and expired link."""

    code = "link-spent"
    title = "This link has expired or was used already"


class SignInElsewhereRefused(Unauthorized):
    code = "oidc-refused"
    title = "The identity provider's answer does not sign anybody in"


class EmailTaken(Conflict):
    code = "email-taken"
    title = "Somebody already has this email address"


class LastAdmin(Conflict):
    code = "last-admin"
    title = "Without this admin nobody could manage users"


class MoreThanYouHave(Forbidden):
    code = "more-than-you-have"
    title = "Nobody gives more than they have"


class PasswordRefused(Invalid):
    code = "password-refused"
    title = "Choose another password"


class PasswordNeeded(Invalid):
    code = "password-needed"
    title = "This link sets a password"


class ForeignOrigin(Forbidden):
    code = "foreign-origin"
    title = "Another site's page may not do this"
