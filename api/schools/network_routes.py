"""`/v1/networks` and their sites."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from api.auth.dependencies import Reading, Writing, current_caller
from api.db.uow import ReadSession
from api.http.conditional import check_if_match, mark, not_modified, not_modified_response
from api.http.paging import ListOut, PageParams, set_link
from api.http.route import TransactionalRoute
from api.schools import service
from api.schools.callers import ReadsSchools, WritesNetworks, WritesSchools, etag_of_row
from api.schools.models import Network
from api.schools.queries import (
    calendars_of,
    find_network,
    find_site,
    list_networks,
    list_sites,
)
from api.schools.schemas import (
    NetworkIn,
    NetworkOut,
    NetworkPatch,
    SiteIn,
    SiteOut,
    SitePatch,
    network_out,
    site_out,
)

router = APIRouter(
    prefix="/v1",
    tags=["networks"],
    route_class=TransactionalRoute,
    dependencies=[Depends(current_caller)],
)


async def _networks_out(session: ReadSession, *networks: Network) -> list[NetworkOut]:
    calendars = await calendars_of(session, (network.id for network in networks))
    return [network_out(network, calendars[network.id]) for network in networks]


@router.get("/networks")
async def networks(
    request: Request, response: Response, caller: ReadsSchools, session: Reading, page: PageParams
) -> ListOut[NetworkOut]:
    """Networks, by name or code."""
    found = await list_networks(session, caller, page)
    set_link(request, response, found)
    return ListOut(items=await _networks_out(session, *found.items))


@router.post("/networks", status_code=201)
async def add_network(
    response: Response, given: NetworkIn, caller: WritesNetworks, session: Writing
) -> NetworkOut:
    """A new network; its country and region decide the public holidays of its schools."""
    network, calendar = await service.add_network(session, caller, given)
    mark(response, etag_of_row(network))
    response.headers["location"] = f"/v1/networks/{network.id}"
    return network_out(network, calendar)


@router.get("/networks/{network}", response_model=NetworkOut)
async def read_network(
    request: Request, response: Response, network: str, caller: ReadsSchools, session: Reading
) -> NetworkOut | Response:
    """A network's settings and calendar."""
    found = await find_network(session, caller, network)
    if not_modified(request, etag_of_row(found)):
        return not_modified_response(etag_of_row(found))
    mark(response, etag_of_row(found))
    return (await _networks_out(session, found))[0]


@router.patch("/networks/{network}")
async def change_network(
    *,
    request: Request,
    response: Response,
    network: str,
    given: NetworkPatch,
    caller: WritesNetworks,
    session: Writing,
) -> NetworkOut:
    """Change settings, calendar or blackout days. Schools keep timezones of their own."""
    found = await find_network(session, caller, network)
    caller.require_network(found.id)
    check_if_match(request, etag_of_row(found))
    changed, calendar = await service.change_network(session, found, given)
    mark(response, etag_of_row(changed))
    return network_out(changed, calendar)


@router.get("/networks/{network}/sites")
async def sites(
    *,
    request: Request,
    response: Response,
    network: str,
    caller: ReadsSchools,
    session: Reading,
    page: PageParams,
) -> ListOut[SiteOut]:
    """A network's warehouses and offices."""
    owner = await find_network(session, caller, network)
    found = await list_sites(session, owner, page)
    set_link(request, response, found)
    return ListOut(items=[site_out(site, owner) for site in found.items])


@router.post("/networks/{network}/sites", status_code=201)
async def add_site(
    response: Response, network: str, given: SiteIn, caller: WritesSchools, session: Writing
) -> SiteOut:
    """A new site; without a code one is made from its name."""
    owner = await find_network(session, caller, network)
    caller.require_network(owner.id)
    site = await service.add_site(session, owner, given)
    mark(response, etag_of_row(site))
    response.headers["location"] = f"/v1/networks/{owner.id}/sites/{site.id}"
    return site_out(site, owner)


@router.get("/networks/{network}/sites/{site}", response_model=SiteOut)
async def read_site(
    *,
    request: Request,
    response: Response,
    network: str,
    site: str,
    caller: ReadsSchools,
    session: Reading,
) -> SiteOut | Response:
    """One site, by its id or its code."""
    owner = await find_network(session, caller, network)
    found = await find_site(session, owner, site)
    if not_modified(request, etag_of_row(found)):
        return not_modified_response(etag_of_row(found))
    mark(response, etag_of_row(found))
    return site_out(found, owner)


@router.patch("/networks/{network}/sites/{site}")
async def change_site(
    *,
    request: Request,
    response: Response,
    network: str,
    site: str,
    given: SitePatch,
    caller: WritesSchools,
    session: Writing,
) -> SiteOut:
    """Change a site's name or kind."""
    owner = await find_network(session, caller, network)
    caller.require_network(owner.id)
    found = await find_site(session, owner, site)
    check_if_match(request, etag_of_row(found))
    changed = await service.change_site(session, found, given)
    mark(response, etag_of_row(changed))
    return site_out(changed, owner)
