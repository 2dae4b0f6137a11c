"""The SCIM 2.0 adapter (RFC 7643, 7644): one account by one request, or many by Bulk.

An account is made exactly once although answers get lost: whatever may have been made is looked
for, by the id that we gave it, before it is made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import httpx

from api.accounts.targets.adapter import (
    Connection,
    Fuse,
    Order,
    Pacing,
    Remote,
    Result,
    TargetFails,
)
from api.accounts.targets.rules import Action, Desired, Outcome
from api.accounts.targets.scim_answers import doubted, judged, result
from api.accounts.targets.scim_clash import Clash
from api.accounts.targets.scim_http import Answer, ScimHttp, TooMuch, answer_of
from api.accounts.targets.scim_lookup import Lookup
from api.accounts.targets.scim_wire import (
    Offers,
    bulk,
    bulk_requests,
    call_of,
    differing,
    is_as_desired,
    known_offers,
    quoted,
    read_bulk,
    read_offers,
    read_user,
)

# More than this in one Bulk request, and a slow server's answer would be waited for in vain.
_BULK_OPERATIONS = 100
_NO_BULK = frozenset({400, 404, 405, 501})
_NO_PATCH = frozenset({405, 501})
_NO_DISCOVERY = frozenset({404, 405, 501})


class ScimAdapter:
    """See `adapter.Adapter`. Raises on entering: TargetFails when it is no SCIM server for us."""

    def __init__(self, connection: Connection, pacing: Pacing, fuse: Fuse) -> None:
        self._connection, self._fuse = connection, fuse
        self._http = ScimHttp(connection, pacing)
        self._turns = asyncio.Semaphore(connection.concurrency)
        self._lookup = Lookup(self._http, Offers())

    async def __aenter__(self) -> ScimAdapter:
        await self._http.__aenter__()
        try:
            known = self._connection.offers
            self._lookup.offers = known_offers(known) if known else await self._discover()
        except BaseException:
            await self._http.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    @property
    def offers(self) -> dict[str, Any]:
        return self._offers._asdict()

    @property
    def _offers(self) -> Offers:
        return self._lookup.offers

    @property
    def most_at_once(self) -> int:
        each = min(self._offers.bulk_operations, _BULK_OPERATIONS) if self._offers.bulk else 1
        return each * self._connection.concurrency

    async def _discover(self) -> Offers:
        """What the server says of itself; a server that says nothing gets the simplest requests.

        Raises: TargetFails.
        """
        said: list[Any] = []
        for path in ("/ServiceProviderConfig", "/ResourceTypes"):
            try:
                answer = await self._http.get(path)
            except (httpx.HTTPError, TimeoutError, TooMuch) as error:
                raise TargetFails(doubted(error).code) from error
            if answer.status in _NO_DISCOVERY:
                said.append(None)
            elif answer.status in (401, 403):
                raise TargetFails("credentials-refused", refused=True)
            elif answer.status != 200 or not isinstance(answer.body, dict | list):
                raise TargetFails("garbage" if answer.is_success else f"answered-{answer.status}")
            else:
                said.append(answer.body)
        return read_offers(*said)

    async def carry_out(self, orders: Sequence[Order]) -> list[Result]:
        """One result for each order; those that were not begun in time are `untried`."""
        by_bulk = [one for one in orders if self._offers.bulk and not _needs_looking(one)]
        if len(by_bulk) < 2:
            by_bulk = []
        chosen = {one.account_id for one in by_bulk}
        singly = [one for one in orders if one.account_id not in chosen]
        done = await asyncio.gather(
            *(self._one(one) for one in singly),
            *(self._many(some, body) for some, body in self._packed(by_bulk)),
        )
        return [found for each in done for found in each]

    def _packed(self, orders: list[Order]) -> list[tuple[list[Order], bytes]]:
        calls = [(one, call_of(one, self._offers)) for one in orders]
        most = min(self._offers.bulk_operations, _BULK_OPERATIONS)
        packed, at = [], 0
        for body, count in bulk_requests(
            list(bulk(calls)), self._offers._replace(bulk_operations=most)
        ):
            packed.append((orders[at : at + count], body))
            at += count
        return packed

    async def _many(self, orders: list[Order], body: bytes) -> list[Result]:
        """A Bulk request; where the server does not have that after all, one by one."""
        async with self._turns:
            if self._blown():
                return [result(one, Outcome.untried) for one in orders]
            try:
                answer = await self._http.send("POST", "/Bulk", body, weight=len(orders))
            except (httpx.HTTPError, TimeoutError, TooMuch, TargetFails) as error:
                why = doubted(error)
                return self._noted([self._failed(one, why) for one in orders], once=True)
            found = await self._unpacked(orders, answer)
        if found is not None:
            return found
        # As if there had been no Bulk, or in smaller ones from now on.
        fewer = len(orders) // 2 if answer.status == 413 else 0
        self._lookup.offers = self._offers._replace(bulk_operations=fewer)
        return [one for order in orders for one in await self._one(order)]

    async def _unpacked(self, orders: list[Order], answer: Answer) -> list[Result] | None:
        """Null where the server does not take this as a Bulk request at all."""
        if answer.status in _NO_BULK or answer.status == 413:
            return None
        if not answer.is_success:
            return self._noted([judged(one, answer) for one in orders], once=True)
        answers = read_bulk(answer.body)
        if answers is None:
            garbage = TargetFails("garbage")
            return self._noted([self._failed(one, garbage) for one in orders], once=True)
        found = [
            await self._settled(one, answer_of(answers[one.key]))
            if one.key in answers
            else result(one, Outcome.again, error="not-answered", doubtful=True)
            for one in orders
        ]
        return self._noted(found)

    async def _one(self, order: Order) -> list[Result]:
        async with self._turns:
            if self._blown():
                return [result(order, Outcome.untried)]
            try:
                found = await self._carried(order)
            except (httpx.HTTPError, TimeoutError, TooMuch, TargetFails) as error:
                found = self._failed(order, doubted(error))
        return self._noted([found])

    async def _carried(self, order: Order) -> Result:
        if _needs_looking(order):
            found = await self._lookup.by_key(order)
            if found is None and order.desired is not Desired.active:
                return result(order, Outcome.done)
            if found is not None:
                order = _of_found(order, found)
                if is_as_desired(order, found):
                    return result(order, Outcome.done)
        call = call_of(order, self._offers)
        answer = await self._http.call(*call)
        if call.method == "PATCH" and answer.status in _NO_PATCH:
            self._lookup.offers = self._offers._replace(patch=False)
            answer = await self._http.call(*call_of(order, self._offers))
        return await self._settled(order, answer)

    async def _settled(self, order: Order, answer: Answer) -> Result:
        """The end of an order that was answered, with what else that may take."""
        if answer.status == 412:
            return await self._anew(order)
        clashes = answer.status == 409 or answer.scim_type == "uniqueness"
        if clashes and order.action is not Action.delete:
            clash = Clash(self._http, self._lookup, self._connection.policy)
            try:
                return await clash.solve(order)
            except (httpx.HTTPError, TimeoutError, TooMuch, TargetFails) as error:
                return replace(self._failed(order, doubted(error)), found=clash.found)
        return judged(order, answer)

    async def _anew(self, order: Order) -> Result:
        """Somebody else has changed it there: what is desired still is, on the newer version."""
        answer = await self._http.get(f"/Users/{quoted(order.remote_id)}")
        found = read_user(answer.body) if answer.status == 200 else None
        if found is None:
            return judged(order, answer)
        order = replace(order, etag=found.etag)
        if is_as_desired(order, found):
            return result(order, Outcome.done)
        answer = await self._http.call(*call_of(order, self._offers))
        return judged(order, answer)

    def _failed(self, order: Order, why: TargetFails) -> Result:
        self._lookup.forget()
        return result(
            order,
            Outcome.untried if why.refused or why.code == "held" else Outcome.again,
            error=why.code,
            doubtful=order.doubtful or (order.remote_id is None and why.code != "unreachable"),
            outage=True,
            refused=why.refused,
            hold_seconds=(why.hold_seconds or 30.0) if why.code == "held" else None,
        )

    def _blown(self) -> bool:
        return self._fuse.blown(asyncio.get_running_loop().time())

    def _noted(self, results: list[Result], *, once: bool = False) -> list[Result]:
        """`once`: they are of one request, which failed once."""
        for found in results[:1] if once else results:
            self._fuse.note(found)
        return results

    def read_back(self) -> AsyncIterator[list[Remote]]:
        return self._pages()

    async def _pages(self) -> AsyncIterator[list[Remote]]:
        try:
            async for page in self._lookup.pages():
                yield page
        except (httpx.HTTPError, TimeoutError, TooMuch) as error:
            raise TargetFails(doubted(error).code) from error

    def differing(self, order: Order, remote: Remote) -> list[str]:
        return differing(order, remote)


def _needs_looking(order: Order) -> bool:
    """Whether it may be there without our knowing its id."""
    return order.remote_id is None and (order.doubtful or order.action is Action.delete)


def _of_found(order: Order, found: Remote) -> Order:
    action = Action.delete if order.desired is Desired.deleted else Action.update
    return replace(
        order,
        action=action,
        remote_id=found.remote_id,
        etag=found.etag,
        password=order.password if order.is_news else None,
    )
