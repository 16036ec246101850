"""The connections of one worker to one upstream: kept, bounded, timed.

A request goes out on the connection used last; when none is free, one is opened, up to the limit; beyond it requests
wait. What goes over a connection is `connection`'s work. Source: design.md 8.
"""

import asyncio
from collections import deque

from mandat.enforcement.gateway.batch import Batch
from mandat.enforcement.gateway.upstream.answer_framing import KnownHeads
from mandat.enforcement.gateway.upstream.call import LoopTime, UpstreamCall
from mandat.enforcement.gateway.upstream.connection import UpstreamConnection
from mandat.enforcement.settings import Limits, TcpAddress, UnixAddress, parse_address
from mandat.protocol.refusals import Reason


class UpstreamPool:
    """See the module. All times are on the loop's clock. `host` is what `Host` says to this upstream."""

    def __init__(self, address: str, limits: Limits, time: LoopTime, batch: Batch) -> None:
        """`address` is as in `Upstream`. `time` is what deadlines begin at; `batch` does the sending."""
        self._address = parse_address(address)
        self._limits = limits
        self._connections: set[UpstreamConnection] = set()
        self._idle: list[UpstreamConnection] = []
        self._waiting: deque[UpstreamCall] = deque()
        self._dials: set[asyncio.Task[None]] = set()
        self.time = time
        self.batch = batch
        self.known_heads = KnownHeads()
        self.answer_head_bytes = limits.answer_head_bytes
        self.host = _host_field(self._address)

    def send(self, call: UpstreamCall) -> None:
        """Send a request now or as soon as a connection is there. Answers and failures come later, never from here."""
        call.deadline = self.time.now + call.patience_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                connection.start(call)
                return
        self.send_afresh(call)

    def send_afresh(self, call: UpstreamCall) -> None:
        """Send a request on a connection that was never used, or the next that gets free when too many are open."""
        self._waiting.append(call)
        self._dial_for_waiting()

    def cancel(self, call: UpstreamCall) -> None:
        """Nobody waits for this answer any more. The upstream sees its connection closed, if it has the request."""
        call.is_cancelled = True
        if call.connection is not None:
            call.connection.drop()
            call.connection = None

    def release(self, connection: UpstreamConnection) -> None:
        """A connection is free again."""
        call = self._next_waiting()
        if call is not None:
            connection.start(call)
        else:
            connection.idle_since = self.time.now
            self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        """A connection is closed."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._dial_for_waiting()

    def sweep(self, now: float) -> None:
        """Time out what is silent for too long, close what is idle for too long. Called regularly."""
        for connection in list(self._connections):
            call = connection.call
            if call is not None and now > call.deadline and not connection.is_paused:
                connection.fail(Reason.UPSTREAM_TIMED_OUT)
        stale = [kept for kept in self._idle if now - kept.idle_since > self._limits.upstream_idle_seconds]
        for connection in stale:
            connection.drop()
        for call in [call for call in self._waiting if now > call.deadline]:
            self._waiting.remove(call)
            if not call.is_cancelled:
                call.receiver.answer_failed(Reason.UPSTREAM_TIMED_OUT)

    def close(self) -> None:
        """Close everything; calls in progress are not told."""
        for dial in self._dials:
            dial.cancel()
        for connection in list(self._connections):
            connection.drop()

    def _next_waiting(self) -> UpstreamCall | None:
        while self._waiting:
            call = self._waiting.popleft()
            if not call.is_cancelled:
                return call
        return None

    def _dial_for_waiting(self) -> None:
        """Open as many connections as calls wait, within the limit."""
        room = self._limits.upstream_connections - len(self._connections) - len(self._dials)
        for _ in range(min(room, len(self._waiting) - len(self._dials))):
            dial = asyncio.get_running_loop().create_task(self._dial())
            self._dials.add(dial)
            dial.add_done_callback(self._dial_ended)

    def _dial_ended(self, dial: asyncio.Task[None]) -> None:
        self._dials.discard(dial)
        self._dial_for_waiting()

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._limits.connect_seconds):
                match self._address:
                    case UnixAddress(path):
                        _, connection = await loop.create_unix_connection(self._make, path)
                    case TcpAddress(host, port):
                        _, connection = await loop.create_connection(self._make, host, port)
        except TimeoutError:
            self._fail_one(Reason.UPSTREAM_TIMED_OUT)
        except OSError:
            self._fail_one(Reason.UPSTREAM_UNREACHABLE)
        else:
            if connection.is_usable:
                self._connections.add(connection)
                self.release(connection)
            else:
                self._fail_one(Reason.UPSTREAM_UNREACHABLE)

    def _fail_one(self, reason: Reason) -> None:
        """A connection could not be opened: the call that waited longest pays, so that each failure ends one call."""
        call = self._next_waiting()
        if call is not None:
            call.receiver.answer_failed(reason)

    def _make(self) -> UpstreamConnection:
        return UpstreamConnection(self)


def _host_field(address: UnixAddress | TcpAddress) -> bytes:
    """What `Host` says to the upstream: its own name, never the caller's word."""
    match address:
        case UnixAddress():
            return b"localhost"
        case TcpAddress(host, port):
            name = f"[{host}]" if ":" in host else host
            return f"{name}:{port}".encode()
