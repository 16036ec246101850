"""Running a stack once, here and now, for its author: no journal, no customer, no second try of a write.

What is sent is built and checked exactly as in the marketplace; what is missing is everything that survives a crash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mandat import client as sdk
from mandat.marketplace.stacks.answers import NotInAnswer, Verdict, judge, take_outputs
from mandat.marketplace.stacks.calls import CallRefused, build_call
from mandat.marketplace.stacks.expressions import Origin, Reference, references, resolve_text
from mandat.marketplace.stacks.inputs import as_scope
from mandat.marketplace.stacks.rights import derive_rights, is_covered
from mandat.marketplace.stacks.values import Stack, Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.protocol.headers import QUERY_ID


@dataclass(frozen=True, slots=True)
class Happened:
    """One step, done or not. `problem` is None when it is done; `outputs` is what it took from the answer."""

    step_id: str
    words: str
    call: str
    outputs: dict[str, JsonValue]
    query_id: str | None
    problem: str | None


class Rehearsal:
    """One run of one stack.

    Args:
        values: checked inputs.
        client: signs with a key that covers the stack's rights.
        sleep: waits so many seconds.
        tell: gets each step as it ends.
    """

    def __init__(
        self,
        stack: Stack,
        values: Mapping[str, JsonValue],
        *,
        client: sdk.Client,
        sleep: Callable[[float], None],
        tell: Callable[[Happened], None],
    ) -> None:
        self._stack = stack
        self._inputs = as_scope(values)
        self._made = dict(self._inputs)
        self._created = False
        self._rules = [right.rule for right in derive_rights(stack, values)]
        self._client = client
        self._sleep = sleep
        self._tell = tell

    def install(self) -> bool:
        """Runs the install steps. False when one stopped it; `tell` was told why."""
        for step in self._stack.install:
            if not self._run(step, self._made, removing=False):
                return False
            self._created = self._created or step.creation is not None
        return True

    def undo(self) -> bool:
        """Runs the uninstall steps for what was created. False when one stopped it."""
        scope = dict(self._inputs)
        for name, source in self._stack.results.items():
            if source in self._made:
                scope[Reference(Origin.INSTALL, name)] = self._made[source]
        for step in self._stack.uninstall if self._created else ():
            used = references([*step.path_values.values(), *step.query_values.values(), step.payload])
            due = all(each in scope for each in used if each.origin is Origin.INSTALL)
            if due and not self._run(step, scope, removing=True):
                return False
        return True

    def _run(self, step: Step, scope: dict[Reference, JsonValue], *, removing: bool) -> bool:
        outputs: dict[str, JsonValue] = {}
        query_id, problem = None, None
        try:
            outputs, query_id = self._send(step, scope, removing=removing)
        except (CallRefused, NotInAnswer) as fault:
            problem = str(fault)
        except sdk.ApiFault as fault:
            query_id = fault.query_id
            gone = isinstance(fault, sdk.ResourceNotFound) and not isinstance(fault, sdk.UnknownRoute)
            problem = None if removing and gone else str(fault)
        except sdk.ClientFault as fault:
            problem = str(fault)
        scope |= {Reference(Origin.STEP, name, step.id): value for name, value in outputs.items()}
        words = resolve_text(step.words, scope)
        self._tell(Happened(step.id, words, str(step.operation), outputs, query_id, problem))
        return problem is None

    def _send(
        self, step: Step, scope: Mapping[Reference, JsonValue], *, removing: bool
    ) -> tuple[dict[str, JsonValue], str | None]:
        call = build_call(step, scope)
        if not removing and not is_covered(self._rules, method=call.method, path=call.path):
            raise CallRefused("no derived rule covers this call")
        for look in range(step.retry.limit + 1 if step.retry is not None else 1):
            answer = self._client.raw_call(call.method, call.path + call.query, call.body if call.has_body else None)
            body: Any = sdk.read_answer(answer)
            if answer.status_code not in step.success:
                raise CallRefused(f"the provider answered {answer.status_code}")
            verdict, words = judge(step, body)
            if verdict is Verdict.FITS:
                return take_outputs(step, body, scope), answer.headers.get(QUERY_ID)
            if verdict is Verdict.DOES_NOT_FIT or step.retry is None:
                break
            if look < step.retry.limit:
                self._sleep(step.retry.after_seconds)
        raise CallRefused(f"the provider answered that {words}")
