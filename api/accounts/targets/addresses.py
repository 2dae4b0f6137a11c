"""Where targets may be: a typed address must not reach into our own network (OWASP API7:2023).

The address is resolved once, checked, and the very address that was checked is connected to, so
that a name that is resolved again cannot lead elsewhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket

import httpx

from api.accounts.targets.adapter import TargetFails

_NO_ADDRESS = "This is not an address such as https://target.example.org/scim/v2."
# Labels of letters, digits and hyphens (RFC 1123, 2.1), of other scripts as they travel.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


def url_fault(url: str, *, may_be_private: bool) -> str | None:
    """Why this is no address for a target, as a sentence; null when it is one."""
    try:
        parsed = httpx.URL(url)
        literal = _literal(parsed.host)
    except (httpx.InvalidURL, ValueError):
        return _NO_ADDRESS
    if parsed.userinfo or parsed.query or parsed.fragment or not parsed.host:
        return "Give the address alone: no credentials, no query, no fragment."
    name = parsed.raw_host.decode("ascii", "replace")
    if literal is None and (_NAME.fullmatch(name) is None or len(name) > 253):
        return _NO_ADDRESS
    if parsed.port is not None and not 0 < parsed.port < 1 << 16:
        return "A port is between 1 and 65535."
    plain = parsed.scheme == "http" and may_be_private and _is_loopback(parsed.host, literal)
    if parsed.scheme != "https" and not plain:
        return "Accounts travel over https only."
    if literal is not None and not may_be_private and not literal.is_global:
        return "This is an address of a private network; FIRSTBELL_PRIVATE_TARGETS allows those."
    return None


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: the server that a valid address names."""
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host, parsed.port


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str, literal: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    return host == "localhost" if literal is None else literal.is_loopback


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    # ::ffff:10.0.0.1 is 10.0.0.1.
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_global and not address.is_multicast


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects to the addresses of one host that were checked, and to nothing else.

    Raises: TargetFails (`address-refused`, `address-unknown`).
    """

    def __init__(self, *, connections: int, may_be_private: bool) -> None:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._inner = httpx.AsyncHTTPTransport(limits=limits, retries=0, trust_env=False)
        self._may_be_private = may_be_private
        self._checked: dict[str, str] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        address = self._checked.get(host)
        if address is None:
            address = self._checked[host] = await self._resolved(host, request.url.port or 443)
        if address != host:
            # The certificate is still asked for the name, and the Host header says it.
            request.extensions = {**request.extensions, "sni_hostname": host}
            request.url = request.url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _resolved(self, host: str, port: int) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, ValueError) as error:
            raise TargetFails("address-unknown") from error
        # The older kind first: where both are offered, not every network has a way for the newer.
        addresses = sorted((str(one[4][0]) for one in found), key=lambda one: ":" in one)
        if not self._may_be_private and not all(map(_is_public, addresses)):
            raise TargetFails("address-refused")
        return addresses[0]
