"""Credentials for the load: an application and many confirmed consumer keys, made through the authority's own flows."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from mandat.authority.consent import Answered, Question
from mandat.authority.fault import Fault
from mandat.authority.login import OpenedSession
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.messages import PermissionRequestMessage
from mandat.server.operations.administration import open_administration

RULES = (
    *(AccessRule("GET", f"/domain/zone/zone-{number}.example/*") for number in range(9)),
    AccessRule("GET", "/domain/zone/example.org/record"),
)
"""Ten rules; the call of the load matches the last."""

CALL = "/1.0/domain/zone/example.org/record?fieldType=TXT"


@dataclass(frozen=True, slots=True)
class Keys:
    """What the load signs with."""

    application_key: str
    application_secret: str
    consumer_keys: tuple[str, ...]


def make_keys(config: Path, count: int) -> Keys:
    """Registers an application and confirms `count` permission requests for it."""
    return asyncio.run(_make_keys(config, count))


async def _make_keys(config: Path, count: int) -> Keys:
    async with open_administration(config) as admin:
        authority = admin.authority
        user = await authority.login.sign_up("bench", "bench-password", address="127.0.0.1")
        assert not isinstance(user, Fault), user
        session = await authority.login.log_in("bench", "bench-password", address="127.0.0.1")
        assert isinstance(session, OpenedSession), session
        visitor = await authority.login.find_visitor(session.token)
        assert visitor is not None
        issued = await authority.registration.register(user, name="bench", description="load", address="127.0.0.1")
        assert not isinstance(issued, Fault), issued

        async def one() -> str:
            message = PermissionRequestMessage(rules=RULES, redirection=None, allowed_networks=None)
            asked = await authority.permission.ask(issued.application.key, message, address="127.0.0.1")
            assert not isinstance(asked, Fault), asked
            question = await authority.consent.look(asked.token, visitor)
            assert isinstance(question, Question), question
            answer = await authority.consent.confirm(
                asked.token, visitor, validity_seconds=None, rules_hash=question.rules_hash, address="127.0.0.1"
            )
            assert isinstance(answer, Answered), answer
            return asked.consumer_key

        keys: list[str] = []
        while len(keys) < count:
            keys += await asyncio.gather(*(one() for _ in range(min(200, count - len(keys)))))
        return Keys(issued.application.key, issued.secret, tuple(keys))
