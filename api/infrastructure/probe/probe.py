#!/usr/bin/env python3
"""FirstBell's probe: what a laptop in this building can reach, and how fast.

    python3 probe.py --school KIPP-ASCEND --code XXXXX-XXXXX-...

It looks up, connects to and shakes hands with each service of its list, measures how fast the
FirstBell server answers, writes all of it to a file, and posts that. Without a connection to the
server the file stays, and `--post FILE` sends it later. It needs Python 3.8 and nothing else, and
neither reads nor sends anything about this laptop or its users.

Exit codes: 0 done; 1 the report is written but not posted; 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import email.utils
import hmac
import http.client
import ipaddress
import json
import os
import platform
import re
import socket
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

VERSION = 1
# FirstBell writes its address, the school's code and the list of services in between.
EMBEDDED = r"""
{}
"""
TIMEOUT = 8.0
CONNECTS = 3
AT_ONCE = 4
BLOCK, SMALLEST_REQUEST, LARGEST_REQUEST = 65_536, 262_144, 8_388_608
# Object identifiers of a certificate's names, as DER has them (X.520: 2.5.4.3 and 2.5.4.10).
COMMON_NAME = b"\x55\x04\x03"
ORGANISATION = b"\x55\x04\x0a"


def say(text: str) -> None:
    # An issuer may be from anywhere, and some terminals write ASCII only.
    sys.stdout.write(text.encode("ascii", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


def parsed(text: bytes) -> dict[str, Any]:
    """A JSON object, empty where it is none: something in between may answer with its own page."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def milliseconds_since(start: float) -> float:
    return round((time.perf_counter() - start) * 1000, 2)


def reason(error: BaseException) -> str:
    """A short text without addresses of this laptop."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate: {error.verify_message}"
    if isinstance(error, socket.gaierror):
        return "the name was not found"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return "timeout"
    return type(error).__name__


def element(der: bytes, at: int) -> tuple[int, int, int]:
    """Tag, begin and end of the content of the DER element at `at` (X.690, 8.1)."""
    tag, length, begin = der[at], der[at + 1], at + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(der[at + 2 : begin], "big")
    return tag, begin, begin + length


def issuer_of(der: bytes) -> dict[str, str | None]:
    """Organisation and name of who signed a certificate (RFC 5280, 4.1).

    Read here, since the standard library tells it only of certificates that it believes.
    """
    _, at, _ = element(der, element(der, 0)[1])
    if der[at] == 0xA0:
        at = element(der, at)[2]
    for _field in ("serial number", "signature"):
        at = element(der, at)[2]
    names: dict[bytes, str] = {}
    _, at, end = element(der, at)
    while at < end:
        _, pair, after = element(der, at)
        _, kind, _ = element(der, pair)
        _, begin, kind_end = element(der, kind)
        tag, value, value_end = element(der, kind_end)
        coding = "utf-16-be" if tag == 0x1E else "utf-8"
        names[der[begin:kind_end]] = der[value:value_end].decode(coding, "replace")[:200]
        at = after
    return {"organisation": names.get(ORGANISATION), "name": names.get(COMMON_NAME)}


def look_up(host: str, port: int) -> tuple[dict[str, Any], list[Any]]:
    start = time.perf_counter()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return {"ok": False, "ms": milliseconds_since(start), "error": reason(error)}, []
    addresses = [ipaddress.ip_address(str(one[4][0]).split("%")[0]) for one in found]
    # A filter that answers for others often names an address of the building.
    private = any(one.is_private for one in addresses)
    return {"ok": True, "ms": milliseconds_since(start), "private": private}, found


def connect(found: list[Any]) -> socket.socket:
    """A connection to the first address that answers. Raises: OSError."""
    for address in [one[4][:2] for one in found[:3]]:
        try:
            return socket.create_connection(address, TIMEOUT)
        except OSError as error:
            failed = error
    raise failed


def reach(found: list[Any]) -> dict[str, Any]:
    """Connect some times: the quickest says how far away the service is."""
    times = []
    for _ in range(CONNECTS):
        start = time.perf_counter()
        try:
            connect(found).close()
        except OSError as error:
            return {"ok": False, "error": reason(error)}
        times.append(milliseconds_since(start))
    return {"ok": True, "ms": min(times)}


def shake_hands(service: dict[str, Any], found: list[Any]) -> tuple[dict[str, Any], int | None]:
    """What TLS says, and the status of one answer; where it is not believed, only who signed."""
    told: dict[str, Any] = {"verified": True}
    context = ssl.create_default_context()
    for _try in range(2):
        try:
            connection = connect(found)
            start = time.perf_counter()
            with context.wrap_socket(connection, server_hostname=service["host"]) as secured:
                told["ms"] = milliseconds_since(start)
                told["issuer"] = issuer_of(secured.getpeercert(True) or b"")
                # Since Python 3.13: every certificate that was sent.
                sent: list[bytes] = getattr(secured, "get_unverified_chain", list)()
                told["chain"] = [issuer_of(one)["organisation"] for one in sent[:8]]
                return told, ask(secured, service) if told["verified"] else None
        except OSError as error:
            told.update(verified=False, error=told.get("error", reason(error)))
            # Such as 62, the name does not match: somebody else answers (OpenSSL's codes).
            told.setdefault("code", getattr(error, "verify_code", None))
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
    return told, None


def ask(secured: ssl.SSLSocket, service: dict[str, Any]) -> int | None:
    """The status of the answer to one request, None without an answer."""
    request = f"GET {service.get('path', '/')} HTTP/1.1\r\nHost: {service['host']}\r\n"
    rest = "User-Agent: firstbell-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    try:
        secured.sendall((request + rest).encode())
        line = secured.makefile("rb").readline(200).split()
    except OSError:
        return None
    return int(line[1]) if len(line) > 1 and line[1].isdigit() else None


def examine(service: dict[str, Any]) -> dict[str, Any]:
    """All that can be found out about one service; never raises."""
    result: dict[str, Any] = {"id": service["id"], "host": service["host"]}
    port = service.get("port", 443)
    result["dns"], found = look_up(service["host"], port)
    if not found:
        return result
    result["tcp"] = reach(found)
    if result["tcp"]["ok"]:
        try:
            result["tls"], result["status"] = shake_hands(service, found)
        except (ValueError, IndexError) as error:
            result["tls"] = {"verified": False, "error": reason(error)}
    return result


def verdict(result: dict[str, Any]) -> str:
    """One service in a few words; the server judges, this only keeps a technician company."""
    for step, trouble in (("dns", "not found"), ("tcp", "not reachable")):
        if not result.get(step, {}).get("ok"):
            return f"{trouble} ({result.get(step, {}).get('error')})"
    tls = result["tls"]
    if not tls["verified"]:
        signed = (tls.get("issuer") or {}).get("organisation")
        return f"TLS NOT BELIEVED, signed by {signed or 'nobody known'} ({tls['error']})"
    return f"{result['tcp']['ms']:.0f} ms, TLS by {tls['issuer']['organisation']}"


def examine_all(services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(examine, service) for service in services]
        for number, done in enumerate(as_completed(waiting), 1):
            results.append(done.result())
            told = f"{results[-1]['host']}: {verdict(results[-1])}"
            say(f"  [{number:2}/{len(services)}] {told}")
    return sorted(results, key=lambda one: str(one["id"]))


def signature(code: str, signed: bytes) -> str:
    key = re.sub("[^0-9A-Z]", "", code.upper()).encode()
    return "v1=" + hmac.new(key, signed, "sha256").hexdigest()


class Streams:
    """Several connections at once, counting bytes until time is up."""

    def __init__(self, options: argparse.Namespace, method: str) -> None:
        self.options, self.method = options, method
        self.base = urllib.parse.urlsplit(options.server)
        self.error: str | None = None
        self.until = time.monotonic() + options.seconds
        self.block = os.urandom(BLOCK)

    def run(self) -> dict[str, Any]:
        start = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            count = sum(pool.map(self.stream, range(AT_ONCE)))
        if self.error and not count:
            return {"error": self.error}
        took = round(time.monotonic() - start, 3)
        return {"bytes": count, "seconds": took, "connections": AT_ONCE}

    def stream(self, _number: int) -> int:
        plain, secure = http.client.HTTPConnection, http.client.HTTPSConnection
        kind = secure if self.base.scheme == "https" else plain
        connection = kind(self.base.hostname or "", self.base.port, timeout=TIMEOUT)
        count, size = 0, SMALLEST_REQUEST
        try:
            while time.monotonic() < self.until and self.error is None:
                start = time.monotonic()
                count += self.request(connection, size)
                if time.monotonic() - start < 0.5:
                    size = min(size * 2, LARGEST_REQUEST)
        except (OSError, http.client.HTTPException) as error:
            self.error = reason(error)
        connection.close()
        return count

    def request(self, connection: http.client.HTTPConnection, size: int) -> int:
        options, path = self.options, "/v1/probe/throughput"
        at = int(time.time() + options.offset)
        query = urllib.parse.urlencode({"school": options.school, "bytes": size, "at": at})
        signed = signature(options.code, f"{self.method} {path}?{query}".encode())
        headers, body = {"FirstBell-Signature": signed}, None
        if self.method == "POST":
            headers["Content-Length"] = str(size)
            body = (self.block for _ in range(size // BLOCK))
        connection.request(self.method, f"{self.base.path}{path}?{query}", body, headers)
        answer = connection.getresponse()
        if answer.status not in (200, 204):
            self.error = f"the server answered {answer.status}"
            return 0
        got = size if self.method == "POST" else 0
        while self.method == "GET" and time.monotonic() < self.until:
            block = answer.read(BLOCK)
            if not block:
                break
            got += len(block)
        # Cut short, the rest would be taken for the next answer.
        if not answer.isclosed():
            connection.close()
        return got


def throughput(options: argparse.Namespace) -> dict[str, Any]:
    measured = {}
    for name, method in (("download", "GET"), ("upload", "POST")):
        found = measured[name] = Streams(options, method).run()
        if "error" in found:
            say(f"  {name}: not measured ({found['error']})")
        else:
            say(f"  {name}: {found['bytes'] * 8 / found['seconds'] / 1e6:.1f} Mbps")
    return measured


def clock_offset(server: str) -> float | None:
    """Seconds to add to this laptop's clock; None when the server cannot be asked."""
    try:
        with urllib.request.urlopen(server + "/healthz", timeout=TIMEOUT) as answer:  # noqa: S310 (checked)
            told = email.utils.parsedate_to_datetime(answer.headers["Date"])
    except (OSError, TypeError, ValueError):
        return None
    # The header has whole seconds, so nothing under two is said by it.
    offset = told.timestamp() - time.time()
    return round(offset, 1) if abs(offset) > 2 else 0.0


def post(options: argparse.Namespace, path: Path) -> int:
    body = path.read_bytes()
    school = urllib.parse.quote(str(parsed(body).get("school", "")), safe="")
    request = urllib.request.Request(  # noqa: S310 (its scheme was checked)
        f"{options.server}/v1/schools/{school}/probe-reports",
        body,
        {"Content-Type": "application/json", "FirstBell-Signature": signature(options.code, body)},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 (checked)
            told = parsed(answer.read())
        posted = f"Posted: {told['outcome']}, {len(told['results'])} results."
    except urllib.error.HTTPError as error:
        said = parsed(error.read()).get("detail", "something in between answered.")
        say(f"The report was refused ({error.code}): {said}")
    except (OSError, KeyError) as error:
        say(f"The server could not be reached ({reason(error)}).")
    else:
        say(posted)
        return 0
    say(f"The report is in {path}; send it later with --post {path}")
    return 1


def probe(options: argparse.Namespace) -> Path:
    """Examine everything and write the report; what is posted is exactly this file."""
    options.offset = None if options.offline else clock_offset(options.server)
    if abs(options.offset or 0) > 60:
        say(f"This laptop's clock is {options.offset:+.0f} s off; the server's is used.")
    begun = time.gmtime(time.time() + (options.offset or 0))
    report: dict[str, Any] = {
        "format": VERSION,
        "id": str(uuid.uuid4()),
        "school": options.school,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", begun),
        "clock_offset_seconds": options.offset,
        "python": platform.python_version(),
        "system": platform.system(),
    }
    say(f"{len(options.services)} services:")
    report["services"] = examine_all(options.services)
    say("Speed:" if options.offset is not None else "Speed is not measured without the server.")
    report["throughput"] = None if options.offset is None else throughput(options)
    name = re.sub("[^A-Za-z0-9-]", "_", options.school)
    path = Path(options.out or time.strftime(f"probe-{name}-%Y%m%dT%H%M%SZ.json", begun))
    path.write_bytes(json.dumps(report, indent=1).encode())
    say(f"Written to {path}")
    return path


def arguments() -> argparse.Namespace:
    given = json.loads(EMBEDDED)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--server", default=given.get("server", ""), help="FirstBell's address")
    add("--school", default=given.get("school"), help="the school's code")
    add("--code", default=os.environ.get("FIRSTBELL_PROBE_CODE"), help="what the school signs with")
    add("--offline", action="store_true", help="only write the report")
    add("--post", metavar="FILE", help="send a report that was written before")
    add("--out", metavar="FILE", help="where to write the report")
    add("--services", metavar="FILE", help="a list of services instead of the one in here")
    add("--seconds", type=float, default=8.0, help="of each measurement of speed")
    options = parser.parse_args()
    options.server = options.server.rstrip("/")
    try:
        if options.services:
            given = parsed(Path(options.services).read_bytes())
        if options.post and not parsed(Path(options.post).read_bytes()).get("school"):
            parser.error(f"{options.post} is no report of the probe")
    except OSError as error:
        parser.error(str(error))
    options.services = given.get("services")
    if options.post and options.offline:
        parser.error("--offline posts nothing, so leave it out")
    if not options.offline and not (options.code and re.match("https?://", options.server)):
        parser.error("give --code and --server https://..., or --offline")
    if not options.post and not (options.school and options.services):
        parser.error("give --school, and load this file from FirstBell, which adds the services")
    return options


def main() -> int:
    options = arguments()
    path = Path(options.post) if options.post else probe(options)
    return 0 if options.offline else post(options, path)


if __name__ == "__main__":
    sys.exit(main())
