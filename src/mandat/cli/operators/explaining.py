"""`mandat explain`: what became of one exchange, for the operator who is given a query id."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mandat.cli.operators.administration import NO_OPTIONS
from mandat.cli.options import AdminOptions, JsonFlag, find_config
from mandat.cli.output import say, say_json

if TYPE_CHECKING:
    from mandat.server.operations.explanation import Explained


def explain(query_id: str, /, *, as_json: JsonFlag = False, options: AdminOptions = NO_OPTIONS) -> int:
    """Say what became of one exchange: which check refused it, why, and what to do. Exit status 1: not found.

    Parameters
    ----------
    query_id
        From X-Ovh-QueryID, from an error body (queryId), or from any log.
    as_json
        Print {"queryId", "what", "check", "why", "next", "nearestRule", "exchange"}.
    """
    from mandat.server.operations.explanation import explain_exchange

    explained = explain_exchange(find_config(options), query_id)
    if as_json:
        say_json(_as_json(explained))
        return 0
    line, explanation = explained.line, explained.explanation
    call = f"{line.method or '(no request)'} {line.path}".strip()
    say(f"{explanation.what} {call}, status {line.status or 'none'}{f', {line.reason}' if line.reason else ''}")
    say(f"  When   {datetime.fromtimestamp(line.time, UTC):%Y-%m-%d %H:%M:%S} UTC, {line.seconds * 1000:.2f} ms")
    say(f"  Who    {_who(explained)}")
    if explanation.check:
        say(f"  Check  {explanation.check}")
    say(f"  Why    {explanation.why}")
    if explanation.advice:
        say(f"  Next   {explanation.advice}")
    return 0


def _who(explained: "Explained") -> str:
    line = explained.line
    named = {"account": line.account, "application": line.application, "delegation": line.credential}
    parts = [f"{word} {value}" for word, value in named.items() if value]
    return ", ".join([*parts, f"from {line.address or 'an unknown address'}"])


def _as_json(explained: "Explained") -> dict[str, Any]:
    import msgspec

    explanation = explained.explanation
    return {
        "queryId": explained.line.query_id,
        "what": explanation.what,
        "check": explanation.check,
        "why": explanation.why,
        "next": explanation.advice,
        "nearestRule": explained.nearest_rule or None,
        "exchange": msgspec.to_builtins(explained.line),
    }
