"""Asks the node's keeper whether a write may pass. Implements `interfaces.ReplayMemory` for a gateway worker.

One connection carries all questions in order, so answers need no ids. When the keeper does not answer in time the call
fails closed (SourceUnavailable), and the connection is dropped, because its order can no longer be trusted.
"""

import asyncio
from collections import deque
from typing import Final, cast

from mandat.enforcement.interfaces import SourceUnavailable, WriteSeen
from mandat.enforcement.replay.wire import ADMITTED, encode_write

DEADLINE_SECONDS: Final = 1.0


class _KeeperConnection(asyncio.Protocol):
    """A connection and the questions on it that wait for their answers."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._transport: asyncio.Transport | None = None

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio.Transport, not its class.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        for index in range(len(data)):
            if not self._waiting:
                self.drop()
                return
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_result(data[index : index + 1] == ADMITTED)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(SourceUnavailable("the replay keeper went away"))

    def ask(self, frame: bytes) -> asyncio.Future[bool]:
        """The answer to come. It is cancelled by nobody but the asker."""
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._transport is None:
            answer.set_exception(SourceUnavailable("the replay keeper went away"))
            return answer
        self._waiting.append(answer)
        self._transport.write(frame)
        return answer

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class ReplayClient:
    """The replay memory of this node, asked over `path`. Connects when first needed and again after a loss."""

    def __init__(self, path: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._path = path
        self._deadline_seconds = deadline_seconds
        self._connection: _KeeperConnection | None = None
        self._connecting = asyncio.Lock()

    async def admit(self, write: WriteSeen) -> bool:
        """See `interfaces.ReplayMemory.admit`.

        Raises:
            SourceUnavailable: no answer within the deadline.
        """
        connection: _KeeperConnection | None = None
        try:
            async with asyncio.timeout(self._deadline_seconds):
                connection = await self._connect()
                return await connection.ask(encode_write(write))
        except TimeoutError:
            if connection is not None:
                connection.drop()
            raise SourceUnavailable("the replay keeper did not answer in time") from None
        except OSError as error:
            raise SourceUnavailable("the replay keeper cannot be reached") from error

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.drop()

    async def _connect(self) -> _KeeperConnection:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        async with self._connecting:
            if self._connection is None or not self._connection.is_open:
                loop = asyncio.get_running_loop()
                _, self._connection = await loop.create_unix_connection(_KeeperConnection, self._path)
            return self._connection
