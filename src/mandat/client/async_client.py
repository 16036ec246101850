"""The SDK for asyncio programs: `mandat.client.client.Client` with `await`. What a method means is said there."""

import asyncio
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


class AsyncClient(base.BaseClient):
    """As `Client`; `transport` is an httpx2 `AsyncBaseTransport`. Close it with `async with` or `await aclose()`."""

    def __init__(
        self,
        endpoint: str | None = None,
        application_key: str | None = None,
        application_secret: str | None = None,
        consumer_key: str | None = None,
        *,
        timeout_seconds: float = base.DEFAULT_TIMEOUT_SECONDS,
        config_file: str | Path | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        keys = {
            "application_key": application_key,
            "application_secret": application_secret,
            "consumer_key": consumer_key,
        }
        super().__init__(endpoint, keys, config_file=config_file, clock=clock)
        self._http = httpx2.AsyncClient(transport=transport, timeout=timeout_seconds, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """As `Client.close`."""
        await self._http.aclose()

    def for_consumer_key(self, consumer_key: str) -> Self:
        """As `Client.for_consumer_key`."""
        other = copy.copy(self)
        other._consumer_key = consumer_key
        return other

    async def time_delta(self) -> int:
        """As the property `Client.time_delta`."""
        if self.server_clock.delta_seconds is None:
            return self.server_clock.learn(await self.raw_call("GET", "/auth/time", need_auth=False))
        return self.server_clock.delta_seconds

    async def get(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """As `Client.get`."""
        return await self.call("GET", with_query(_target, kwargs), None, _need_auth)

    async def delete(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """As `Client.delete`."""
        return await self.call("DELETE", with_query(_target, kwargs), None, _need_auth)

    async def post(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """As `Client.post`."""
        return await self.call("POST", _target, plain_names(kwargs) or None, _need_auth)

    async def put(self, _target: str, _need_auth: bool = True, **kwargs: Any) -> Any:
        """As `Client.put`."""
        return await self.call("PUT", _target, plain_names(kwargs) or None, _need_auth)

    async def call(
        self,
        method: str,
        path: str,
        data: Any = None,
        need_auth: bool = True,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """As `Client.call`."""
        return base.read_answer(await self.raw_call(method, path, data, need_auth, headers))

    async def raw_call(
        self,
        method: str,
        path: str,
        data: Any = None,
        need_auth: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """As `Client.raw_call`."""
        auth = self.signed_calls() if need_auth else None
        return await self._send(self._http.build_request(**self._arguments(method, path, data, headers)), auth)

    async def request_permission(
        self, rules: Iterable[Rule], redirection: str | None = None, allowed_ips: Iterable[str] | None = None
    ) -> PendingPermission:
        """As `Client.request_permission`."""
        arguments = self._permission_arguments(rules, redirection, allowed_ips)
        return read_pending(await self.call("POST", "/auth/credential", arguments, need_auth=False))

    async def begin(
        self,
        rules: Iterable[Rule],
        *,
        redirection: str,
        session: MutableMapping[str, Any],
        allowed_ips: Iterable[str] | None = None,
    ) -> PendingPermission:
        """As `Client.begin`."""
        value = base.new_return_value()
        pending = await self.request_permission(rules, returning.marked(redirection, value), allowed_ips)
        returning.remember(session, consumer_key=pending.consumer_key, value=value)
        return pending

    async def complete(self, return_url: str, session: MutableMapping[str, Any]) -> str:
        """As `Client.complete`."""
        consumer_key, distrusted = returning.take_returned(return_url, session)
        if consumer_key is None:
            for key in distrusted:
                await self._log_out(key)
            raise ReturnMismatch("This browser session did not start the permission request that was answered.")
        self._consumer_key = consumer_key
        return consumer_key

    async def request_consumerkey(
        self,
        access_rules: Iterable[Rule],
        redirect_url: str | None = None,
        allowedIPs: Iterable[str] | None = None,  # noqa: N803 python-ovh's name
    ) -> dict[str, Any]:
        """As `Client.request_consumerkey`."""
        arguments = self._permission_arguments(access_rules, redirect_url, allowedIPs)
        answer: dict[str, Any] = await self.call("POST", "/auth/credential", arguments, need_auth=False)
        self._consumer_key = read_pending(answer).consumer_key
        return answer

    def new_consumer_key_request(self) -> "AsyncConsumerKeyRequest":
        """As `Client.new_consumer_key_request`."""
        return AsyncConsumerKeyRequest(self)

    async def _log_out(self, consumer_key: str) -> None:
        try:
            await self.for_consumer_key(consumer_key).post("/auth/logout")
        except ClientFault:
            return

    async def _send(self, request: httpx2.Request, auth: httpx2.Auth | None) -> httpx2.Response:
        for pause_seconds in (*base.RETRY_PAUSES_SECONDS, None):
            try:
                return await self._http.send(request, auth=auth)
            except httpx2.DecodingError as error:
                raise base.broken_encoding(request) from error
            except httpx2.TransportError as error:
                if pause_seconds is None or not base.is_worth_retrying(request.method, error):
                    raise base.network_fault(request, error) from error
                await asyncio.sleep(pause_seconds)
        raise AssertionError("the last attempt returns or raises")


class AsyncConsumerKeyRequest(RuleCollector):
    """Collects rules for `AsyncClient`, under python-ovh's names."""

    def __init__(self, client: AsyncClient) -> None:
        super().__init__()
        self._client = client

    async def request(
        self,
        redirect_url: str | None = None,
        allowedIPs: Iterable[str] | None = None,  # noqa: N803 python-ovh's name
    ) -> dict[str, Any]:
        """Asks for the collected rules: `consumerKey`, `validationUrl`, `state`."""
        return await self._client.request_consumerkey(self.access_rules, redirect_url, allowedIPs)
