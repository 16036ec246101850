"""Load from wrk, with requests composed and signed beforehand; wrk's Lua only hands them out in turn.

An answer counts when it is the right one: wrk counts statuses and bytes of all of them, and before and after every
round some are read whole and compared. A peer that answers wrongly is not measured.
"""

import re
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from bench.api import BODY
from bench.credentials import CALL, Keys
from bench.machine import LOAD_CORE, on_core
from bench.running import PeerMissing, processor_seconds

CONNECTIONS = 64
_SAMPLES = 5
_TOLERANCE = 0.15
"""Of the bytes of an answer: dates, ids and counters in heads differ a little, another body does by far more."""

_SCRIPT = """
local requests, at = {}, 0
for line in io.lines("%s") do requests[#requests + 1] = line:gsub("\\\\r\\\\n", "\\r\\n") end
request = function() at = at %% #requests + 1; return requests[at] end
done = function(summary, latency, _)
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.read + summary.errors.timeout + summary.errors.connect,
    latency:percentile(50), latency:percentile(99), summary.bytes))
end
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One round: good answers per second, latency, and the server's processor time for a call, in microseconds."""

    per_second: float
    errors: int
    p50_us: float
    p99_us: float
    processor_us: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request; `size_bytes` counts its head too."""

    status: int
    body: bytes
    size_bytes: int


def run_wrk(
    port: int,
    requests: Sequence[str],
    *,
    seconds: float,
    folder: Path,
    connections: int = CONNECTIONS,
    pid: int | None = None,
    body: str = BODY,
) -> Outcome:
    """Sends the requests in turn for so long. `body` is the right one; empty: any.

    Raises:
        PeerMissing: the answers are not the right ones.
    """
    size_bytes = check_answers(port, requests, body=body)
    lines, script = folder / "requests.txt", folder / "load.lua"
    lines.write_text("\n".join(request.replace("\r\n", "\\r\\n") for request in requests))
    script.write_text(_SCRIPT % lines)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
    before = processor_seconds(pid) if pid else 0.0
    output = _wrk([*command, f"http://127.0.0.1:{port}/"])
    used = processor_seconds(pid) - before if pid else 0.0
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        raise SystemExit(f"wrk said nothing usable: {output}")
    count, duration_us, errors, p50, p99, received_bytes = map(int, found.groups())
    if body and count and not errors and abs(received_bytes / count - size_bytes) > _TOLERANCE * size_bytes:
        raise PeerMissing(f"answers of {received_bytes / count:.0f} bytes under load, {size_bytes} before")
    check_answers(port, requests, body=body)
    good = count - errors
    return Outcome(good / (duration_us / 1e6), errors, p50, p99, 1e6 * used / max(1, count))


def check_answers(port: int, requests: Sequence[str], *, body: str = BODY) -> int:
    """Reads some answers whole; the length of one in bytes. Raises PeerMissing when one is not right."""
    size_bytes = 0
    for request in requests[:_SAMPLES]:
        answer = ask(port, request)
        if answer.status != 200 or (body and answer.body != body.encode()):
            raise PeerMissing(f"answered wrongly: {answer.status} {answer.body[:80]!r}")
        size_bytes = answer.size_bytes
    return size_bytes


def ask(port: int, request: str) -> Answer:
    """One request on a connection of its own. Raises PeerMissing when there is no answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(request.encode())
            response = HTTPResponse(connection)
            response.begin()
            content = response.read()
    except (OSError, HTTPException) as fault:
        raise PeerMissing(f"gave no answer: {fault!r}") from None
    head = sum(len(name) + len(value) + 4 for name, value in response.getheaders())
    return Answer(response.status, content, head + len(f"HTTP/1.1 200 {response.reason}") + 4 + len(content))


def signed_calls(port: int, keys: Keys, *, origin: str = "") -> list[str]:
    """One signed GET for each consumer key, as of now. `origin` is what is signed, when it is not the port's own."""
    now, host = int(time.time()), origin or f"http://127.0.0.1:{port}"
    return [composed(port, keys.fields(number, origin=host, at=now)) for number in range(keys.count)]


def forged_calls(port: int, keys: Keys) -> dict[str, str]:
    """What a door that checks signed calls must refuse, by the words for it."""
    now, origin = int(time.time()), f"http://127.0.0.1:{port}"
    other = replace(keys, application_secret="0" * 32)
    outside = "/1.0/domain/zone/example.org/soa"
    return {
        "an unsigned call": composed(port, []),
        "a signature with another secret": composed(port, other.fields(0, origin=origin, at=now)),
        "a signature of an hour ago": composed(port, keys.fields(0, origin=origin, at=now - 3600)),
        "an unknown credential": composed(port, keys.fields(keys.count, origin=origin, at=now)),
        "a call that no rule covers": composed(port, keys.fields(0, origin=origin, at=now, target=outside), outside),
    }


def composed(port: int, fields: Sequence[tuple[str, str]], target: str = CALL) -> str:
    """A GET with these fields, as on the wire."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n"


def permission_requests(port: int, keys: Keys) -> list[str]:
    """`POST /auth/credential` with two rules."""
    body = (
        '{"accessRules":[{"method":"GET","path":"/me"},{"method":"POST","path":"/domain/zone/example.org/record"}],'
        '"redirection":"https://shop.example/back"}'
    )
    return [
        f"POST /1.0/auth/credential HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Ovh-Application: {keys.application_key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ]


def _wrk(command: list[str]) -> str:
    try:
        return subprocess.run(on_core(LOAD_CORE, command), capture_output=True, text=True, check=True).stdout
    except FileNotFoundError:
        raise SystemExit("wrk is not installed (Debian package wrk): the load generator of every HTTP part") from None
    except subprocess.CalledProcessError as fault:
        raise SystemExit(f"wrk failed: {fault.stderr}") from None
