"""What enforcement needs of the outside. Implemented in `storage` and `server`; doubles in tests/doubles.

Enforcement can read and report. Nothing here can mint or widen a right (design.md 3).
"""

from dataclasses import dataclass
from typing import Protocol

from mandat.core.call import MISSING, Missing
from mandat.core.grant import Grant, KnownApplication

__all__ = ["MISSING", "GrantSource", "Missing", "ReplayMemory", "SourceUnavailable", "UsageSink", "Use", "WriteSeen"]
"""MISSING from a `peek_*` says: ask `find_*`."""


class SourceUnavailable(Exception):
    """Storage did not answer, or answered with a row whose signature does not verify. The call fails closed (503)."""


class GrantSource(Protocol):
    """Reads grants and applications. Never answers with a row older than what was committed when the call came in."""

    def peek_application(self, application_key: str) -> KnownApplication | Missing | None:
        """From memory, without IO beyond the freshness check.

        None: known not to exist. MISSING: ask `find_application`.

        Raises:
            SourceUnavailable: freshness could not be established.
        """

    def hold_freshness(self) -> bool:
        """Establish freshness once for every peek until `release_freshness`.

        For calls that have all come in before. True: the caller releases. False: every peek sees to itself.

        Raises:
            SourceUnavailable: freshness could not be established.
        """

    def release_freshness(self) -> None:
        """Every peek establishes freshness again."""

    async def find_application(self, application_key: str) -> KnownApplication | None:
        """From storage. None: does not exist. Raises SourceUnavailable."""

    def peek_grant(self, consumer_key_hash: bytes) -> Grant | Missing | None:
        """As `peek_application`, for the SHA-256 of a consumer key (32 bytes)."""

    async def find_grant(self, consumer_key_hash: bytes) -> Grant | None:
        """From storage; a pending request answers as a Grant in state PENDING. None: does not exist.

        Raises:
            SourceUnavailable: storage did not answer, or the row is not the authority's.
        """


@dataclass(frozen=True, slots=True)
class WriteSeen:
    """One signed write, as replay admission sees it.

    `signature_digest` is SHA-256 over (application key, consumer key, timestamp, signature);
    `call_digest` is SHA-256 over (method, target, body, caller's address), length-prefixed.
    `timestamp` is the signed one, Unix seconds.
    """

    signature_digest: bytes
    call_digest: bytes
    timestamp: int
    strict: bool


class ReplayMemory(Protocol):
    """Remembers the signatures of writes for one node."""

    async def admit(self, write: WriteSeen) -> bool:
        """True exactly when the write may pass (design.md 4, replay).

        Raises:
            SourceUnavailable: the memory does not answer.
        """


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of one credential under one rule, from one address, since the last report.

    `rule` is its text, "-" for calls that need none. `at` is Unix seconds. `secret_id` is the application secret that
    signed them; 0 when that is not known. `outcome` is "" for permitted calls, else why they were refused.
    """

    credential_id: int
    rule: str
    address: str
    calls: int
    at: int
    secret_id: int = 0
    outcome: str = ""


class UsageSink(Protocol):
    """Best effort: what could not be delivered is dropped, never waited for."""

    def note(self, credential_id: int, rule: str, address: str, at: int, secret_id: int = 0) -> None:
        """One permitted call. Must not block and must not raise."""

    def note_refusal(self, credential_id: int, reason: str, address: str, at: int) -> None:
        """One authentic call that was refused. Must not block and must not raise."""
