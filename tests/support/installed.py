"""An application and its delegations in a real data folder, put there past the pages: for tests of doors."""

from typing import Any

from mandat.authority.values import Application
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.keys import key_hash
from support.storage import DAY, NOW, PLENTY, Installation, Scene

APPLICATION_KEY = "notesapplication"
SECRET = "s" * 32

CLOCK_IS_RIGHT = {"MANDAT_CLOCK_IS_RIGHT": "1"}
"""For the environment of `mandat serve` on such data: its history is dated by `NOW`, whatever time it is."""


async def register(installation: Installation) -> Application:
    """Registers the application of APPLICATION_KEY and SECRET; the first has id 1."""
    storage = installation.open()
    try:
        return await Scene(storage).application(key=APPLICATION_KEY)
    finally:
        storage.close()


async def grant(installation: Installation, consumer_key: str, account: str, *rules: str) -> Any:
    """A confirmed delegation of `rules` ("GET /me") to that application."""
    storage = installation.open()
    try:
        request = await storage.requests.add_request(
            application_id=1,
            consumer_key_hash=key_hash(consumer_key),
            token_hash=key_hash(f"{consumer_key}token"),
            rules=[AccessRule(*rule.split(" ", 1)) for rule in rules],
            redirection=None,
            allowed_networks=None,
            address="192.0.2.7",
            at=NOW,
            expires=NOW + DAY,
            limits=PLENTY,
        )
        credential = await Scene(storage).answer(request, account=account)  # type: ignore[arg-type]
        await storage.requests.forget_request(request.id)  # type: ignore[union-attr]
        return credential
    finally:
        storage.close()


async def revoke(installation: Installation, credential: Any) -> None:
    """As the customer would."""
    storage = installation.open()
    try:
        await Scene(storage).revoke(credential)
    finally:
        storage.close()
