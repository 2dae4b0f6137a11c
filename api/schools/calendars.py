"""Which days nobody works: weekends, public holidays by country and state, blackout days.

Holidays come from the `holidays` library, which is offline. Whoever asks for a calendar of the
same content gets the same objects, so 20,000 schools of a network share one set of days.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import holidays

from api.schools.errors import invalid
from api.schools.models import Network, NetworkCalendar
from api.schools.rules import weekend_problem

# Plans and their history: what lies further away keeps weekends and blackout days only.
YEARS_BACK = 2
YEARS_AHEAD = 7
LONGEST_BLACKOUT = 2000


class CalendarFacts(NamedTuple):
    """What day arithmetic needs: weekdays off (Monday is 0) and single days off."""

    weekend: frozenset[int]
    days_off: frozenset[date]


@dataclass(frozen=True, slots=True)
class NetworkDays:
    """A network's part of its schools' calendars."""

    country: str
    region: str | None
    observe_holidays: bool
    weekend: tuple[int, ...]
    blackout_days: tuple[date, ...]


def network_days(network: Network, calendar: NetworkCalendar) -> NetworkDays:
    return NetworkDays(
        country=network.country,
        region=network.region,
        observe_holidays=calendar.observe_holidays,
        weekend=tuple(sorted(calendar.weekend)),
        blackout_days=tuple(sorted(calendar.blackout_days)),
    )


def calendar_facts(
    network: NetworkDays, school_blackout: Iterable[date], today: date
) -> CalendarFacts:
    """A school's calendar from two years before `today` to seven years after, whole years."""
    years = (today.year - YEARS_BACK, today.year + YEARS_AHEAD)
    return _facts(network, tuple(sorted(school_blackout)), years)


@lru_cache(maxsize=1024)
def _facts(
    network: NetworkDays, school_blackout: tuple[date, ...], years: tuple[int, int]
) -> CalendarFacts:
    days = days_off(
        network.country,
        network.region,
        network.observe_holidays,
        range(max(years[0], 1), min(years[1], 9999) + 1),
        network_blackout=network.blackout_days,
        school_blackout=school_blackout,
    )
    return CalendarFacts(frozenset(network.weekend), days)


def days_off(
    country: str,
    region: str | None,
    observe: bool,
    years: Iterable[int],
    *,
    network_blackout: Iterable[date] = (),
    school_blackout: Iterable[date] = (),
) -> frozenset[date]:
    """Public holidays of those years, as observed, and all blackout days whenever they are.

    Raises: Invalid for a country or region the holidays library does not know.
    """
    days = {*network_blackout, *school_blackout}
    if observe:
        for year in years:
            days |= _public_holidays(country, region, year)
    return frozenset(days)


@lru_cache(maxsize=4096)
def _public_holidays(country: str, region: str | None, year: int) -> frozenset[date]:
    country, region = check_place(country, region)
    return frozenset(holidays.country_holidays(country, subdiv=region, years=year))


@lru_cache(maxsize=1)
def countries() -> dict[str, tuple[str, ...]]:
    """ISO 3166-1 alpha-2 codes, and the regions each is divided into for holidays."""
    supported = holidays.list_supported_countries(include_aliases=False)
    return {code: tuple(regions) for code, regions in supported.items() if len(code) == 2}


@lru_cache(maxsize=1024)
def check_place(country: str, region: str | None) -> tuple[str, str | None]:
    """Country and region as the holidays library spells them (`us`, `illinois` -> `US`, `IL`).

    Raises: Invalid naming the valid ones.
    """
    code = country.strip().upper()
    if code not in countries():
        raise invalid(
            "/country",
            "country-unknown",
            f"There is no country {country!r}. Use a two-letter code (ISO 3166): "
            f"{', '.join(sorted(countries()))}.",
        )
    if region is None:
        return code, None
    spellings = _region_spellings(code)
    known = spellings.get(region.strip().casefold().removeprefix(f"{code.casefold()}-"))
    if known is not None:
        return code, known
    if not spellings:
        detail = f"{code} has no regions with holidays of their own; leave the region out."
    else:
        detail = f"{code} has no region {region!r}. It has: {', '.join(countries()[code])}."
    raise invalid("/region", "region-unknown", detail)


def _region_spellings(country: str) -> dict[str, str]:
    """Codes and the library's other names of a country's regions, without case."""
    spellings: dict[str, str] = {}
    for code, names in holidays.country_holidays(country).get_subdivision_aliases().items():
        for name in names:
            spellings.setdefault(str(name).casefold(), code)
    return spellings | {code.casefold(): code for code in countries()[country]}


def check_weekend(weekend: Iterable[int]) -> list[int]:
    """The weekdays in order. Raises: Invalid when one is no weekday, named twice, or all are."""
    days = list(weekend)
    problem = weekend_problem(days)
    if problem:
        raise invalid("/weekend", "weekend-invalid", problem)
    return sorted(days)


def check_blackout(days: Iterable[date]) -> list[date]:
    """The days in order, each once. Raises: Invalid when there are unreasonably many."""
    unique = sorted(set(days))
    if len(unique) > LONGEST_BLACKOUT:
        detail = f"At most {LONGEST_BLACKOUT} blackout days can be kept; these are {len(unique)}."
        raise invalid("/blackout_days", "too-many-days", detail)
    return unique
