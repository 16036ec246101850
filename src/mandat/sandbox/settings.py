"""What the sandbox needs to be told."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Where the sandbox listens, what it keeps, whom it believes.

    Args:
        folder: its data folder, created when missing.
        port: HTTP, on `host`; `dns_port`: DNS on `host`, UDP and TCP.
        instance_port: what every instance serves its site on, at a loopback address of its own; None for the port
            after `dns_port`.
        issuer, audience: what an assertion must say in `iss` and `aud`.
        jwks_url: where the gateway publishes its keys.
        clock: Unix seconds. entropy: gives that many random bytes.
    """

    folder: Path
    port: int
    dns_port: int
    issuer: str
    audience: str
    jwks_url: str
    host: str = "127.0.0.1"
    instance_port: int | None = None
    clock: Callable[[], float] = time.time
    entropy: Callable[[int], bytes] = os.urandom

    @property
    def http_port_of_instances(self) -> int:
        """The port that every instance serves its site on."""
        return self.dns_port + 1 if self.instance_port is None else self.instance_port
