"""What all pages of one marketplace share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import anyio
from anyio import CapacityLimiter, to_thread
from jinja2 import Environment

from mandat.look.brand import Accent, Brand, Mark
from mandat.look.form_token import FormTokens
from mandat.marketplace.installs.announcer import Announcer
from mandat.marketplace.installs.desk import Desk
from mandat.marketplace.installs.provider import Provider, origin_of
from mandat.marketplace.installs.removal import Removals
from mandat.marketplace.installs.runner import Books
from mandat.marketplace.installs.upgrade import Upgrades
from mandat.marketplace.pages.frame.once import OncePerForm
from mandat.marketplace.people.membership import Membership
from mandat.marketplace.people.throttle import Throttle
from mandat.marketplace.settings import MarketplaceSettings
from mandat.marketplace.store.registrations import Registrations

BRAND = Brand("Stackyard", accent=Accent.TEAL, mark=Mark.STACK, tagline="The reference marketplace of Mandat")

_CALLS_AT_ONCE = 24
"""Threads that may wait for the provider: a provider that hangs must not take the threads that pages read with."""

CREATE_APPLICATION = {
    "https://eu.api.ovh.com/1.0": "https://auth.eu.ovhcloud.com/api/createApp",
    "https://ca.api.ovh.com/1.0": "https://auth.ca.ovhcloud.com/api/createApp",
}
"""Where OVHcloud has its pages; others have theirs beside the API, at /createApp/. Source: wire.md 3.1."""

Result = TypeVar("Result")


@dataclass(slots=True)
class Site:
    """The flows, the store and the settings that handlers work with."""

    settings: MarketplaceSettings
    origin: str
    setup_code: str | None
    membership: Membership
    registrations: Registrations
    provider: Provider
    books: Books
    desk: Desk
    removals: Removals
    upgrades: Upgrades
    announcer: Announcer
    tokens: FormTokens
    templates: Environment
    clock: Callable[[], float]
    entropy: Callable[[int], bytes]
    is_ready: Callable[[], bool]
    setup_tries: Throttle
    orders: OncePerForm
    order_tries: Throttle
    brand: Brand = BRAND
    _calls: CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(_CALLS_AT_ONCE))

    def create_application_url(self) -> str:
        """Where a developer registers an application at this provider."""
        base = self.settings.base()
        return CREATE_APPLICATION.get(base, f"{origin_of(base)}/createApp/")

    async def read(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Runs something that reads or writes our own database, in a thread."""
        return await to_thread.run_sync(lambda: work(*arguments))

    async def call(self, work: Callable[..., Result], *arguments: Any) -> Result:
        """Runs something that waits for the provider or hashes a password, in a thread of its own kind."""
        return await to_thread.run_sync(lambda: work(*arguments), limiter=self._calls)
