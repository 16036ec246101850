"""An installation to measure: an application registered by the authority's own flow, and credentials seeded for it."""

import asyncio
import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.seeding import consumer_key, rules_of, seed
from mandat.authority.fault import Fault
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.signature import sign
from mandat.server.configuration.reading import load_config
from mandat.server.layout import layout_of
from mandat.server.operations.administration import open_administration
from mandat.storage.keys.keyrings import load_authority_keys

RULES: tuple[AccessRule, ...] = rules_of(0)
"""Ten rules; the call of the load matches the last."""

CALL = "/1.0/domain/zone/example.org/record?fieldType=TXT"


@dataclass(frozen=True, slots=True)
class Keys:
    """What the load signs with: consumer keys 0 to `count`."""

    application_id: int
    application_key: str
    application_secret: str
    count: int

    def only(self, count: int) -> "Keys":
        """The first of them."""
        return replace(self, count=count)

    def fields(self, number: int, *, origin: str, at: int, target: str = CALL) -> list[tuple[str, str]]:
        """The four header fields of a signed GET of `target` under one of the consumer keys."""
        key = consumer_key(number)
        url = f"{origin}{target}"
        signature = sign(self.application_secret, key, method="GET", url=url, body=b"", timestamp=at)
        return [
            ("X-Ovh-Application", self.application_key),
            ("X-Ovh-Consumer", key),
            ("X-Ovh-Timestamp", str(at)),
            ("X-Ovh-Signature", signature),
        ]

    def wire_fields(self, number: int, *, origin: str) -> list[tuple[bytes, bytes]]:
        """Those as a door has them, as of now."""
        fields = self.fields(number, origin=origin, at=int(time.time()))
        return [(name.lower().encode(), value.encode()) for name, value in fields]


def make_keys(config: Path, count: int) -> Keys:
    """Registers an application in the installation of `config` and gives it `count` credentials."""
    application_id, key, secret = asyncio.run(_register(config))
    layout = layout_of(load_config(config), config)
    seed(layout.data, load_authority_keys(layout.keys), application_id=application_id, count=count)
    return Keys(application_id, key, secret, count)


async def _register(config: Path) -> tuple[int, str, str]:
    async with open_administration(config) as admin:
        authority, name = admin.authority, f"bench-{secrets.token_hex(4)}"
        user = await authority.login.sign_up(name, secrets.token_hex(16), address="127.0.0.1")
        if isinstance(user, Fault):
            raise SystemExit(f"nobody could be signed up: {user}")
        issued = await authority.registration.register(user, name=name, description="load", address="127.0.0.1")
        if isinstance(issued, Fault):
            raise SystemExit(f"no application could be registered: {issued}")
        return issued.application.id, issued.application.key, issued.secret
