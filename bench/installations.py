"""What the marketplace's engine adds to each step of an installation, with a provider that answers at once.

Everything else is as in earnest: the SDK, the store and DBOS's journal on this disk. `python -m bench.installations`.
"""

import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2

from mandat.marketplace.installs.desk import SentOff
from mandat.marketplace.people.membership import LoggedIn
from mandat.marketplace.settings import MarketplaceSettings
from mandat.marketplace.stacks.inputs import Checked, check_typed
from mandat.marketplace.states import AT_WORK
from mandat.marketplace.store.people import OpenSession
from mandat.marketplace.store.registrations import Registration
from mandat.marketplace.store.values import StepRecord
from mandat.marketplace.wiring import Marketplace, open_marketplace

ROUNDS = 30
ORIGIN = "http://provider.test"
STACK, INPUTS = "mail-dns", {"zone": "example.org"}
_PATIENCE_SECONDS = 60.0


class InstantProvider:
    """Grants what is asked, creates whatever it is told to, and counts the seconds that it was at work."""

    def __init__(self) -> None:
        self.redirection = ""
        self.seconds = 0.0
        self._ids = 0

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        """One call."""
        began = time.perf_counter()
        body = self._body(request)
        self.seconds += time.perf_counter() - began
        return httpx2.Response(200, json=body, headers={"X-Ovh-Queryid": "EU.bench.1.0"})

    def _body(self, request: httpx2.Request) -> Any:
        path = request.url.path.removeprefix("/1.0")
        if path == "/auth/time":
            return int(time.time())
        if path == "/auth/credential":
            self.redirection = json.loads(request.content)["redirection"]
            key = "c" * 32
            return {
                "consumerKey": key,
                "validationUrl": f"{ORIGIN}/auth/?credentialToken=t",
                "state": "pendingValidation",
            }
        if path == "/me":
            return {"nichandle": "xx1-mandat", "firstname": "Alice", "name": "Example"}
        self._ids += 1
        return {**(json.loads(request.content) if request.content else {}), "id": self._ids, "name": "example.org"}


def measure(folder: Path, *, rounds: int = ROUNDS) -> dict[str, float]:
    """Installs one after the other: milliseconds of each step that were neither the provider's nor the network's.

    Returns:
        `median_ms` and `longest_ms` over installations, each the average of its steps; `processor_ms`, what the whole
        marketplace computed for each step, order included, which other programs hardly disturb; `steps` of one
        installation.
    """
    provider = InstantProvider()
    settings = MarketplaceSettings(folder=folder, endpoint=f"{ORIGIN}/1.0")
    transport = httpx2.MockTransport(provider.answer)
    market = open_marketplace(
        settings, clock=time.time, entropy=os.urandom, transport=transport, visit=lambda host, address, port: None
    )
    try:
        market.site.registrations.save(Registration("a" * 16, "s" * 32, ORIGIN), at=time.time())
        market.engine.launch()
        _wait(lambda: market.engine.launched)
        session = _log_in(market)
        _install(market, provider, session)  # the first one warms up
        each_ms: list[float] = []
        worked_seconds = time.process_time()
        for _ in range(rounds):
            provider.seconds = 0.0
            steps = _install(market, provider, session)
            lasted = (steps[-1].ended or 0.0) - (steps[0].started or 0.0)
            each_ms.append((lasted - provider.seconds) / len(steps) * 1000)
        worked_ms = (time.process_time() - worked_seconds) / rounds / len(steps) * 1000
    finally:
        market.close()
    return {
        "median_ms": statistics.median(each_ms),
        "longest_ms": max(each_ms),
        "processor_ms": worked_ms,
        "steps": float(len(steps)),
    }


def _log_in(market: Marketplace) -> OpenSession:
    opened = market.site.membership.sign_up("bench", "a long password", address="192.0.2.1")
    session = market.site.membership.find_visitor(opened.token) if isinstance(opened, LoggedIn) else None
    if session is None:
        raise RuntimeError("the marketplace lets nobody in")
    return session


def _install(market: Marketplace, provider: InstantProvider, session: OpenSession) -> list[StepRecord]:
    """The records of an installation that went through."""
    books, desk = market.site.books, market.site.desk
    stack = books.shelf.find_offered(STACK)
    checked = check_typed(stack.inputs, INPUTS) if stack is not None else None
    if stack is None or not isinstance(checked, Checked):
        raise RuntimeError(f"the stack {STACK} is not what it was")
    sent = desk.order(session, stack, checked.values)
    if not isinstance(sent, SentOff):
        raise RuntimeError(sent.message)
    installation = books.installations.find(sent.installation_id)
    if installation is None:
        raise RuntimeError("the order was not kept")
    desk.come_back(session, installation, provider.redirection)

    def has_ended() -> bool:
        found = books.installations.find(sent.installation_id)
        return found is not None and found.state not in AT_WORK

    _wait(has_ended)
    ended = books.installations.find(sent.installation_id)
    if ended is None or ended.state != "installed":
        raise RuntimeError(f"the installation did not go through: {ended and ended.problem}")
    return books.installations.list_steps(sent.installation_id)


def _wait(ready: Any) -> None:
    ends = time.monotonic() + _PATIENCE_SECONDS
    while not ready():
        if time.monotonic() > ends:
            raise RuntimeError("waited in vain for the engine")
        time.sleep(0.005)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(measure(Path(place))))
