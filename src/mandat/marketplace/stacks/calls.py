"""From a step and what is known to the call that would be sent, and to the rule it needs.

One function makes paths for both, so that what is asked for and what is sent cannot drift apart.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from mandat.marketplace.stacks.expressions import Origin, Reference, Scope, Unresolved, resolve, resolve_text
from mandat.marketplace.stacks.values import Step
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.protocol.access_rule import AccessRule

MAX_SEGMENT = 255
"""Of a value that becomes a path segment: the longest name that DNS or a file system knows."""


@dataclass(frozen=True, slots=True)
class Call:
    """What would be sent. `path` is below the API's version, canonical, and `query` starts with `?` or is empty."""

    method: str
    path: str
    query: str
    body: JsonValue
    has_body: bool


class CallRefused(Exception):
    """A value cannot stand where the step puts it. Nothing was sent."""


def build_call(step: Step, scope: Scope) -> Call:
    """The call of `step`.

    Raises:
        CallRefused: a value is missing, or would leave its path segment.
    """
    try:
        query = {name: resolve_text(value, scope) for name, value in step.query_values.items()}
        body = resolve(step.payload, scope)
    except Unresolved as fault:
        raise CallRefused(str(fault)) from None
    return Call(
        method=step.operation.method,
        path=_path(step, scope, open_ids=False),
        query=f"?{urlencode(query, quote_via=quote)}" if query else "",
        body=body,
        has_body=step.has_payload,
    )


def needed_rule(step: Step, inputs: Scope) -> AccessRule:
    """The narrowest rule that covers the call of `step`. An id that only an earlier step knows becomes `*`.

    Raises:
        CallRefused: an input would leave its path segment.
    """
    return AccessRule(step.operation.method, _path(step, inputs, open_ids=True))


def exact_rule(step: Step, scope: Scope) -> AccessRule:
    """As `needed_rule`, once more is known than the inputs: what `scope` holds is put in place, the rest becomes `*`.

    Raises:
        CallRefused: a value would leave its path segment.
    """
    return AccessRule(step.operation.method, _path(step, scope, open_ids=True))


def _path(step: Step, scope: Scope, *, open_ids: bool) -> str:
    segments = []
    for segment in step.operation.segments:
        value = step.path_values[segment.text] if segment.is_parameter else None
        if value is None:
            segments.append(segment.text)
        elif open_ids and isinstance(value, Reference) and value.origin is not Origin.INPUT and value not in scope:
            segments.append("*")
        else:
            segments.append(_segment(value, scope))
    return "/" + "/".join(segments)


def _segment(value: object, scope: Scope) -> str:
    if not isinstance(value, Reference):
        raise CallRefused("a path parameter is no expression")
    try:
        text = resolve_text(value, scope)
    except Unresolved as fault:
        raise CallRefused(str(fault)) from None
    refused = not text or len(text) > MAX_SEGMENT or not text.isprintable() or text in (".", "..")
    if refused or any(character in "/\\*?#%; " for character in text) or ".." in text:
        raise CallRefused(f"{value} cannot stand in a path")
    return quote(text, safe=":@")
