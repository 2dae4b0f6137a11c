"""What is refused about passwords and cards, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict


class NoPasswordsWait(Conflict):
    code: ClassVar[str] = "no-passwords-wait"
    title: ClassVar[str] = "There are no passwords to hand out"


class PasswordsUndelivered(Conflict):
    """`undelivered` is how many of the passwords no system knows."""

    code: ClassVar[str] = "passwords-undelivered"
    title: ClassVar[str] = "No system has been told these passwords"
