"""The SDK for synchronous programs. Its method names are those of `ovh.Client`, so that it can take its place."""

import copy
import time
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from mandat.client import base, returning
from mandat.client.encoding import plain_names, with_query
from mandat.client.errors import ClientFault, ReturnMismatch
from mandat.client.permission import PendingPermission, Rule, RuleCollector, read_pending


class Client(base.BaseClient):
    """Calls one endpoint in the name of one application and, once a customer agreed, of one consumer key.

    Keys that are not given are looked up in the environment and in `ovh.conf` (`mandat.client.config`). May be shared
    by threads as long as nobody switches its consumer key; `for_consumer_key` gives each customer a client of its own.

    Args:
        endpoint: a name such as "ovh-eu" or an http(s) URL.
        application_key: AK.
        application_secret: AS.
        consumer_key: CK, when there is one already.
        timeout_seconds: for connecting and for each silence.
        config_file: a further `ovh.conf`.
        transport: an httpx2 transport instead of the network.
        clock: Unix seconds.

    Raises:
        ConfigurationFault: see `find_settings`.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        application_key: str | None = None,
        application_secret: str | None = None,
        consumer_key: str | None = None,
        *,
        timeout_seconds: float = base.DEFAULT_TIMEOUT_SECONDS,
        config_file: str | Path | None = None,
        transport: httpx2.BaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        keys = {
            "application_key": application_key,
            "application_secret": application_secret,
            "consumer_key": consumer_key,
        }
        super().__init__(endpoint, keys, config_file=config_file, clock=clock)
        self._http = httpx2.Client(transport=transport, timeout=timeout_seconds, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back, also those of clients made by `for_consumer_key`."""
        self._http.close()

    def for_consumer_key(self, consumer_key: str) -> Self:
        """A client for another customer, on the same connections and clock."""
        other = copy.copy(self)
        other._consumer_key = consumer_key
        return other

    @property
    def time_delta(self) -> int:
        """Server time minus local time in seconds, fetched when it is first needed."""
        if self.server_clock.delta_seconds is None:
            return self.server_clock.learn(self.raw_call("GET", "/auth/time", need_auth=False))
        return self.server_clock.delta_seconds

    def get(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """GET, arguments as query. `_from` stands for `from`; True is sent as `true`, None as `null`."""
        return self.call("GET", with_query(_target, kwargs), None, _need_auth)

    def delete(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """DELETE, arguments as query."""
        return self.call("DELETE", with_query(_target, kwargs), None, _need_auth)

    def post(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """POST, arguments as JSON body; no body without arguments."""
        return self.call("POST", _target, plain_names(kwargs) or None, _need_auth)

    def put(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """PUT, arguments as JSON body; no body without arguments."""
        return self.call("PUT", _target, plain_names(kwargs) or None, _need_auth)

    def call(
        self,
        method: str,
        path: str,
        data: Any = None,
        need_auth: bool = True,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """One call.

        Args:
            method: HTTP method.
            path: below the version, with its query; `/v2/...` is a path of version 2.
            data: what the JSON body holds; None for no body.
            need_auth: whether the call is signed.
            headers: further ones, for example an `Idempotency-Key`.

        Returns:
            The answer's JSON value; None for a void result.

        Raises:
            ApiFault: the server refused; a subclass says why.
            NetworkFault: no (complete) answer. InvalidResponse: an answer that is not the wire's.
            ConfigurationFault: a key is missing. ValueError: a path that would not arrive as written.
        """
        return base.read_answer(self.raw_call(method, path, data, need_auth, headers))

    def raw_call(
        self,
        method: str,
        path: str,
        data: Any = None,
        need_auth: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """As `call`, but gives the HTTP answer as it is, refused or not."""
        auth = self.signed_calls() if need_auth else None
        return self._send(self._http.build_request(**self._arguments(method, path, data, headers)), auth)

    def request_permission(
        self, rules: Iterable[Rule], redirection: str | None = None, allowed_ips: Iterable[str] | None = None
    ) -> PendingPermission:
        """Asks for rights, for programs without a browser session of their own; others use `begin`.

        Args:
            rules: what is asked for, see `mandat.client.permission.Rule`.
            redirection: where the browser goes after Confirm; None for nowhere.
            allowed_ips: addresses or networks from which the key may be used; None for any.

        Raises:
            ApiFault, NetworkFault: as `call`. ValueError: something that is no rule.
        """
        arguments = self._permission_arguments(rules, redirection, allowed_ips)
        return read_pending(self.call("POST", "/auth/credential", arguments, need_auth=False))

    def begin(
        self,
        rules: Iterable[Rule],
        *,
        redirection: str,
        session: MutableMapping[str, Any],
        allowed_ips: Iterable[str] | None = None,
    ) -> PendingPermission:
        """Asks for rights in the name of the browser that `session` belongs to; `complete` ends it.

        Args:
            rules: as in `request_permission`.
            redirection: an absolute http(s) URL of the application; gets one query parameter added.
            session: kept on the server (it holds the key), bound to the browser by a cookie.
            allowed_ips: as in `request_permission`.

        Raises:
            ValueError: a redirection that no browser comes back to. Else as `request_permission`.
        """
        value = base.new_return_value()
        pending = self.request_permission(rules, returning.marked(redirection, value), allowed_ips)
        returning.remember(session, consumer_key=pending.consumer_key, value=value)
        return pending

    def complete(self, return_url: str, session: MutableMapping[str, Any]) -> str:
        """Accepts the browser that came back, once. From then on this client uses the key.

        Args:
            return_url: the URL the browser came to, with its query.
            session: the session of the same browser.

        Returns:
            The consumer key.

        Raises:
            ReturnMismatch: this session did not start the request. Its waiting keys are logged out as far as possible.
        """
        consumer_key, distrusted = returning.take_returned(return_url, session)
        if consumer_key is None:
            for key in distrusted:
                self._log_out(key)
            raise ReturnMismatch("This browser session did not start the permission request that was answered.")
        self._consumer_key = consumer_key
        return consumer_key

    def request_consumerkey(
        self,
        access_rules: Iterable[Rule],
        redirect_url: str | None = None,
        allowedIPs: Iterable[str] | None = None,  # noqa: N803 python-ovh's name
    ) -> dict[str, Any]:
        """python-ovh's form of `request_permission`: gives the answer as a dict and uses the new key from now on."""
        arguments = self._permission_arguments(access_rules, redirect_url, allowedIPs)
        answer: dict[str, Any] = self.call("POST", "/auth/credential", arguments, need_auth=False)
        self._consumer_key = read_pending(answer).consumer_key
        return answer

    def new_consumer_key_request(self) -> "ConsumerKeyRequest":
        """A helper that collects rules and asks for them."""
        return ConsumerKeyRequest(self)

    def _log_out(self, consumer_key: str) -> None:
        """Best effort: a key that nobody confirmed cannot be logged out, and need not be."""
        try:
            self.for_consumer_key(consumer_key).post("/auth/logout")
        except ClientFault:
            return

    def _send(self, request: httpx2.Request, auth: httpx2.Auth | None) -> httpx2.Response:
        for pause_seconds in (*base.RETRY_PAUSES_SECONDS, None):
            try:
                return self._http.send(request, auth=auth)
            except httpx2.DecodingError as error:
                raise base.broken_encoding(request) from error
            except httpx2.TransportError as error:
                if pause_seconds is None or not base.is_worth_retrying(request.method, error):
                    raise base.network_fault(request, error) from error
                time.sleep(pause_seconds)
        raise AssertionError("the last attempt returns or raises")


class ConsumerKeyRequest(RuleCollector):
    """Collects rules for `Client`, under python-ovh's names."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def request(
        self,
        redirect_url: str | None = None,
        allowedIPs: Iterable[str] | None = None,  # noqa: N803 python-ovh's name
    ) -> dict[str, Any]:
        """Asks for the collected rules: `consumerKey`, `validationUrl`, `state`."""
        return self._client.request_consumerkey(self.access_rules, redirect_url, allowedIPs)
