"""One running sandbox for each module, with zones to use up."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from doubles.nature import SetClock
from mandat.sandbox.operating.fault_switch import clear_faults, order_fault
from mandat.sandbox.operating.seeds import seed
from mandat.sandbox.store.accounts import AccountProfile
from mandat.sandbox.store.faults import Fault
from support.sandbox import ALICE, BRUNO, RunningSandbox
from support.sandbox_process import SandboxProcess, published_keys, real_time_gateway, start_sandbox

ZONES = 120


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """A sandbox in which ALICE has a profile and many zones, and BRUNO one zone."""
    folder = tmp_path_factory.mktemp("sandbox")
    clock = SetClock(time.time())
    profile = AccountProfile(ALICE, first_name="Alice", last_name="Martin", email="alice@example.org")
    zones = {f"zone{number}.example": ALICE for number in range(ZONES)} | {"bruno.example": BRUNO}
    seed(folder, accounts=[profile, BRUNO], zones=zones, clock=clock)
    running = RunningSandbox(folder, clock)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def _numbers() -> Iterator[int]:
    return iter(range(ZONES))


@dataclass
class OwnZone:
    """A zone of ALICE that no other test uses, and short ways to act on it."""

    sandbox: RunningSandbox
    name: str

    def call(self, method: str, below: str = "", **options: Any) -> httpx2.Response:
        """A call of ALICE on the zone."""
        return self.sandbox.call(method, f"/domain/zone/{self.name}{below}", account=ALICE, **options)

    def add(self, kind: str, sub_domain: str, target: str, ttl: int = 0, **headers: str) -> dict[str, Any]:
        """Creates a record; what the API said."""
        body = {"fieldType": kind, "subDomain": sub_domain, "target": target, "ttl": ttl}
        answer = self.call("POST", "/record", body=body, **headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refresh(self) -> None:
        """Puts what is staged into effect."""
        assert self.call("POST", "/refresh").content == b"null"

    def serve(self, *records: tuple[str, str, str]) -> None:
        """Creates records (type, subDomain, target) and refreshes."""
        for record in records:
            self.add(*record)
        self.refresh()


@pytest.fixture
def zone(sandbox: RunningSandbox, _numbers: Iterator[int]) -> OwnZone:
    """A fresh zone, with two NS records as seeded."""
    return OwnZone(sandbox, f"zone{next(_numbers)}.example")


@pytest.fixture
def ordered(sandbox: RunningSandbox) -> Iterator[Callable[[Fault], int]]:
    """Orders faults in the running sandbox; afterwards none is left."""
    yield lambda fault: order_fault(sandbox.folder, fault)
    clear_faults(sandbox.folder)


@pytest.fixture
def sandbox_process() -> Iterator[Callable[..., SandboxProcess]]:
    """Starts sandboxes in processes of their own, on a folder and perhaps a port and a search path; ends them."""
    gateway, started = real_time_gateway(), []
    with published_keys(gateway) as jwks_url:

        def start(folder: Path, port: int | None = None, *, path: str | None = None) -> SandboxProcess:
            started.append(start_sandbox(folder, jwks_url, gateway=gateway, port=port, path=path))
            return started[-1]

        yield start
        for process in started:
            process.end(signal.SIGKILL)
