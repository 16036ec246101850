"""Tells an upstream who is calling: the managed fields of one call, as header lines with their ends.

The fields and what an upstream may rely on: docs/reference/headers.md. Source: design.md 2.
"""

from typing import Final

from mandat.core.decision import Permit
from mandat.enforcement.assertion import CACHED_SECONDS, AssertionSigner
from mandat.enforcement.gateway.caller import Caller
from mandat.enforcement.settings import Upstream
from mandat.protocol.headers import (
    ACCOUNT,
    APPLICATION_ID,
    ASSERTION,
    CREDENTIAL_ID,
    QUERY_ID,
)

_MAX_KEPT: Final = 20_000
_QUERY_ID: Final = f"{QUERY_ID}: ".encode()


def exchange_fields(query_id: str, caller: Caller) -> bytes:
    """What every upstream is told about every exchange."""
    return b"".join((_QUERY_ID, query_id.encode(), b"\r\n", caller.lines))


class IdentityWriter:
    """Writes for whom a permitted call is made. Keeps the lines of a credential while its assertion is the same."""

    def __init__(self, signer: AssertionSigner) -> None:
        self._signer = signer
        self._kept: dict[tuple[int, str], tuple[float, bytes]] = {}

    def fields(self, permit: Permit, upstream: Upstream, now: float) -> bytes:
        """The lines for one permitted call; `now` is Unix seconds. The authority has its socket: no assertion."""
        if upstream.trusted:
            return _plain_fields(permit)
        key = (permit.grant.credential_id, upstream.audience)
        kept = self._kept.get(key)
        if kept is not None and 0 <= now - kept[0] < CACHED_SECONDS:
            return kept[1]
        at, token = self._signer.signed(permit.application, permit.grant, audience=upstream.audience, now=now)
        lines = _plain_fields(permit) + b"%b: %b\r\n" % (ASSERTION.encode(), token)
        if len(self._kept) >= _MAX_KEPT:
            self._kept.clear()
        self._kept[key] = (at, lines)
        return lines


def _plain_fields(permit: Permit) -> bytes:
    grant = permit.grant
    # Account ids are the provider's; a control character in one must not become a header of its own.
    account = "".join(character for character in grant.account if character.isprintable())
    fields = {ACCOUNT: account, APPLICATION_ID: permit.application.id, CREDENTIAL_ID: grant.credential_id}
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode()
