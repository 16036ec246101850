"""The provider as the marketplace sees it: four things to do, and a closed list of what can come of each.

All IO goes through `mandat.client`. Nothing here is special to Mandat's own server; only `Idempotency-Key` is an extra
that others ignore. Source: wire.md 1.1, 5.2.
"""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

from mandat import client as sdk
from mandat.look.words import gettext as _
from mandat.marketplace.stacks.calls import Call
from mandat.marketplace.stacks.rights import WHO_ANSWERED
from mandat.marketplace.stacks.yaml_text import JsonValue
from mandat.protocol.access_rule import AccessRule
from mandat.protocol.headers import IDEMPOTENCY_KEY, QUERY_ID

TIMEOUT_SECONDS = 20.0
"""For each silence of the provider: with PATIENCE_SECONDS before it, a step that gets no answer ends in a minute."""


@dataclass(frozen=True, slots=True)
class Answer:
    """It worked as far as HTTP goes: a status below 300."""

    status: int
    body: JsonValue
    query_id: str | None


@dataclass(frozen=True, slots=True)
class NoPermission:
    """The provider says that this key does not work (any more), or not for this call."""

    message: str
    query_id: str | None
    not_granted: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider says no, and asking again will not change that.

    Attributes:
        by_application: no to the marketplace itself.
        gone: what the call names is not there (any more).
    """

    message: str
    query_id: str | None
    by_application: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer, or one that says "later". `nothing_done`: the call certainly had no effect."""

    message: str
    query_id: str | None
    nothing_done: bool
    wait_seconds: float | None = None


Outcome = Answer | NoPermission | Refused | NoAnswer


@dataclass(frozen=True, slots=True)
class KeysWork:
    """The application key and secret work. `validation_origin` is where customers will be sent."""

    validation_origin: str


@dataclass(frozen=True, slots=True)
class KeysRefused:
    """They do not. `field` is `application_key`, `application_secret`, or "" for neither in particular."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A permission request was made. `validation_url` is where to send the customer now; it is not kept."""

    validation_url: str = field(repr=False)


class Provider(Protocol):
    """What the marketplace needs of a provider."""

    def check_keys(self, application_key: str, application_secret: str) -> KeysWork | KeysRefused: ...

    def ask(
        self, rules: Sequence[AccessRule], *, redirection: str, session: MutableMapping[str, Any]
    ) -> Asked | Refused | NoAnswer: ...

    def complete(self, return_url: str, session: MutableMapping[str, Any]) -> str | None:
        """The consumer key; None when this browser session had not asked."""

    def call(self, consumer_key: str, call: Call, *, idempotency_key: str | None) -> Outcome: ...

    def log_out(self, consumer_key: str) -> None:
        """Ends a permission that will not be used. Best effort."""


class SdkProvider:
    """The provider through the SDK.

    Args:
        endpoint: name or URL, as `mandat.client.Client` takes it.
        keys: gives application key and secret, or None while the marketplace has none.
        transport: an httpx2 transport instead of the network.
    """

    def __init__(self, endpoint: str, keys: "KeySource", *, transport: Any = None) -> None:
        self._endpoint = endpoint
        self._keys = keys
        self._transport = transport
        self._client: sdk.Client | None = None
        self._client_keys: tuple[str, str] | None = None

    def check_keys(self, application_key: str, application_secret: str) -> KeysWork | KeysRefused:
        """Makes a permission request that nobody will answer, and signs a call with its key.

        A right signature is refused because the key waits (INVALID_CREDENTIAL), a wrong one before (INVALID_SIGNATURE).
        """
        try:
            with self._open(application_key, application_secret) as client:
                pending = client.request_permission([WHO_ANSWERED])
                origin = origin_of(pending.validation_url)
                client.for_consumer_key(pending.consumer_key).get("/auth/currentCredential")
        except sdk.InvalidKey:
            return KeysRefused("application_key", _("The provider does not know this application key."))
        except sdk.InvalidSignature:
            return KeysRefused("application_secret", _("This secret does not belong to this application key."))
        except sdk.InvalidCredential:
            return KeysWork(origin)
        except sdk.ConfigurationFault as fault:
            return KeysRefused("", str(fault))
        except sdk.ApiFault as fault:
            return KeysRefused("", _("The provider answered: %(message)s") % {"message": fault.message})
        except sdk.ClientFault as fault:
            return KeysRefused("", _("The provider could not be asked. %(fault)s") % {"fault": fault})
        return KeysWork(origin)

    def ask(
        self, rules: Sequence[AccessRule], *, redirection: str, session: MutableMapping[str, Any]
    ) -> Asked | Refused | NoAnswer:
        """One permission request, through the SDK's `begin`."""
        try:
            pending = self._current().begin(rules, redirection=redirection, session=session)
        except sdk.ClientFault as fault:
            outcome = outcome_of_fault(fault)
            return Refused(outcome.message, outcome.query_id) if isinstance(outcome, NoPermission) else outcome
        return Asked(pending.validation_url)

    def complete(self, return_url: str, session: MutableMapping[str, Any]) -> str | None:
        """The SDK's `complete`; it logs out what waited when the browser is another one."""
        try:
            return self._current().for_consumer_key("").complete(return_url, session)
        except sdk.ReturnMismatch:
            return None

    def call(self, consumer_key: str, call: Call, *, idempotency_key: str | None) -> Outcome:
        """One signed call."""
        headers = {IDEMPOTENCY_KEY: idempotency_key} if idempotency_key else None
        try:
            answer = (
                self._current()
                .for_consumer_key(consumer_key)
                .raw_call(call.method, call.path + call.query, call.body if call.has_body else None, headers=headers)
            )
            return Answer(answer.status_code, sdk.read_answer(answer), answer.headers.get(QUERY_ID))
        except sdk.ClientFault as fault:
            return outcome_of_fault(fault)

    def log_out(self, consumer_key: str) -> None:
        """POST /auth/logout."""
        try:
            self._current().for_consumer_key(consumer_key).post("/auth/logout")
        except sdk.ClientFault:
            return

    def _current(self) -> sdk.Client:
        keys = self._keys()
        if keys is None:
            raise sdk.ConfigurationFault("this marketplace has no application keys yet")
        if self._client is None or keys != self._client_keys:
            self._client, self._client_keys = self._open(*keys), keys
        return self._client

    def _open(self, application_key: str, application_secret: str) -> sdk.Client:
        return sdk.Client(
            self._endpoint,
            application_key,
            application_secret,
            timeout_seconds=TIMEOUT_SECONDS,
            transport=self._transport,
        )


class KeySource(Protocol):
    """Gives application key and secret; None while there are none."""

    def __call__(self) -> tuple[str, str] | None: ...


def outcome_of_fault(fault: sdk.ClientFault) -> NoPermission | Refused | NoAnswer:
    """What an exception of the SDK means for a step."""
    match fault:
        case sdk.NotGrantedCall():
            return NoPermission(fault.message, fault.query_id, not_granted=True)
        case sdk.InvalidCredential() | sdk.NotCredential():
            return NoPermission(fault.message, fault.query_id)
        case sdk.InvalidKey() | sdk.InvalidSignature() | sdk.MissingCredential():
            return Refused(fault.message, fault.query_id, by_application=True)
        case sdk.TooManyCalls() | sdk.ServiceUnavailable():
            wait = fault.retry_after_seconds
            return NoAnswer(fault.message, fault.query_id, nothing_done=True, wait_seconds=wait)
        case sdk.ServerFault():
            return NoAnswer(fault.message, fault.query_id, nothing_done=False)
        case sdk.ApiFault():
            gone = isinstance(fault, sdk.ResourceNotFound) and not isinstance(fault, sdk.UnknownRoute)
            return Refused(fault.message, fault.query_id, gone=gone or isinstance(fault, sdk.ResourceExpired))
        case sdk.NetworkFault():
            return NoAnswer(str(fault), None, nothing_done=fault.nothing_sent)
        case sdk.ConfigurationFault():
            return Refused(str(fault), None, by_application=True)
        case _:
            return NoAnswer(str(fault), None, nothing_done=False)


def origin_of(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
