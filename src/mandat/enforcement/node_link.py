"""How the workers of a node ask what its supervisor keeps for all of them: fixed frames over one stream, in order.

One connection carries all questions of a worker, so answers need no ids. When no answer comes in time the question
fails closed (SourceUnavailable), and the connection is dropped, because its order can no longer be trusted. What is
asked is the business of `replay` and `quotas`; who may connect is decided by the folder's mode.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from mandat.enforcement.interfaces import SourceUnavailable

DEADLINE_SECONDS: Final = 1.0


class _Connection(asyncio.Protocol):
    """A worker's connection, and the questions on it that wait for their answers."""

    def __init__(self, answer_bytes: int) -> None:
        self._answer_bytes = answer_bytes
        self._rest = b""
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport, not its class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        size = self._answer_bytes
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        for begin in range(0, whole, size):
            if not self._waiting:
                self.drop()
                return
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(data[begin : begin + size])

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(SourceUnavailable("the supervisor of this node went away"))

    def ask(self, frame: bytes) -> asyncio.Future[bytes]:
        """The answer to come. It is cancelled by nobody but the asker."""
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            answer.set_exception(SourceUnavailable("the supervisor of this node went away"))
            return answer
        self._waiting.append(answer)
        self._transport.write(frame)
        return answer

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class NodeLink:
    """A worker's end, at the socket `path`. Connects when first needed and again after a loss."""

    def __init__(self, path: str, *, answer_bytes: int, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._path = path
        self._answer_bytes = answer_bytes
        self._deadline_seconds = deadline_seconds
        self._connection: _Connection | None = None
        self._connecting = asyncio.Lock()

    async def ask(self, frame: bytes) -> bytes:
        """The answer to one question.

        Raises:
            SourceUnavailable: none within the deadline.
        """
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(self._deadline_seconds):
                connection = await self._connect()
                return await connection.ask(frame)
        except TimeoutError:
            if connection is not None:
                connection.drop()
            raise SourceUnavailable("the supervisor of this node did not answer in time") from None
        except OSError as error:
            raise SourceUnavailable("the supervisor of this node cannot be reached") from error

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.drop()

    async def _connect(self) -> _Connection:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        async with self._connecting:
            if self._connection is None or not self._connection.is_open:
                loop = asyncio.get_running_loop()
                _, self._connection = await loop.create_unix_connection(
                    lambda: _Connection(self._answer_bytes), self._path
                )
            return self._connection


class _Worker(asyncio.Protocol):
    """One worker's connection, at the supervisor's end."""

    def __init__(self, frame_bytes: int, answer: Callable[[bytes, float], bytes], now: Callable[[], float]) -> None:
        self._frame_bytes = frame_bytes
        self._answer = answer
        self._now = now
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport, not its class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        data, size = self._rest + data, self._frame_bytes
        whole = len(data) - len(data) % size
        now = self._now()
        answers = b"".join(self._answer(data[begin : begin + size], now) for begin in range(0, whole, size))
        self._rest = data[whole:]
        if self._transport is not None and answers:
            self._transport.write(answers)


async def serve_link(path: Path, frame_bytes: int, answer: Callable[[bytes, float], bytes]) -> asyncio.Server:
    """Start answering at `path`, which is replaced if a dead supervisor left it. Close the returned server to stop.

    Args:
        path: of the socket; only its owner may connect.
        frame_bytes: the size of a question.
        answer: gets a question and the loop's time; all its answers have one size.

    Raises:
        OSError: the socket cannot be made.
    """
    loop = asyncio.get_running_loop()
    path.unlink(missing_ok=True)  # noqa: ASYNC240 once, before anything is served
    server = await loop.create_unix_server(lambda: _Worker(frame_bytes, answer, loop.time), str(path))
    path.chmod(0o600)  # noqa: ASYNC240 as above
    return server
