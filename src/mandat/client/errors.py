"""What the SDK raises: one class per thing that can go wrong, so that a caller can react without reading texts.

Which class an error body becomes is decided in `mandat.client.error_bodies`; here is only what each one means.
Names are those of python-ovh where it has one (`NotGrantedCall`, `InvalidCredential`, ...). Source: wire.md 5.2, 5.3.
"""

from dataclasses import dataclass, field

from mandat.protocol.access_rule import AccessRule


class ClientFault(Exception):
    """Everything the SDK raises on purpose. Catch this to catch all."""


class ConfigurationFault(ClientFault):
    """The client cannot work with what it was given: an unknown endpoint, a missing key, an unreadable file."""


class NetworkFault(ClientFault):
    """The server could not be reached, or the connection broke before an answer was complete.

    `nothing_sent` is True when the call certainly did not reach the server; otherwise it may have been carried out.
    """

    def __init__(self, message: str, *, nothing_sent: bool) -> None:
        super().__init__(message)
        self.nothing_sent = nothing_sent


class InvalidResponse(ClientFault):
    """The server answered something that is not the wire's JSON: a redirect, a page, a broken encoding."""


class ReturnMismatch(ClientFault):
    """A browser came back from the consent page without the value that this session handed out.

    The keys that waited in the session are logged out and forgotten. Start again with `begin()`.
    """


@dataclass(frozen=True, slots=True)
class ErrorAnswer:
    """An error body of either generation, read. Text members are empty where the body had none.

    `retry_after_seconds` is the answer's `Retry-After` in seconds, None when absent or given as a date.
    """

    status: int
    error_class: str = ""
    error_code: str = ""
    message: str = ""
    details: dict[str, str] = field(default_factory=dict)
    query_id: str | None = None
    retry_after_seconds: int | None = None


class ApiFault(ClientFault):
    """The server refused the call. Subclasses say why; this class itself is for a status nobody has a name for.

    Attributes:
        status: HTTP status.
        error_code: the wire's `errorCode`, such as "NOT_GRANTED_CALL"; empty where the server sends none.
        error_class: the wire's `class`, such as "Client::Forbidden"; empty where the server sends none.
        message: what the server says, for humans.
        details: flat text to text; what is in it depends on the error code.
        query_id: names this exchange in the server's log, None when the server gave none.
    """

    def __init__(self, answer: ErrorAnswer) -> None:
        super().__init__(answer.message)
        self.answer = answer
        self.status = answer.status
        self.error_code = answer.error_code
        self.error_class = answer.error_class
        self.message = answer.message
        self.details = answer.details
        self.query_id = answer.query_id

    def __str__(self) -> str:
        name = self.error_code or self.error_class
        head = f"{self.status} {name}: {self.message}" if name else f"{self.status}: {self.message}"
        return f"{head} (query id {self.query_id})" if self.query_id else head


class BadParameters(ApiFault):
    """400: the server does not accept what was sent."""

    @property
    def field(self) -> str | None:
        """The parameter the server complains about, such as "accessRules[3].path", when it says so."""
        return self.details.get("field")


class MalformedRequest(BadParameters):
    """The request itself is broken, before any meaning."""


class InvalidUrl(BadParameters):
    """The path is not in the one spelling the server accepts (dot segments, `//`, needless escapes)."""


class MethodNotSupported(BadParameters):
    """The HTTP method is none of the wire's."""


class BatchNotSupported(BadParameters):
    """`X-Ovh-Batch` was sent: it is outside the signature, so it is refused."""


class InvalidBody(BadParameters):
    """The body is not one JSON value in UTF-8 (a duplicate key, NaN and lone surrogates count as well)."""


class InvalidSignature(BadParameters):
    """The signature does not fit: a wrong secret, another URL than the server's public one, or a repeated write."""


class QueryTimeOut(BadParameters):
    """The signed time is too far from the server's, even after the clocks were compared again."""

    @property
    def delta_seconds(self) -> int | None:
        """Server time minus signed time in seconds, when the server says it."""
        return _as_int(self.details.get("delta"))


class MissingCredential(ApiFault):
    """401: the call needs an application key, or a consumer key and a signature, and had none."""


class Forbidden(ApiFault):
    """403 for a reason of its own: the caller's address, a business rule, a policy."""


class InvalidKey(ApiFault):
    """The application key is unknown, or its application is suspended or deleted."""


class NotCredential(ApiFault):
    """The consumer key is unknown, or belongs to another application."""


class InvalidCredential(ApiFault):
    """The consumer key does not work (any more): not confirmed yet, refused, expired, logged out or revoked."""


class NotGrantedCall(ApiFault):
    """No rule of the credential covers the call. Ask the customer for `missing_rule`."""

    @property
    def missing_rule(self) -> AccessRule | None:
        """The tightest rule that would have allowed the call, when the server says it."""
        method, _, path = self.details.get("missingRule", "").partition(" ")
        return AccessRule(method=method, path=path) if path else None

    @property
    def refused_by(self) -> str | None:
        """Which side said no, such as "credential", when the server says it."""
        return self.details.get("refusedBy")


class ResourceNotFound(ApiFault):
    """404: what the path names does not exist."""


class UnknownRoute(ResourceNotFound):
    """No operation of the API has this path."""


class ResourceConflict(ApiFault):
    """409: in conflict with what exists."""


class ResourceExpired(ApiFault):
    """460: the service has expired."""


class BodyTooLarge(ApiFault):
    """413: the body is larger than the server takes."""


class TooManyCalls(ApiFault):
    """429: wait and call again."""

    @property
    def retry_after_seconds(self) -> int | None:
        """How long the server asks to wait, when it says so."""
        return self.answer.retry_after_seconds


class TooManyFailures(TooManyCalls):
    """Too many calls from this address failed; good ones are refused as well for a while."""


class TooManyPermissionRequests(TooManyCalls):
    """Too many of the application's permission requests wait for an answer."""


class ServerFault(ApiFault):
    """5xx: the server's own trouble. A write may or may not have been carried out."""


class ServiceUnavailable(ServerFault):
    """503: storage does not answer or too much arrives at once; nothing was done."""

    @property
    def retry_after_seconds(self) -> int | None:
        """How long the server asks to wait, when it says so."""
        return self.answer.retry_after_seconds


class UpstreamFault(ServerFault):
    """502 or 504: the API behind the gateway did not answer (in time)."""


def _as_int(text: str | None) -> int | None:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None
