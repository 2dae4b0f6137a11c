"""Finding one user at a SCIM server, without believing that its filters do what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from api.accounts.targets.adapter import Order, Remote, TargetFails
from api.accounts.targets.scim_http import Answer, ScimHttp
from api.accounts.targets.scim_wire import Listed, Offers, filter_of, read_list

# A server that ignores startIndex would be walked for ever.
_MOST_PAGES = 1_000_000
# Answers of a server that cannot filter (RFC 7644, 3.4.2 and 3.12).
_NO_FILTER = frozenset({400, 403, 404, 405, 501})
Matches = Callable[[Remote], bool]


def _of_key(order: Order) -> Matches:
    return lambda remote: remote.key == order.key


def _of_name(name: str) -> Matches:
    return lambda remote: remote.name.casefold() == name.casefold()


class Lookup:
    """`offers.filter` is dropped as soon as an answer shows that filters are not honoured."""

    def __init__(self, http: ScimHttp, offers: Offers) -> None:
        self._http = http
        self.offers = offers
        self._walked: list[Remote] | None = None

    def forget(self) -> None:
        """Something may have been made there since the server was walked through."""
        self._walked = None

    async def by_key(self, order: Order) -> Remote | None:
        """The account that carries our id, whatever it is called there."""
        return await self._find("externalId", order.key, _of_key(order))

    async def by_name(self, name: str, *, thorough: bool = False) -> Remote | None:
        """Who has a name. `thorough`: look at everybody where the filter finds nobody."""
        found = await self._find("userName", name, _of_name(name))
        if found is None and thorough and self.offers.filter:
            return await self._walk(_of_name(name))
        return found

    async def _find(self, attribute: str, value: str, matches: Matches) -> Remote | None:
        if self.offers.filter:
            answer = await self._http.get("/Users", filter=filter_of(attribute, value))
            listed = read_list(answer.body) if answer.status == 200 else None
            if listed is None and answer.status not in _NO_FILTER:
                raise _unusable(answer)
            found = next(filter(matches, listed.users), None) if listed else None
            if found is not None or (listed is not None and _honoured(listed)):
                return found
            self.offers = self.offers._replace(filter=False)
        return await self._walk(matches)

    async def _walk(self, matches: Matches) -> Remote | None:
        if self._walked is None:
            self._walked = [remote async for page in self.pages() for remote in page]
        return next(filter(matches, self._walked), None)

    async def pages(self) -> AsyncIterator[list[Remote]]:
        """Everybody. Raises: TargetFails (`incomplete`) where not all came that there are said
        to be, so that nobody is taken for missing who was only not shown.
        """
        known: set[str] = set()
        total = None
        for _ in range(_MOST_PAGES):
            at, count = str(len(known) + 1), str(self.offers.page)
            answer = await self._http.get("/Users", startIndex=at, count=count)
            listed = read_list(answer.body) if answer.status == 200 else None
            if listed is None:
                raise _unusable(answer)
            fresh = [one for one in listed.users if one.remote_id not in known]
            total = listed.total
            known.update(one.remote_id for one in fresh)
            if fresh:
                yield fresh
            if not fresh or (total is not None and len(known) >= total):
                break
        if total is not None and len(known) < total:
            raise TargetFails("incomplete")


def _honoured(listed: Listed) -> bool:
    """Nobody matched: then nobody may be there, or it was no answer to what was asked."""
    return not listed.users and not listed.total


def _unusable(answer: Answer) -> TargetFails:
    if answer.status in (401, 403):
        return TargetFails("credentials-refused", refused=True)
    if answer.hold is not None or answer.status == 429:
        return TargetFails("held", hold_seconds=answer.hold)
    return TargetFails("garbage" if answer.is_success else f"answered-{answer.status}")
