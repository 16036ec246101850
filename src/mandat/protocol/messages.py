"""The bodies of the wire: what an application asks with, and the answers of `/auth/*` and `/me/api/*`.

OVH's spelling of names lives here and nowhere else. Null always equals absent, because python-ovh and php-ovh send
explicit nulls. Members that are not known are ignored, so that a newer client can talk to an older server; but a known
name in another spelling is refused, because `allowedIps` ignored would be a wider right than was meant. Whether the
request is granted a place, and what becomes of it, is decided by the authority. Source: wire.md 1, 2 and 13.9.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mandat.protocol.access_rule import MAX_RULES, RULE_METHODS, AccessRule
from mandat.protocol.networks import Network, parse_network
from mandat.protocol.strict_json import JsonValue
from mandat.protocol.target import check_pattern

MAX_REDIRECTION_BYTES = 2_048
MAX_ALLOWED_NETWORKS = 256

_RULES_FAULT = "Body parameter accessRules isn't formated correctly"  # OVH's spelling; clients show and compare it
_KNOWN_MEMBERS = ("accessRules", "redirection", "allowedIPs")
_LAST_DATETIME_SECONDS = 253_402_300_799


@dataclass(frozen=True, slots=True)
class PermissionRequestMessage:
    """The body of `POST /auth/credential`, checked.

    `redirection` is the text to the letter, which need not be a URL; None when there is none.
    `allowed_networks` None means any address.
    """

    rules: tuple[AccessRule, ...]
    redirection: str | None
    allowed_networks: tuple[Network, ...] | None


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One member of a body is not acceptable.

    `field` is a path such as `accessRules[3].path`; `message` is safe to show.
    """

    field: str
    message: str


def parse_permission_request(document: JsonValue) -> PermissionRequestMessage | FieldFault:
    """The body of `POST /auth/credential`, or the first thing that is wrong with it."""
    if not isinstance(document, dict):
        return FieldFault("body", "The body must be a JSON object with the member accessRules")
    misspelt = _find_misspelt(document)
    if misspelt is not None:
        return misspelt
    rules = _parse_rules(document.get("accessRules"))
    if isinstance(rules, FieldFault):
        return rules
    redirection = _parse_redirection(document.get("redirection"))
    if isinstance(redirection, FieldFault):
        return redirection
    networks = parse_allowed_networks(document.get("allowedIPs"))
    if isinstance(networks, FieldFault):
        return networks
    return PermissionRequestMessage(rules, redirection, networks)


def _find_misspelt(document: dict[str, JsonValue]) -> FieldFault | None:
    known = {name.lower(): name for name in _KNOWN_MEMBERS}
    for name in document:
        meant = known.get(name.replace("_", "").replace("-", "").lower())
        if meant is not None and meant != name:
            return FieldFault(meant, f"Body parameter {meant} must be written exactly so")
    return None


def _parse_rules(value: JsonValue) -> tuple[AccessRule, ...] | FieldFault:
    if value is None:
        return _rules_fault("accessRules", "is missing")
    if not isinstance(value, list):
        return _rules_fault("accessRules", "must be a list")
    if not value:
        return _rules_fault("accessRules", "must name at least one rule")
    if len(value) > MAX_RULES:
        return _rules_fault("accessRules", f"has more than {MAX_RULES} rules")
    rules: list[AccessRule] = []
    for index, item in enumerate(value):
        rule = _parse_rule(item, f"accessRules[{index}]")
        if isinstance(rule, FieldFault):
            return rule
        rules.append(rule)
    return tuple(rules)


def _parse_rule(item: JsonValue, field: str) -> AccessRule | FieldFault:
    if not isinstance(item, dict):
        return _rules_fault(field, "must be an object with the members method and path")
    method, path = item.get("method"), item.get("path")
    if not isinstance(method, str) or method not in RULE_METHODS:
        return _rules_fault(f"{field}.method", f"must be one of {', '.join(RULE_METHODS)}")
    if not isinstance(path, str):
        return _rules_fault(f"{field}.path", "must be a text")
    why = check_pattern(path)
    return AccessRule(method, path) if why is None else _rules_fault(f"{field}.path", why)


def _rules_fault(field: str, why: str) -> FieldFault:
    return FieldFault(field, f"{_RULES_FAULT}: {field} {why}")


def _parse_redirection(value: JsonValue) -> str | FieldFault | None:
    """Any text: the guide's own command line sends the literal `$REDIRECT_URL` (wire.md 13.9)."""
    if value is None:
        return None
    if not isinstance(value, str):
        return FieldFault("redirection", "Body parameter redirection must be a text")
    if len(value.encode()) > MAX_REDIRECTION_BYTES:
        return FieldFault("redirection", f"Body parameter redirection is longer than {MAX_REDIRECTION_BYTES} bytes")
    if any(character < " " or character == "\x7f" for character in value):
        return FieldFault("redirection", "Body parameter redirection has a control character")
    return value


def parse_allowed_networks(value: JsonValue) -> tuple[Network, ...] | FieldFault | None:
    """`allowedIPs`, in a request or in `PUT /me/api/credential/{id}`. None (null, absent): any address.

    An empty list is refused: it could mean "any" to one reader and "none" to another.
    """
    if value is None:
        return None
    if not isinstance(value, list) or not value:
        return _networks_fault("allowedIPs", "must be a list of addresses, or null for any address")
    if len(value) > MAX_ALLOWED_NETWORKS:
        return _networks_fault("allowedIPs", f"has more than {MAX_ALLOWED_NETWORKS} entries")
    networks: list[Network] = []
    for index, item in enumerate(value):
        network = parse_network(item) if isinstance(item, str) else None
        if network is None:
            return _networks_fault(f"allowedIPs[{index}]", "must be an address or a block such as 192.0.2.0/24")
        networks.append(network)
    return tuple(dict.fromkeys(networks))


def _networks_fault(field: str, why: str) -> FieldFault:
    return FieldFault(field, f"Body parameter {field} {why}")


def permission_answer_fields(*, consumer_key: str, validation_url: str) -> dict[str, object]:
    """`auth.ApiCredentialRequest`: the answer to `POST /auth/credential`."""
    return {"validationUrl": validation_url, "consumerKey": consumer_key, "state": "pendingValidation"}


def credential_fields(
    *,
    credential_id: int,
    application_id: int,
    status: str,
    rules: Sequence[AccessRule],
    creation: int,
    expiration: int | None,
    last_use: int | None,
    allowed_networks: Sequence[Network] | None,
) -> dict[str, object]:
    """`auth.ApiCredential` (wire.md 1.2).

    Times are Unix seconds; `status` as OVH spells it, see `core.credential.wire_state`.
    """
    return {
        "credentialId": credential_id,
        "applicationId": application_id,
        "status": status,
        "rules": rule_list(rules),
        "creation": wire_datetime(creation),
        "expiration": None if expiration is None else wire_datetime(expiration),
        "lastUse": None if last_use is None else wire_datetime(last_use),
        "allowedIPs": None if allowed_networks is None else [str(network) for network in allowed_networks],
        "ovhSupport": False,
    }


def application_fields(
    *, application_id: int, application_key: str, name: str, description: str, status: str
) -> dict[str, object]:
    """`auth.ApiApplication` (wire.md 2). The secret is never part of it."""
    return {
        "applicationId": application_id,
        "applicationKey": application_key,
        "name": name,
        "description": description,
        "status": status,
    }


def details_fields(
    *,
    account: str,
    allowed_routes: Sequence[AccessRule] | None,
    user: str | None = None,
    description: str | None = None,
) -> dict[str, object]:
    """`auth.Details` (wire.md 1.3). `allowed_routes` None says: everything."""
    return {
        "account": account,
        "allowedRoutes": None if allowed_routes is None else rule_list(allowed_routes),
        "description": description,
        "identities": [],
        "method": "account" if user is None else "user",
        "roles": None,
        "user": user,
    }


def rule_list(rules: Sequence[AccessRule]) -> list[dict[str, str]]:
    """`auth.AccessRule[]`."""
    return [{"method": rule.method, "path": rule.path} for rule in rules]


def wire_datetime(unix_seconds: float) -> str:
    """ISO 8601 with offset, whole seconds, such as `2026-01-31T08:00:00+00:00`.

    Times beyond the year 9999 read as its end.
    """
    return datetime.fromtimestamp(min(int(unix_seconds), _LAST_DATETIME_SECONDS), UTC).isoformat()
