"""Says in plain words why an exchange ended as it did: which check refused, what it saw, what to do next.

Everything comes from the line of the access log and from `Facts`; neither holds a secret.
Source: docs/reference/errors.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mandat.enforcement.access_log import LogLine
from mandat.enforcement.gateway.client.record import UNKNOWN_HOST
from mandat.protocol.refusals import WORDINGS, Reason
from mandat.server.explanation.facts import Facts
from mandat.server.explanation.reasons import SIMPLE
from mandat.server.explanation.right import about_address, about_rules, about_state


@dataclass(frozen=True, slots=True)
class Explanation:
    """`check` names what refused, "" when nothing did. `advice` is what to do next, "" when there is nothing to do."""

    what: str
    check: str
    why: str
    advice: str


AUTHORITY = "authority"
"""The name of the upstream that Mandat itself is."""

Said = tuple[str, str, str]
"""Check, why, advice."""


def explain(line: LogLine, facts: Facts) -> Explanation:
    """Why the exchange ended as it did."""
    if not line.reason:
        return _without_refusal(line)
    try:
        reason = Reason(line.reason)
    except ValueError:
        return Explanation("The call was refused.", "", f"The reason is of another version: {line.reason}.", "")
    check, why, advice = _of(reason, line, facts)
    if line.upstream == AUTHORITY and line.status not in (502, 504):
        check = AUTHORITY
        why = f"The call reached Mandat's own API or pages, which refused it: {_own_words(reason, why)}"
    failed = reason in (Reason.UPSTREAM_UNREACHABLE, Reason.UPSTREAM_TIMED_OUT)
    what = "The call was let through and failed behind Mandat." if failed else "The call was refused."
    return Explanation(what, check, why, advice)


def _own_words(reason: Reason, why: str) -> str:
    return why if reason in SIMPLE else f"{WORDINGS[reason].message}."


def _without_refusal(line: LogLine) -> Explanation:
    whose = "Mandat" if line.upstream in ("", AUTHORITY) else f'the API behind it ("{line.upstream}")'
    if line.is_cut_short or not line.status:
        why = "The caller closed the connection before it had the whole answer."
        return Explanation("The exchange was cut short.", "", why, "Look at the caller's time-out.")
    if line.status < 400:
        return Explanation("Nothing was refused.", "", f"It was answered {line.status} by {whose}.", "")
    if line.upstream == AUTHORITY:
        return Explanation("Mandat's own pages refused.", AUTHORITY, f"They answered {line.status}.", "")
    why = f"Mandat let it pass; {whose} answered {line.status}."
    return Explanation(
        "The API answered with an error of its own.", "", why, "Look into the API's log for the same query id."
    )


def _of(reason: Reason, line: LogLine, facts: Facts) -> Said:
    special = _SPECIAL.get(reason)
    if special is not None:
        return special(line, facts)
    check, why, advice = SIMPLE.get(reason, ("", f"{WORDINGS[reason].message}.", ""))
    details = line.details or {}
    told = ", ".join(f"{name}: {value}" for name, value in details.items())
    return check, f"{why} ({told})" if told else why, advice


def _out_of_time(line: LogLine, facts: Facts) -> Said:
    details = line.details or {}
    delta, window = int(details.get("delta", "0")), details.get("windowSeconds", "?")
    side = "before" if delta > 0 else "after"
    clock = "slow, or the call was signed long before it was sent" if delta > 0 else "fast"
    why = (
        f"It was signed for a moment {abs(delta)} s {side} ours; {window} s are allowed. The caller's clock is {clock}."
    )
    return "clock", why, "Set the caller's clock, or let it ask GET /1.0/auth/time before it signs, as the SDKs do."


def _unknown_application(line: LogLine, facts: Facts) -> Said:
    if not line.application:
        why = "No application has the key that was sent."
        return (
            "application",
            why,
            "Compare the application key with `mandat app list`; it may be of another installation.",
        )
    if facts.application is None:
        return "application", f"Application {line.application} is gone or was not found.", "Register it anew."
    status = facts.application.status.value
    why = f"Application {line.application} ({facts.application.name}) was not active; now it is {status}."
    return "application", why, "Resume it with `mandat app resume`, if it may be used again."


def _unknown_credential(line: LogLine, facts: Facts) -> Said:
    if not line.credential:
        why = f"Application {line.application} is known, but no delegation has the consumer key that was sent."
        return (
            "credential",
            why,
            "Ask for rights again: the request ran out, was forgotten, or is of another installation.",
        )
    why = f"The consumer key belongs to delegation {line.credential}, which is not of application {line.application}."
    return "credential", why, "The caller mixes the keys of two applications; use those that belong together."


def _wrong_signature(line: LogLine, facts: Facts) -> Said:
    host = (line.details or {}).get(UNKNOWN_HOST)
    if host is not None:
        why = (
            f'The call came for the host "{host}", which is none of public_urls, so the signed address cannot be known.'
        )
        return "signature", why, "Add the address that clients use to public_urls, or call one that is there."
    named = f"Application {line.application}, delegation {line.credential}: "
    why = f"{named}the secret, the method, the URL with its query, the body or the timestamp is not what was signed."
    advice = (
        "Compare the secret first (`mandat app secrets` says which are in use), then the URL with `mandat sign`: byte"
        " for byte, as it was sent."
    )
    return "signature", why, advice


def _repeated(line: LogLine, facts: Facts) -> Said:
    why = "A write with this signature was made already; once is all that a signature is good for."
    return "replay", why, "Sign each call anew. If the caller did: somebody recorded the call and repeated it."


def _over_quota(line: LogLine, facts: Facts) -> Said:
    details = line.details or {}
    why = f"The quota of this {details.get('quota', 'caller')} was used up."
    return "quota", why, f"Wait {details.get('retryAfterSeconds', 'a few')} s, call less often, or raise the quota."


def _unreachable(line: LogLine, facts: Facts) -> Said:
    began = "broke off in the middle of its answer" if line.status not in (0, 502) else "could not be reached, or its"
    why = f'The API "{line.upstream}" {began}' + ("." if line.status not in (0, 502) else " answer made no sense.")
    return "upstream", why, "See whether it runs, and whether /readyz reaches it; look into its log for the query id."


def _too_slow(line: LogLine, facts: Facts) -> Said:
    why = f'The API "{line.upstream}" said nothing for longer than its upstream.timeout_seconds.'
    return "upstream", why, "Look into its log for the query id; raise the time-out if it may take that long."


_SPECIAL: dict[Reason, Callable[[LogLine, Facts], Said]] = {
    Reason.QUERY_TIME_OUT: _out_of_time,
    Reason.INVALID_KEY: _unknown_application,
    Reason.NOT_CREDENTIAL: _unknown_credential,
    Reason.INVALID_SIGNATURE: _wrong_signature,
    Reason.REPLAYED: _repeated,
    Reason.INVALID_CREDENTIAL: about_state,
    Reason.ADDRESS_NOT_ALLOWED: about_address,
    Reason.NOT_GRANTED_CALL: about_rules,
    Reason.QUOTA_EXCEEDED: _over_quota,
    Reason.UPSTREAM_UNREACHABLE: _unreachable,
    Reason.UPSTREAM_TIMED_OUT: _too_slow,
}
