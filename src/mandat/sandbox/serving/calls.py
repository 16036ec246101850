"""One call of the API after the gate: route, check, do, note in the ledger. Everything in one transaction.

Who calls was settled before (`gate`); reading and writing HTTP, and waiting where the fault switch wants
it, is `application`'s.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mandat.enforcement.assertion_verifier import Asserted
from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.arguments import check_arguments
from mandat.sandbox.api.operation import Answer, Answered, Desk, Hosting, Operation, Refused
from mandat.sandbox.api.routing import Route, Routes
from mandat.sandbox.effects import Effects
from mandat.sandbox.operating.fault_switch import failure
from mandat.sandbox.store.faults import Fault, FaultAction, take_fault
from mandat.sandbox.store.idempotency import IdempotentCall, find_answer, remember_answer
from mandat.sandbox.store.ledger import LedgerEntry, note_call
from mandat.sandbox.tasks.life import Performers, settle

MAX_KEY_CHARACTERS = 255
_MAX_NOTED_PATH_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Call:
    """One call as received. `path` and `query` are raw text; `idempotency_keys` every header of that name."""

    method: str
    path: str
    query: str
    body: bytes
    idempotency_keys: tuple[str, ...] = ()
    query_id: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is answered, and what is to happen outside the database once the transaction is committed.

    Attributes:
        effects: of tasks that were due, and of the call itself.
        wait_seconds: how long the fault switch wants the answer to wait.
        hangs: it wants no answer at all.
        fault: nothing was done yet; the call is to be performed after the wait, with this fault.
    """

    status: int
    body: bytes
    effects: tuple[Effects, ...] = ()
    wait_seconds: float = 0.0
    hangs: bool = False
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """What the operation answered; `changed` is False for what was only looked at or only repeated."""

    answer: Answer
    changed: bool = False
    effects: Effects = field(default_factory=Effects)


def refusal(refused: Refused, query_id: str | None) -> Outcome:
    """`refused` in the wire's error shape, with the field it failed on in `details`."""
    details = {"field": refused.field} if refused.field else None
    fields = refusal_fields(refused.reason, query_id=query_id, message=refused.message, details=details)
    return Outcome(WORDINGS[refused.reason].status, encode_json(fields))


def encode_json(value: object) -> bytes:
    """`value` as compact JSON in UTF-8."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class CallDesk:
    """Does calls, given a connection inside a transaction."""

    def __init__(
        self,
        routes: Routes,
        performers: Performers,
        *,
        hosting: Hosting,
        clock: Callable[[], float],
        entropy: Callable[[int], bytes],
    ) -> None:
        self._routes = routes
        self._performers = performers
        self._hosting = hosting
        self._clock = clock
        self._entropy = entropy

    def make_desk(self, connection: sqlite3.Connection, account: str = "") -> Desk:
        """A desk for this moment; tasks put in the account they are of."""
        return Desk(connection, account, self._clock(), self._entropy, self._hosting)

    def perform(
        self, connection: sqlite3.Connection, call: Call, caller: Asserted, *, fault: Fault | None = None
    ) -> Outcome:
        """Does `call` for `caller`: its whole effect and its ledger entry, or only the entry when it is refused.

        `fault` is the one that postponed the call; it meets no further one.
        """
        desk = self.make_desk(connection, caller.account)
        settle(desk, self._performers)
        route = self._routes.find(call.method, call.path)
        met = take_fault(connection, route.name, caller.account) if route is not None and fault is None else None
        instead = None if met is None or met.after_effect else _instead(met, call)
        if instead is not None:
            if instead.fault is None:
                note_call(connection, _entry(call, caller, instead.status, desk.now, fault=met))
            return replace(instead, effects=(desk.effects,))
        doomed = met is not None and met.action is FaultAction.BREAK
        done = self._carry_out(call, route, replace(desk, effects=Effects(), doomed=doomed))
        outcome = _outcome_of(done.answer, call)
        if met is not None and met.after_effect:
            outcome = _afterwards(met, call, outcome)
        note_call(connection, _entry(call, caller, outcome.status, desk.now, fault=met or fault, changed=done.changed))
        return replace(outcome, effects=(desk.effects, done.effects))

    def _carry_out(self, call: Call, route: Route | None, desk: Desk) -> _Done:
        """The call between two marks: of what is refused, nothing stays."""
        if route is None:
            return _Done(Refused(Reason.UNKNOWN_ROUTE))
        desk.connection.execute("SAVEPOINT call")
        done = self._answer(call, route, desk)
        if isinstance(done.answer, Refused):
            desk.connection.execute("ROLLBACK TO call")
        desk.connection.execute("RELEASE call")
        return done

    def _answer(self, call: Call, route: Route, desk: Desk) -> _Done:
        operation = route.operation
        arguments = check_arguments(operation, route.models, path=route.path, query=call.query, body=call.body)
        if isinstance(arguments, Refused):
            return _Done(arguments)
        repeatable = _repeatable_call(operation, call, desk.account)
        if isinstance(repeatable, Refused):
            return _Done(repeatable)
        remembered = None if repeatable is None else find_answer(desk.connection, repeatable, now=desk.now)
        if remembered is not None and not remembered.same_body:
            why = "This Idempotency-Key was used for another body"
            return _Done(Refused(Reason.CONFLICT, why, "Idempotency-Key"))
        if remembered is not None:
            value: JsonValue = json.loads(remembered.answer)
            return _Done(Answered(value))
        answer = operation.handler(desk, arguments)
        if isinstance(answer, Refused):
            return _Done(answer)
        if repeatable is not None:
            remember_answer(desk.connection, repeatable, answer=json.dumps(answer.value), now=desk.now)
        return _Done(answer, changed=operation.method != "GET", effects=desk.effects)


def _outcome_of(answer: Answer, call: Call) -> Outcome:
    if isinstance(answer, Refused):
        return refusal(answer, call.query_id)
    return Outcome(200, encode_json(answer.value))


def _instead(fault: Fault, call: Call) -> Outcome | None:
    """What becomes of a call that meets `fault` before its effect; None when it is carried out as usual."""
    match fault.action:
        case FaultAction.FAIL:
            return Outcome(fault.status or 0, encode_json(failure(fault, call.query_id)))
        case FaultAction.HANG:
            return Outcome(0, b"", hangs=True)
        case FaultAction.LATE:
            return Outcome(0, b"", wait_seconds=fault.seconds or 0.0, fault=fault)
    return None


def _afterwards(fault: Fault, call: Call, outcome: Outcome) -> Outcome:
    """What becomes of the `outcome` of a call that meets `fault` after its effect."""
    if fault.action is FaultAction.LATE:
        return replace(outcome, wait_seconds=fault.seconds or 0.0)
    return _instead(fault, call) or outcome


def _repeatable_call(operation: Operation, call: Call, account: str) -> IdempotentCall | Refused | None:
    if not operation.honours_keys or not call.idempotency_keys:
        return None
    key = call.idempotency_keys[0]
    usable = 0 < len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable() and key == key.strip()
    if len(call.idempotency_keys) > 1 or not usable:
        return Refused(
            Reason.BAD_PARAMETER,
            f"Header Idempotency-Key must be given once, with 1 to {MAX_KEY_CHARACTERS} printable ASCII characters",
            "Idempotency-Key",
        )
    # Without version and trailing slash: those spell the same route.
    route = f"{call.method} {call.path.removesuffix('/').split('/', 2)[2]}"
    return IdempotentCall(account, route, key, hashlib.sha256(call.body).digest())


def _entry(
    call: Call, caller: Asserted, status: int, now: float, *, fault: Fault | None = None, changed: bool = False
) -> LedgerEntry:
    path = f"{call.path}?{call.query}" if call.query else call.path
    return LedgerEntry(
        at=int(now),
        account=caller.account,
        application=caller.application,
        credential=caller.credential,
        method=call.method,
        path=path[:_MAX_NOTED_PATH_CHARACTERS],
        status=status,
        query_id=call.query_id,
        changed=changed,
        fault=None if fault is None else fault.in_words(),
    )
