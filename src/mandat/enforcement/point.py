"""Drives the decision for any door: supplies what `mandat.core.decision` asks for, then replay admission and quotas.

What is in memory is supplied at once, without a task; a `Suspended` call is finished by awaiting. What a call means is
never decided here. Anything that cannot be found out is a refusal, and a driver's failure closes the door (503).
Source: design.md 3 and 4.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from mandat.core.call import About
from mandat.core.decision import (
    AtHand,
    CallHead,
    Decision,
    Deny,
    Need,
    NeedAddressBudget,
    NeedApplication,
    NeedBody,
    NeedGrant,
    Permit,
    Policy,
    Supply,
    decide,
)
from mandat.enforcement.failures import AddressFailures
from mandat.enforcement.interfaces import (
    GrantSource,
    ReplayMemory,
    SourceUnavailable,
    UsageSink,
    WriteSeen,
)
from mandat.enforcement.quotas.leases import CallQuotas
from mandat.protocol.refusals import Reason
from mandat.protocol.strict_json import check_json

BodyReader = Callable[[int], Awaitable[bytes | Reason]]
"""Reads the whole body, of at most the given number of bytes, or says why not."""

_Steps = Generator[Need, Supply, Decision]

_AUTHENTICATION_FAILURES: Final = frozenset((Reason.INVALID_KEY, Reason.NOT_CREDENTIAL, Reason.INVALID_SIGNATURE))
"""What an address that guesses keys meets. Refusals of authentic calls are not here: whoever can sign may be wrong."""

_REFUSALS_OF_AUTHENTIC_CALLS: Final = frozenset(
    (
        Reason.INVALID_CREDENTIAL,
        Reason.ADDRESS_NOT_ALLOWED,
        Reason.NOT_GRANTED_CALL,
        Reason.REPLAYED,
        Reason.QUOTA_EXCEEDED,
    )
)
"""What comes after the signature was found right: these are told to whoever keeps the key's history."""

_READS: Final = ("GET", "HEAD")
RULE_FREE_USE: Final = "-"
"""Stands for the rule in a use that needed none."""


@dataclass(slots=True)
class Suspended:
    """A call whose decision waits for storage, its body, replay admission or quotas. Only `finish` reads it."""

    head: CallHead
    steps: _Steps
    need: Need | Permit


class EnforcementPoint:
    """The policy enforcement point: one for each process, for all its doors."""

    def __init__(
        self,
        source: GrantSource,
        replay: ReplayMemory,
        usage: UsageSink,
        *,
        policy: Policy,
        failures: AddressFailures,
        clock: Callable[[], float],
        quotas: CallQuotas | None = None,
    ) -> None:
        """`clock` gives Unix seconds; without `quotas` nothing is counted; the others say what they are."""
        self._source = source
        self._replay = replay
        self._usage = usage
        self._policy = policy
        self._failures = failures
        self._clock = clock
        self._quotas = quotas
        self._at_hand = AtHand(failures.allows, source.peek_application, source.peek_grant)

    def hold_freshness(self) -> bool:
        """Check grants now for all calls that are judged before `release_freshness`; they must all have come in.

        False: hold nothing, and each call checks for itself.
        """
        try:
            return self._source.hold_freshness()
        except SourceUnavailable:
            return False

    def release_freshness(self) -> None:
        """From here on each call checks again."""
        self._source.release_freshness()

    def judge(self, head: CallHead, body: bytes | None) -> Decision | Suspended:
        """Judge a call with what is in memory.

        Args:
            head: the call.
            body: the whole body when it has already arrived (b"" when there is none), else None.

        Returns:
            The decision, or a Suspended call for `finish`.
        """
        now = self._clock()
        steps = decide(head, self._policy, now, self._at_hand, body)
        is_held = self.hold_freshness()
        try:
            return Suspended(head, steps, next(steps))
        except StopIteration as stop:
            decision: Decision = stop.value
        except SourceUnavailable:
            return Deny(Reason.STORAGE_UNAVAILABLE)
        finally:
            if is_held:
                self._source.release_freshness()
        if isinstance(decision, Permit):
            if decision.method not in _READS:
                return Suspended(head, steps, decision)
            if self._quotas is not None:
                counted = self._quotas.spend(decision)
                if counted is None:
                    return Suspended(head, steps, decision)
                decision = counted if isinstance(counted, Permit) else _about(decision, counted)
        return self._settle(head, decision, now)

    async def finish(self, suspended: Suspended, read_body: BodyReader) -> Decision:
        """The decision about a suspended call. Await it once."""
        try:
            if isinstance(suspended.need, Permit):
                decision: Decision = suspended.need
            else:
                decision = await self._drive(suspended, suspended.need, read_body)
            if isinstance(decision, Permit) and decision.method not in _READS:
                decision = await self._admit(suspended.head, decision)
            if isinstance(decision, Permit) and self._quotas is not None:
                counted = await self._quotas.ask(decision)
                decision = counted if isinstance(counted, Permit) else _about(decision, counted)
        except SourceUnavailable:
            return Deny(Reason.STORAGE_UNAVAILABLE)
        return self._settle(suspended.head, decision, self._clock())

    async def _drive(self, suspended: Suspended, need: Need, read_body: BodyReader) -> Decision:
        try:
            while True:
                need = suspended.steps.send(await self._supply(need, suspended, read_body))
        except StopIteration as stop:
            decision: Decision = stop.value
            return decision

    async def _supply(self, need: Need, suspended: Suspended, read_body: BodyReader) -> Supply:
        assert not isinstance(need, NeedAddressBudget), "the budget of an address is always at hand"
        match need:
            case NeedApplication(key):
                return await self._source.find_application(key)
            case NeedGrant(consumer_key_hash):
                return await self._source.find_grant(consumer_key_hash)
            case NeedBody(max_bytes):
                return await read_body(max_bytes)
        return await asyncio.to_thread(check_json, need.body) or True

    async def _admit(self, head: CallHead, permit: Permit) -> Decision:
        """Replay admission. Quotas come after it: a repeated call takes nothing."""
        if await self._replay.admit(write_seen(permit, head.address)):
            return permit
        return _about(permit, Deny(Reason.REPLAYED, {"reason": "a call with this signature was already made"}))

    def _settle(self, head: CallHead, decision: Decision, now: float) -> Decision:
        if isinstance(decision, Permit):
            rule = RULE_FREE_USE if decision.rule is None else str(decision.rule)
            self._usage.note(decision.grant.credential_id, rule, head.address, int(now), decision.secret_id)
        elif decision.reason in _AUTHENTICATION_FAILURES:
            self._failures.note(head.address)
        elif decision.reason in _REFUSALS_OF_AUTHENTIC_CALLS and decision.about.credential:
            self._usage.note_refusal(decision.about.credential, decision.reason.value, head.address, int(now))
        return decision


def _about(permit: Permit, refused: Deny) -> Deny:
    """The refusal of a call that would have passed, for the log: who made it."""
    return replace(refused, about=About(permit.application.id, permit.grant.credential_id))


def write_seen(permit: Permit, address: str) -> WriteSeen:
    """A permitted write as replay admission sees it. Fields are length-prefixed: none can borrow from another."""
    call = permit.call
    return WriteSeen(
        signature_digest=_digest(call.application_key, call.consumer_key, call.timestamp, call.signature),
        call_digest=_digest(permit.method.encode(), permit.target.raw, permit.body, address.encode()),
        timestamp=int(call.timestamp),
        strict=permit.application.strict,
    )


def _digest(*fields: bytes) -> bytes:
    return sha256(b"".join(b"%d:%b" % (len(field), field) for field in fields)).digest()
