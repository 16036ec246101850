"""Words for refusals of authentic calls: the state of the delegation, the caller's address, the rules."""

from datetime import UTC, datetime

from mandat.enforcement.access_log import LogLine
from mandat.protocol.access_rule import AccessRule
from mandat.server.explanation.facts import Facts
from mandat.server.explanation.nearest import nearest_rule

_STATES = {
    "pendingValidation": ("nobody has confirmed it yet", "Let the customer open the validation URL and confirm."),
    "refused": ("the customer refused it", "Ask again, perhaps for less."),
    "expired": ("it was revoked, logged out, or its time is over", "Ask for rights again."),
    "suspended": ("it is suspended", "Resume it, if it may be used again."),
}


def about_state(line: LogLine, facts: Facts) -> tuple[str, str, str]:
    """Why the delegation was not valid."""
    state = (line.details or {}).get("state", "")
    why, advice = _STATES.get(state, (f"its state was {state}", "Ask for rights again."))
    credential = facts.credential
    if state == "expired" and credential is not None and credential.expires is not None:
        if credential.expires <= line.time:
            why = f"its time was over at {datetime.fromtimestamp(credential.expires, UTC):%Y-%m-%d %H:%M:%S} UTC"
        else:
            why = "it was revoked or logged out"
    elif state == "expired" and credential is not None:
        why = "it was revoked or logged out"
    whose = f"Delegation {line.credential}" if line.credential else "The delegation"
    return "state", f"The signature was right, but {whose[0].lower()}{whose[1:]} was not valid: {why}.", advice


def about_address(line: LogLine, facts: Facts) -> tuple[str, str, str]:
    """Which addresses the delegation is bound to."""
    networks = facts.credential.allowed_networks if facts.credential is not None else None
    bound = f" (now: {', '.join(str(network) for network in networks)})" if networks else ""
    why = f"Delegation {line.credential} is bound to other addresses{bound}; the call came from {line.address}."
    advice = "Call from there, or let the customer change the addresses. Behind a proxy of yours: see trusted_proxies."
    return "network", why, advice


def find_nearest(line: LogLine, facts: Facts) -> AccessRule | None:
    """The rule that comes nearest, of those the delegation has now; None when that is not known or there are none."""
    missing = _missing(line)
    return None if missing is None or facts.credential is None else nearest_rule(facts.credential.rules, missing)


def about_rules(line: LogLine, facts: Facts) -> tuple[str, str, str]:
    """What is missing, and what comes nearest."""
    missing, nearest = _missing(line), find_nearest(line, facts)
    why = f"No rule of delegation {line.credential} covers the call. Missing: {missing}."
    if missing is not None and nearest is not None:
        why += f" Nearest, as the rules are now: {nearest} ({_difference(nearest, missing)})."
    advice = "Let the application ask for the missing rule, and the customer confirm it."
    return "rules", why, advice


def _missing(line: LogLine) -> AccessRule | None:
    method, _, path = (line.details or {}).get("missingRule", "").partition(" ")
    return AccessRule(method, path) if path else None


def _difference(nearest: AccessRule, missing: AccessRule) -> str:
    if nearest.path == missing.path + "/*":
        return "covers what is below, not the path itself"
    if nearest.method != missing.method:
        return "another method"
    return "another path"
