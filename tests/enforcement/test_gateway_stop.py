"""A worker that is told to stop finishes what it has begun, and nothing more."""

import asyncio
import time

import pytest

from doubles.upstream import OK, Recorded, RecordingUpstream
from doubles.upstream_gateway import TestedGateway, running_gateway
from mandat.enforcement.gateway.stopping import LAST_REQUESTS_SECONDS
from mandat.enforcement.settings import Limits


async def _stopped(gateway: TestedGateway) -> float:
    begun = time.monotonic()
    gateway.stop.set()
    await gateway.task
    return time.monotonic() - begun


async def test_silent_and_half_open_connections_end_soon() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        kept, half, silent = [await gateway.connect() for _ in range(3)]
        kept.send(gateway.signed("GET", "/1.0/me"))
        await kept.read_answer()
        half.send(b"GET /1.0/me HTTP/1.1\r\nHost")
        await asyncio.sleep(0.05)
        took = await _stopped(gateway)
        for client in (kept, half, silent):
            assert await client.read_to_end() == b""
        with pytest.raises(ConnectionRefusedError):
            await gateway.connect()
    assert took < Limits().stop_seconds


async def test_what_comes_on_a_kept_connection_soon_after_the_stop_is_answered_and_told_that_it_was_the_last() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me"))
        await client.read_answer()
        stopping = asyncio.ensure_future(_stopped(gateway))
        await asyncio.sleep(LAST_REQUESTS_SECONDS / 2)  # as far apart as the calls of a steady client
        client.send(gateway.signed("GET", "/1.0/me"))
        answer = await client.read_answer()
        await stopping
    assert answer.status == 200 and answer.headers["connection"] == "close"


async def test_a_client_that_was_promised_its_connection_before_the_stop_may_use_it_once_more() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        writer.write(OK[:-1])
        begun.set()
        await may_end.wait()
        writer.write(OK[-1:])

    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me"))
        await begun.wait()
        promised = await client.reader.readuntil(b"\r\n\r\n")
        stopping = asyncio.ensure_future(_stopped(gateway))
        await asyncio.sleep(0.05)
        may_end.set()
        await client.reader.readexactly(len(b"null"))
        client.send(gateway.signed("GET", "/1.0/me"))
        answer = await client.read_answer()
        await stopping
    assert b"Connection: close" not in promised
    assert answer.status == 200 and answer.headers["connection"] == "close"


async def test_a_running_exchange_gets_its_answer_and_then_the_end() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(OK)

    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me") * 2)
        while not api.requests:
            await asyncio.sleep(0.01)
        stopping = asyncio.ensure_future(_stopped(gateway))
        everything = await client.read_to_end()
        took = await stopping
    assert everything.startswith(b"HTTP/1.1 200 ") and everything.endswith(b"\r\n\r\nnull")
    assert b"\r\nConnection: close\r\n" in everything
    assert everything.count(b"HTTP/1.1 200") == 1 and len(api.requests) == 1
    assert 0.2 < took < Limits().stop_seconds


async def test_an_exchange_that_takes_too_long_is_cut_and_an_event_stream_at_once() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        if request.target.endswith("events"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\ndata: 1\n\n")
        await asyncio.sleep(30)

    limits = Limits(stop_seconds=0.1)
    async with RecordingUpstream(script) as api, running_gateway(api.address, limits=limits) as gateway:
        stream, hanging = await gateway.connect(), await gateway.connect()
        stream.send(gateway.signed("GET", "/1.0/me/events"))
        await stream.reader.readuntil(b"data: 1")
        hanging.send(gateway.signed("GET", "/1.0/me/hang"))
        while len(api.requests) < 2:
            await asyncio.sleep(0.01)
        begun = time.monotonic()
        stopping = asyncio.ensure_future(_stopped(gateway))
        await asyncio.wait([asyncio.ensure_future(stream.read_to_end())])
        stream_took = time.monotonic() - begun
        with pytest.raises(ConnectionResetError):
            await hanging.read_to_end()
        took = await stopping
    assert stream_took < took
    assert took >= 0.1


async def test_under_load_no_call_is_lost_when_one_worker_hands_over_to_the_next() -> None:
    async with (
        RecordingUpstream() as api,
        running_gateway(api.address) as old,
        running_gateway(api.address, listener=old.listener.dup(), grants=old.grants) as new,
    ):
        callers = [_Caller(old) for _ in range(20)]
        await asyncio.sleep(0.3)
        old.stop.set()
        await old.task
        before = sum(caller.answered for caller in callers)
        await asyncio.sleep(0.3)
        for caller in callers:
            caller.is_over = True
            await caller.task
    assert sum(caller.answered for caller in callers) > before > 20
    assert new.task.done()


class _Caller:
    """Calls again and again, on a kept connection as long as the gateway keeps it. A lost call fails its task."""

    def __init__(self, gateway: TestedGateway) -> None:
        self._gateway = gateway
        self.answered = 0
        self.is_over = False
        self.task = asyncio.ensure_future(self._call())

    async def _call(self) -> None:
        client = await self._gateway.connect()
        while not self.is_over:
            client.send(self._gateway.signed("GET", "/1.0/me"))
            answer = await client.read_answer()
            assert answer.status == 200
            self.answered += 1
            if "connection" in answer.headers:
                client.close()
                client = await self._gateway.connect()
        client.close()
