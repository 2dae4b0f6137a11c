"""What the accounts room refuses about single accounts, one class a reason."""

from __future__ import annotations

from typing import ClassVar

from api.errors import Conflict, Forbidden, NotFound


class AccountNotFound(NotFound):
    code: ClassVar[str] = "account-not-found"
    title: ClassVar[str] = "There is no such account, or you may not see it"


class UsernameTaken(Conflict):
    code: ClassVar[str] = "username-taken"
    title: ClassVar[str] = "Another student of the network has this username"


class UsernameBurnt(Conflict):
    """It was somebody else's, whose mail and files may still be there."""

    code: ClassVar[str] = "username-burnt"
    title: ClassVar[str] = "The username was another student's"


class StudentErased(Conflict):
    """Nothing is kept of them any more, and nothing is to be kept anew."""

    code: ClassVar[str] = "student-erased"
    title: ClassVar[str] = "The student of this id was erased"


class NamesHidden(Forbidden):
    """Who may not see names cannot ask for them one by one either."""

    code: ClassVar[str] = "names-hidden"
    title: ClassVar[str] = "You may not see students' names"
