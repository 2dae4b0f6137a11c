"""A name that is taken at a SCIM server: by us, or by somebody whom a policy decides about."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from api.accounts.targets.adapter import Order, Remote, Result
from api.accounts.targets.rules import Action, Outcome, Policy
from api.accounts.targets.scim_answers import judged, result
from api.accounts.targets.scim_http import Answer, ScimHttp
from api.accounts.targets.scim_lookup import Lookup
from api.accounts.targets.scim_wire import call_of, is_as_desired
from api.accounts.username_rules import numbered

_MOST_NAMESAKES = 20


class Clash:
    """What is done about a 409. Raises as `ScimHttp` does.

    `found`: it was decided to take an account that was there before us.
    """

    def __init__(self, http: ScimHttp, lookup: Lookup, policy: Policy) -> None:
        self._http, self._lookup, self._policy = http, lookup, policy
        self.found = False

    async def solve(self, order: Order) -> Result:
        person = order.person
        assert person is not None, "only deleting needs no names, and takes none"
        # It may have been made since it was looked for: by a request of ours that arrived late.
        self._lookup.forget()
        if order.remote_id is None:
            ours = await self._lookup.by_key(order)
            if ours is not None:
                return await self._take(order, ours)
        if self._policy is Policy.rename:
            return await self._rename(order)
        if order.remote_id is not None:
            return result(order, Outcome.never, error="name-taken", doubtful=False)
        theirs = await self._lookup.by_name(order.remote_name or person.username, thorough=True)
        if theirs is not None and (theirs.key == order.key or self._may_adopt(order, theirs)):
            return await self._take(order, theirs)
        error = "name-taken" if theirs is not None else "name-taken-unseen"
        return result(order, Outcome.never, error=error, doubtful=False)

    def _may_adopt(self, order: Order, theirs: Remote) -> bool:
        return self._policy is Policy.adopt and not _is_another_students(order, theirs)

    async def _take(self, order: Order, found: Remote) -> Result:
        """Make what is there as it is to be.

        An account that no attempt of ours can have made keeps the password it has. Were its
        password waiting, it is first written down that the account is taken: after a kill this
        could not be told from one that we made and whose password is still to be sent.
        """
        ours, waits = order.doubtful and found.key == order.key, order.password is not None
        order = replace(
            order,
            action=Action.update,
            remote_id=found.remote_id,
            etag=found.etag,
            doubtful=False,
            password=order.password if ours and order.is_news else None,
        )
        self.found = not ours
        if self.found and waits:
            return result(order, Outcome.untried, found=True)
        if is_as_desired(order, found):
            return result(order, Outcome.done, found=self.found)
        return replace(judged(order, await self._call(order)), found=self.found)

    async def _rename(self, order: Order) -> Result:
        assert order.person is not None
        for number in range(2, _MOST_NAMESAKES + 2):
            named = replace(order, remote_name=numbered(order.person.username, number))
            answer = await self._call(named)
            if answer.status != 409 and answer.scim_type != "uniqueness":
                return judged(named, answer)
        return result(order, Outcome.never, error="name-taken", doubtful=False)

    async def _call(self, order: Order) -> Answer:
        return await self._http.call(*call_of(order, self._lookup.offers))


def _is_another_students(order: Order, theirs: Remote) -> bool:
    """Whether it carries the id of another account of ours, or of a FirstBell before us."""
    if theirs.key is None or theirs.key == order.key:
        return False
    try:
        UUID(theirs.key)
    except ValueError:
        return False
    return True
