"""Decides what becomes of a request whose head is well framed: answered here, an open route, or a judged call.

Only a Permit opens an upstream to a judged call, and what is forwarded is what the Permit holds. The decision itself is
`mandat.enforcement.point`'s. Source: design.md 2, 4 and 8; wire.md 13.
"""

from mandat.core.decision import CallHead, Decision, Permit
from mandat.enforcement.gateway.caller import Caller
from mandat.enforcement.gateway.client.exchange import Exchange
from mandat.enforcement.gateway.door import Door
from mandat.enforcement.gateway.framing import FramingFault
from mandat.enforcement.gateway.headers import find_connection_fault
from mandat.enforcement.gateway.routes import Kind
from mandat.enforcement.point import Suspended
from mandat.protocol.refusals import Reason
from mandat.protocol.target import TargetFault, parse_target

# Bound once: looking up a member on its class costs 70 ns in Python 3.11.
_JUDGED, _UNKNOWN = Kind.JUDGED, Kind.UNKNOWN


def dispatch(door: Door, exchange: Exchange) -> None:
    """Answer a request, or see to it that it is answered.

    Args:
        door: the worker.
        exchange: the request; its body has not been read.
    """
    head = exchange.head
    caller = _identify(exchange)
    if isinstance(caller, FramingFault):
        exchange.refuse(Reason.MALFORMED_REQUEST, details={"reason": caller.why})
        return
    exchange.caller = caller
    kind = _UNKNOWN if head.method == b"OPTIONS" else door.routes.kind(head.method, exchange.path)
    if kind is _JUDGED:
        _judge(door, exchange)
    elif kind is Kind.TIME:
        exchange.answer_document(b"%d" % exchange.started)
    elif kind is Kind.JWKS:
        exchange.answer_document(door.settings.jwks)
    else:
        _answer_unjudged(door, exchange, kind)


def _identify(exchange: Exchange) -> Caller | FramingFault:
    head = exchange.head
    if head.connection_options and (why := find_connection_fault(head.connection_options)) is not None:
        return FramingFault(why)
    return exchange.identify()


def _answer_unjudged(door: Door, exchange: Exchange, kind: Kind) -> None:
    """OPTIONS, open routes and unknown paths: nothing is judged, but the target must be canonical all the same."""
    target = parse_target(exchange.head.target)
    if isinstance(target, TargetFault):
        exchange.refuse(Reason.NON_CANONICAL_TARGET, details={"reason": target.why})
    elif kind is Kind.OPEN:
        body = exchange.body_at_hand()
        if body is None:
            exchange.run(_forward_when_read(door, exchange))
        else:
            exchange.forward(door.settings.authority, target.raw, body, None)
    elif exchange.head.method == b"OPTIONS" and exchange.is_api:
        exchange.answer_preflight()
    elif exchange.head.method == b"OPTIONS" and (methods := door.routes.open_methods(exchange.path)):
        exchange.answer_allowed_methods(methods)
    else:
        exchange.refuse(Reason.UNKNOWN_ROUTE)


async def _forward_when_read(door: Door, exchange: Exchange) -> None:
    body = await exchange.read_body(door.limits.max_body_bytes)
    if isinstance(body, Reason):
        exchange.refuse(body)
    else:
        exchange.forward(door.settings.authority, exchange.head.target, body, None)


def _judge(door: Door, exchange: Exchange) -> None:
    """Have a call decided: at once when everything is in memory, else in a task."""
    head, caller = exchange.head, exchange.caller
    call = CallHead(head.method, head.target, head.headers, caller.address, caller.base_urls)
    decision = door.point.judge(call, b"" if head.content_length == 0 else exchange.body_at_hand())
    if isinstance(decision, Suspended):
        exchange.run(_finish_judging(door, exchange, decision))
    else:
        _act(door, exchange, decision)


async def _finish_judging(door: Door, exchange: Exchange, suspended: Suspended) -> None:
    _act(door, exchange, await door.point.finish(suspended, exchange.read_body))


def _act(door: Door, exchange: Exchange, decision: Decision) -> None:
    """Let a permitted call through to its upstream; refuse every other."""
    if not isinstance(decision, Permit):
        exchange.refuse(decision.reason, decision.message, decision.details, decision.quota, decision.about)
        return
    target = decision.target
    upstream = door.routes.find_upstream(target)
    if upstream is None:
        exchange.refuse(Reason.UNKNOWN_ROUTE)
    elif target.encoded_slash and upstream.encoded_slash == "refuse":
        # The decision looked at prefixes; a longer prefix below an opaque one may still refuse.
        exchange.refuse(Reason.NON_CANONICAL_TARGET)
    else:
        exchange.forward(upstream, target.raw, decision.body, decision)
