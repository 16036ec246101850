"""What the sync and the async client have in common: settings, requests to build, answers to read. No IO.

The two clients drive this with httpx2 and keep nothing of their own but the waiting.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import httpx2

from mandat.client.config import Settings, find_settings
from mandat.client.encoding import body_of
from mandat.client.endpoints import call_url
from mandat.client.error_bodies import fault_of, read_error
from mandat.client.errors import ConfigurationFault, InvalidResponse, NetworkFault
from mandat.client.permission import Rule, wire_rules
from mandat.client.signing import ServerClock, SignedCalls

DEFAULT_TIMEOUT_SECONDS = 60.0
"""For connecting, and for each silence while sending or reading."""
RETRY_PAUSES_SECONDS = (0.1, 0.4)
"""Waiting before the second and the third attempt; there is no fourth."""

_NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_BROKE_OFF = (httpx2.ReadError, httpx2.WriteError, httpx2.CloseError, httpx2.RemoteProtocolError)


class BaseClient:
    """Settings and the work around a call that needs no IO."""

    def __init__(
        self,
        endpoint: str | None,
        keys: Mapping[str, str | None],
        *,
        config_file: str | Path | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings: Settings = find_settings(endpoint, keys, config_file=config_file)
        self.server_clock = ServerClock(clock)
        self._consumer_key = self._settings.consumer_key

    @property
    def endpoint(self) -> str:
        """The base URL with its version, such as `https://eu.api.ovh.com/1.0`."""
        return self._settings.base

    @property
    def consumer_key(self) -> str | None:
        """The consumer key that signs now; None when there is none yet."""
        return self._consumer_key

    @property
    def time_url(self) -> str:
        """Where the server's time is asked for."""
        return call_url(self.endpoint, "/auth/time")

    def signed_calls(self, consumer_key: str | None = None) -> SignedCalls:
        """The auth class of this client, for use with a plain httpx2 client.

        Args:
            consumer_key: instead of the client's own.

        Raises:
            ConfigurationFault: a key is missing.
        """
        key, secret = self._settings.application_key, self._settings.application_secret
        consumer_key = consumer_key or self._consumer_key
        if not key or not secret or not consumer_key:
            given = {"application key": key, "application secret": secret, "consumer key": consumer_key}
            missing = ", ".join(name for name, value in given.items() if not value)
            raise ConfigurationFault(
                f"A signed call needs three keys; missing: {missing}. Give it as argument, in the environment (OVH_...)"
                " or in ovh.conf; a consumer key comes from request_permission() or begin()."
            )
        return SignedCalls(key, secret, consumer_key, time_url=self.time_url, server_clock=self.server_clock)

    def _arguments(self, method: str, path: str, data: Any, headers: Mapping[str, str] | None) -> dict[str, Any]:
        """What `httpx2.Client.build_request` gets."""
        sent = httpx2.Headers({"User-Agent": "mandat-python"})
        sent.update(headers or {})
        if data is not None:
            sent["Content-Type"] = "application/json"
        if self._settings.application_key:
            sent["X-Ovh-Application"] = self._settings.application_key
        return {
            "method": method.upper(),
            "url": call_url(self.endpoint, path),
            "content": None if data is None else body_of(data),
            "headers": sent,
        }

    def _permission_arguments(
        self, rules: Iterable[Rule], redirection: str | None, allowed_ips: Iterable[str] | None
    ) -> dict[str, Any]:
        arguments: dict[str, Any] = {"accessRules": wire_rules(rules)}
        if redirection is not None:
            arguments["redirection"] = redirection
        if allowed_ips is not None:
            arguments["allowedIPs"] = [allowed_ips] if isinstance(allowed_ips, str) else list(allowed_ips)
        return arguments


def new_return_value() -> str:
    """256 unguessable bits for `mandat.client.returning`, safe in a URL."""
    return secrets.token_urlsafe(32)


def read_answer(answer: httpx2.Response) -> Any:
    """The JSON value of a good answer; None for the wire's void results.

    Raises:
        ApiFault: the server refused.
        InvalidResponse: a redirect, or a body that is not JSON.
    """
    if answer.status_code >= 400:
        raise fault_of(read_error(answer.status_code, answer.headers, answer.content))
    if not 200 <= answer.status_code < 300:
        raise InvalidResponse(f"{answer.url} answered {answer.status_code} instead of a result. Is the endpoint right?")
    if not answer.content:
        return None
    try:
        return answer.json()
    except (ValueError, RecursionError) as error:
        raise InvalidResponse(f"{answer.url} answered something that is not JSON. Is the endpoint right?") from error


def is_worth_retrying(method: str, error: httpx2.TransportError) -> bool:
    """True where a second attempt cannot do anything twice: nothing was sent, or the call only reads."""
    if isinstance(error, _NOTHING_SENT):
        return True
    return method in ("GET", "HEAD") and isinstance(error, _BROKE_OFF)


def network_fault(request: httpx2.Request, error: httpx2.TransportError) -> NetworkFault:
    """The SDK's own exception for httpx2's."""
    nothing_sent = isinstance(error, _NOTHING_SENT)
    what = "cannot be reached" if nothing_sent else "did not answer completely"
    host = request.url.netloc.decode("ascii")
    return NetworkFault(f"{host} {what}: {str(error) or type(error).__name__}", nothing_sent=nothing_sent)


def broken_encoding(request: httpx2.Request) -> InvalidResponse:
    """The SDK's own exception for a body whose Content-Encoding is a lie."""
    return InvalidResponse(f"{request.url} answered a body that cannot be decompressed.")
