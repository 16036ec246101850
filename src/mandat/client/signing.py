"""Signing calls: an httpx2 auth class that anybody can use with a plain httpx2 client, sync or async.

It signs the URL that is really sent, after every normalisation of the HTTP library, and the body's bytes; it fetches
the server's time once, and again when the server says that a call was out of time. The formula is in
`mandat.protocol.signature`.
Source: wire.md 4.
"""

import time
from collections.abc import AsyncGenerator, Callable, Generator

import httpx2

from mandat.client.error_bodies import fault_of, read_error
from mandat.client.errors import InvalidResponse, QueryTimeOut
from mandat.protocol.signature import sign


class ServerClock:
    """The server's time, as the local clock plus a difference that is fetched once. Shared by all calls of a client."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.delta_seconds: int | None = None
        """Server minus local; None until it is known."""

    def now(self) -> int:
        """The server's time in Unix seconds, as far as it is known."""
        return int(self._clock()) + (self.delta_seconds or 0)

    def learn(self, answer: httpx2.Response) -> int:
        """Takes the difference from an answer of `GET /auth/time`, whose body has been read.

        Raises:
            ApiFault: the server refused to say.
            InvalidResponse: the answer is no number.
        """
        if answer.status_code >= 400:
            raise fault_of(read_error(answer.status_code, answer.headers, answer.content))
        text = answer.content.strip()
        if answer.status_code != 200 or not text.isdigit() or len(text) > 11:
            raise InvalidResponse(f"{answer.url} did not answer the time as a number. Is this the right endpoint?")
        self.delta_seconds = int(text) - int(self._clock())
        return self.delta_seconds


class SignedCalls(httpx2.Auth):
    """Signs each request in the name of one application and one consumer key.

    Use it as `httpx2.Client(auth=SignedCalls(...))` or per request. Leave `follow_redirects` off: headers that name the
    consumer key must not travel to another host.

    Args:
        application_key: AK.
        application_secret: AS; never sent.
        consumer_key: CK.
        time_url: address of `/auth/time`; None stands for `/1.0/auth/time` on the host that is called.
        server_clock: shared with other calls to the same server; None makes an own one.
    """

    requires_request_body = True

    def __init__(
        self,
        application_key: str,
        application_secret: str,
        consumer_key: str,
        *,
        time_url: str | None = None,
        server_clock: ServerClock | None = None,
    ) -> None:
        self._application_key = application_key
        self._application_secret = application_secret
        self._consumer_key = consumer_key
        self._time_url = time_url
        self.server_clock = server_clock or ServerClock()

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Time first when it is unknown, then the signed request, then once more when it was out of time.

        A call that is out of time was refused before it did anything, so that repeating a write is safe.
        """
        if self.server_clock.delta_seconds is None:
            self.server_clock.learn((yield self._time_request(request)))
        self._sign(request)
        answer = yield request
        if _is_out_of_time(answer):
            self.server_clock.learn((yield self._time_request(request)))
            self._sign(request)
            yield request

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """As httpx2's own, but reads only the answers that `auth_flow` looks into, so that others can be streamed."""
        request.read()
        flow = self.auth_flow(request)
        outgoing = next(flow)
        while True:
            answer = yield outgoing
            if outgoing is not request or answer.status_code == 400:
                answer.read()
            try:
                outgoing = flow.send(answer)
            except StopIteration:
                break

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """As `sync_auth_flow`, for `httpx2.AsyncClient`."""
        await request.aread()
        flow = self.auth_flow(request)
        outgoing = next(flow)
        while True:
            answer = yield outgoing
            if outgoing is not request or answer.status_code == 400:
                await answer.aread()
            try:
                outgoing = flow.send(answer)
            except StopIteration:
                break

    def _time_request(self, request: httpx2.Request) -> httpx2.Request:
        return httpx2.Request(
            "GET",
            self._time_url or request.url.copy_with(raw_path=b"/1.0/auth/time", fragment=None),
            headers={"X-Ovh-Application": self._application_key},
            extensions={name: value for name, value in request.extensions.items() if name == "timeout"},
        )

    def _sign(self, request: httpx2.Request) -> None:
        now = self.server_clock.now()
        request.headers["X-Ovh-Application"] = self._application_key
        request.headers["X-Ovh-Consumer"] = self._consumer_key
        request.headers["X-Ovh-Timestamp"] = str(now)
        request.headers["X-Ovh-Signature"] = sign(
            self._application_secret,
            self._consumer_key,
            method=request.method,
            url=sent_url(request.url),
            body=request.content,
            timestamp=now,
        )


def sent_url(url: httpx2.URL) -> str:
    """The URL as the wire carries it: scheme, host in ASCII, port unless it is the usual one, raw path and query."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.raw_path.decode('ascii')}"


def _is_out_of_time(answer: httpx2.Response) -> bool:
    if answer.status_code != 400:
        return False
    return isinstance(fault_of(read_error(400, answer.headers, answer.content)), QueryTimeOut)
