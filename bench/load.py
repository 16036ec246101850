"""Load from wrk, with requests composed and signed beforehand; wrk's Lua only hands them out in turn."""

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.credentials import CALL, Keys
from bench.processes import LOAD_CORE, on_core
from mandat.protocol.signature import sign

CONNECTIONS = 64

_SCRIPT = """
local requests, at = {}, 0
for line in io.lines("%s") do requests[#requests + 1] = line:gsub("\\\\r\\\\n", "\\r\\n") end
request = function() at = at %% #requests + 1; return requests[at] end
done = function(summary, latency, _)
  io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.read + summary.errors.timeout + summary.errors.connect,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One round: good answers per second and latency in microseconds."""

    per_second: float
    errors: int
    p50_us: int
    p99_us: int


def run_wrk(port: int, requests: list[str], *, seconds: int, folder: Path, connections: int = CONNECTIONS) -> Outcome:
    """Sends the requests in turn for so long."""
    lines, script = folder / "requests.txt", folder / "load.lua"
    lines.write_text("\n".join(request.replace("\r\n", "\\r\\n") for request in requests))
    script.write_text(_SCRIPT % lines)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), f"http://127.0.0.1:{port}/"]
    output = subprocess.run(on_core(LOAD_CORE, command), capture_output=True, text=True, check=True).stdout
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", output)
    if found is None:
        raise SystemExit(f"wrk said nothing usable: {output}")
    count, duration_us, errors, p50, p99, _ = map(int, found.groups())
    return Outcome((count - errors) / (duration_us / 1_000_000), errors, p50, p99)


def signed_calls(port: int, keys: Keys) -> list[str]:
    """One signed GET for each consumer key, as of now."""
    now = int(time.time())
    return [
        f"GET {CALL} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Ovh-Application: {keys.application_key}\r\n"
        f"X-Ovh-Consumer: {consumer_key}\r\nX-Ovh-Timestamp: {now}\r\nX-Ovh-Signature: "
        + sign(
            keys.application_secret,
            consumer_key,
            method="GET",
            url=f"http://127.0.0.1:{port}{CALL}",
            body=b"",
            timestamp=now,
        )
        + "\r\n\r\n"
        for consumer_key in keys.consumer_keys
    ]


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
