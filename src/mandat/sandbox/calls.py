"""One call of the API after the gate: route, check, do, note in the ledger. Everything in one transaction.

Who calls was settled before (mandat.sandbox.gate); reading and writing HTTP is `application`'s.
"""

import hashlib
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

from mandat.enforcement.assertion_verifier import Asserted
from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields
from mandat.protocol.strict_json import JsonValue
from mandat.sandbox.api.arguments import check_arguments
from mandat.sandbox.api.operation import Answer, Answered, Desk, Operation, Refused
from mandat.sandbox.api.routing import Routes
from mandat.sandbox.dns.zone import ServedZone
from mandat.sandbox.store.idempotency import IdempotentCall, find_answer, remember_answer
from mandat.sandbox.store.ledger import LedgerEntry, note_call

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
    """What is answered, and the zones that DNS is to serve anew once the transaction is committed."""

    status: int
    body: bytes
    refreshed: list[ServedZone] = field(default_factory=list)


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

    def __init__(self, routes: Routes, *, clock: Callable[[], float], entropy: Callable[[int], bytes]) -> None:
        self._routes = routes
        self._clock = clock
        self._entropy = entropy

    def perform(self, connection: sqlite3.Connection, call: Call, caller: Asserted) -> Outcome:
        """Does `call` for `caller`: its whole effect and its ledger entry, or only the entry when it is refused."""
        desk = Desk(connection, caller.account, self._clock(), self._entropy)
        connection.execute("SAVEPOINT call")
        answer = self._answer(call, desk)
        if isinstance(answer, Refused):
            connection.execute("ROLLBACK TO call")
            outcome = refusal(answer, call.query_id)
        else:
            outcome = Outcome(200, encode_json(answer.value), desk.refreshed)
        connection.execute("RELEASE call")
        note_call(connection, _entry(call, caller, outcome.status, desk.now))
        return outcome

    def _answer(self, call: Call, desk: Desk) -> Answer:
        route = self._routes.find(call.method, call.path)
        if route is None:
            return Refused(Reason.UNKNOWN_ROUTE)
        operation = route.operation
        arguments = check_arguments(operation, route.models, path=route.path, query=call.query, body=call.body)
        if isinstance(arguments, Refused):
            return arguments
        repeatable = _repeatable_call(operation, call, desk.account)
        if isinstance(repeatable, Refused):
            return repeatable
        if repeatable is None:
            return operation.handler(desk, arguments)
        remembered = find_answer(desk.connection, repeatable, now=desk.now)
        if remembered is None:
            answer = operation.handler(desk, arguments)
            if isinstance(answer, Answered):
                remember_answer(desk.connection, repeatable, answer=json.dumps(answer.value), now=desk.now)
            return answer
        if not remembered.same_body:
            return Refused(Reason.CONFLICT, "This Idempotency-Key was used for another body", "Idempotency-Key")
        value: JsonValue = json.loads(remembered.answer)
        return Answered(value)


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


def _entry(call: Call, caller: Asserted, status: int, now: float) -> LedgerEntry:
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
    )
