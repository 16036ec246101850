"""An application asks for rights: the question is kept until a customer answers it.

Decides: who may ask, how long a question waits, how many may wait. Leaves to others: the shape of the message
(`protocol.messages`), the answer (`authority.consent`). Source: wire.md 1.1, design.md 6.
"""

from dataclasses import dataclass

from mandat.authority.fault import Fault
from mandat.authority.interfaces import (
    ApplicationStore,
    Clock,
    Entropy,
    RequestLimits,
    RequestStore,
    TooManyRequests,
)
from mandat.authority.values import PermissionRequest, is_usable
from mandat.protocol.keys import is_key, key_hash, make_key
from mandat.protocol.messages import PermissionRequestMessage
from mandat.protocol.refusals import Reason

CONSUMER_KEY_LENGTH = 32
REQUEST_TOKEN_LENGTH = 64
EXPIRED_KEPT_SECONDS = 7 * 86400
"""An expired question is kept this long, so that its page can still say "expired" instead of "unknown"."""


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """How long a question waits for an answer, and how many may wait at once."""

    life_seconds: int = 86400
    limits: RequestLimits = RequestLimits(per_address=1000, per_application=10000)  # noqa: RUF009 - frozen value


@dataclass(frozen=True, slots=True)
class IssuedRequest:
    """A question that waits. `consumer_key` and `token` can be read here and never again; only hashes are stored."""

    request: PermissionRequest
    consumer_key: str
    token: str


class PermissionDesk:
    """Takes permission requests."""

    def __init__(
        self,
        applications: ApplicationStore,
        requests: RequestStore,
        *,
        clock: Clock,
        entropy: Entropy,
        policy: RequestPolicy | None = None,
    ) -> None:
        self._applications = applications
        self._requests = requests
        self._clock = clock
        self._entropy = entropy
        self._policy = policy or RequestPolicy()

    async def ask(
        self, application_key: str, message: PermissionRequestMessage, *, address: str
    ) -> IssuedRequest | Fault:
        """Keeps the question and hands out the keys.

        Args:
            application_key: as the application sent it; any text.
            message: a well-formed question.
            address: where it came from.
        """
        application = None
        if is_key(application_key.encode("utf-8", "replace")):
            application = await self._applications.find_application_by_key(application_key)
        if application is None or not is_usable(application):
            return Fault(Reason.INVALID_KEY, "This application key is invalid")
        consumer_key = make_key(self._entropy, CONSUMER_KEY_LENGTH)
        token = make_key(self._entropy, REQUEST_TOKEN_LENGTH)
        now = int(self._clock())
        added = await self._requests.add_request(
            application_id=application.id,
            consumer_key_hash=key_hash(consumer_key),
            token_hash=key_hash(token),
            rules=message.rules,
            redirection=message.redirection,
            allowed_networks=message.allowed_networks,
            address=address,
            at=now,
            expires=now + self._policy.life_seconds,
            limits=self._policy.limits,
        )
        if isinstance(added, TooManyRequests):
            whose = "from this address" if added.scope == "address" else "of this application"
            text = f"Too many permission requests {whose} are waiting for an answer"
            return Fault(Reason.TOO_MANY_REQUESTS, text, retry_after_seconds=60)
        return IssuedRequest(request=added, consumer_key=consumer_key, token=token)

    async def prune(self) -> None:
        """Forgets requests that expired long ago."""
        await self._requests.prune_requests(expired_before=int(self._clock()) - EXPIRED_KEPT_SECONDS)
