"""What a client sees of an upstream's answer: all of it, only it, or a clear failure; never a part as the whole."""

import asyncio
import resource
import time

import pytest

from doubles.upstream import OK, Recorded, RecordingUpstream, answering
from doubles.upstream_gateway import TestedGateway, running_gateway
from mandat.enforcement.gateway.run import SWEEP_SECONDS


def _sized(text: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()


async def _until(condition: object, what: str) -> None:
    deadline = time.monotonic() + 5
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b'{"a":"b,c"}',),
        (b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 11\r\n\r", b"\n", b'{"a":"b', b',c"}'),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", b'{"a":\r\n', b'6\r\n"b,c"}\r\n0\r\n\r\n'),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b'b;x=y\r\n{"a":"b,c"}\r\n0\r\nX-Trailer: z\r\n\r\n',
        ),
        (b"HTTP/1.1 200\r\nContent-Length: 11\r\n\r\n" + b'{"a":"b,c"}',),
    ],
)
async def test_an_answer_arrives_whole_however_it_is_framed_and_cut(pieces: tuple[bytes, ...]) -> None:
    async with RecordingUpstream(answering(*pieces)) as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        for _ in range(2):
            client.send(gateway.signed("GET", "/1.0/me"))
            answer = await client.read_answer()
            assert (answer.status, answer.body) == (200, b'{"a":"b,c"}')
        client.close()
    assert [request.connection for request in api.requests] == [1, 1]


async def test_an_answer_that_ends_with_the_connection_arrives_whole() -> None:
    script = answering(b"HTTP/1.1 200 OK\r\n\r\nsome", b" text", then_close=True)
    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
        old = await gateway.connect()
        old.send(gateway.signed("GET", "/1.0/me").replace(b"HTTP/1.1", b"HTTP/1.0"))
        everything = await old.read_to_end()
    assert (answer.status, answer.body) == (200, b"some text")
    assert everything.endswith(b"\r\n\r\nsome text") and b"chunked" not in everything


async def test_interim_answers_never_end_an_exchange_nor_reach_another_customer() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        who = request.get("x-mandat-account")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" + _sized(f'"{who}"'))

    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        other = "0" * 32
        gateway.grants.add_grant("GET /*", consumer_key=other, credential_id=12, account="other")
        asked = [gateway.signed("GET", "/1.0/me"), gateway.signed_by(other, "GET", "/1.0/me")] * 3
        answers = [await gateway.ask(request) for request in asked]
        together = await asyncio.gather(*map(gateway.ask, asked))
    wanted = [b'"aa1-mandat"', b'"other"'] * 3
    assert [answer.body for answer in answers] == wanted
    assert [answer.body for answer in together] == wanted
    assert {answer.status for answer in answers} == {200}


@pytest.mark.parametrize("extra", [b"x", b"\r\n", OK, b"HTTP/1.1 103 Early Hints\r\n\r\n"])
@pytest.mark.parametrize("is_late", [True, False])
async def test_a_connection_with_a_byte_outside_an_exchange_is_never_used_again(extra: bytes, is_late: bool) -> None:
    pieces = (_sized("1"), extra) if is_late else (_sized("1") + extra,)
    async with RecordingUpstream(answering(*pieces)) as api, running_gateway(api.address) as gateway:
        for _ in range(3):
            answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
            assert (answer.status, answer.body) == (200, b"1")
            await asyncio.sleep(0.05)
    assert [request.connection for request in api.requests] == [1, 2, 3]


async def test_bytes_after_the_last_chunk_are_no_part_of_the_answer_and_end_the_connection() -> None:
    script = answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n0\r\n\r\n" + _sized("2"))
    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        for _ in range(2):
            assert (await gateway.ask(gateway.signed("GET", "/1.0/me"))).body == b"1"
    assert [request.connection for request in api.requests] == [1, 2]


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
        b"220 mail.example ESMTP\r\n\r\n",
        b"\x15\x03\x01",
    ],
)
async def test_an_answer_that_cannot_be_framed_is_a_bad_gateway(head: bytes) -> None:
    script = answering(head + b"{}\r\n\r\n", then_close=True)
    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert (answer.status, answer.code) == (502, "UPSTREAM_UNREACHABLE")
    assert answer.json["class"] == "Server::BadGateway"
    assert answer.headers["x-ovh-queryid"] == answer.json["queryId"]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [204, 304, 200])
async def test_answers_without_a_body_end_at_the_head(method: str, status: int) -> None:
    length = b"" if status == 204 else b"Content-Length: 10\r\n"
    body = b"0123456789" if (method, status) == ("GET", 200) else b""
    script = answering(b"HTTP/1.1 %d X\r\n%b\r\n%b" % (status, length, body))
    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        for _ in range(2):
            client.send(gateway.signed(method, "/1.0/me"))
            answer = await client.read_answer(is_head=method == "HEAD")
            assert (answer.status, answer.body) == (status, body)
            assert answer.headers.get("content-length") == ("10" if status == 200 else None)
        client.close()
    assert [request.connection for request in api.requests] == [1, 1]


async def test_an_upstream_that_is_down_is_a_bad_gateway_and_is_found_again_when_it_is_back() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        assert (await gateway.ask(gateway.signed("GET", "/1.0/me"))).status == 200
        await api.stop()
        down = await gateway.ask(gateway.signed("GET", "/1.0/me"))
        await api.start()
        back = await gateway.ask(gateway.signed("POST", "/1.0/me/x"))
        await api.stop()
        await api.start()
        again = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert (down.status, down.code, back.status, again.status) == (502, "UPSTREAM_UNREACHABLE", 200, 200)


async def test_an_upstream_has_all_of_its_time_whenever_the_request_comes() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async def seconds_until_refused(gateway: TestedGateway, wait_seconds: float) -> float:
        await asyncio.sleep(wait_seconds)
        begun = time.monotonic()
        assert (await gateway.ask(gateway.signed("GET", "/1.0/me"))).status == 504
        return time.monotonic() - begun

    # Spread over two of the rounds in which deadlines are looked at.
    waits = [SWEEP_SECONDS * number / 5 for number in range(10)]
    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        took = await asyncio.gather(*(seconds_until_refused(gateway, wait) for wait in waits))
    assert min(took) > 0.59


async def test_a_hanging_upstream_is_a_gateway_time_out_and_does_not_hold_up_others() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        if request.target.endswith("hang"):
            await asyncio.sleep(30)
        writer.write(OK)

    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        begun = time.monotonic()
        hanging = [asyncio.ensure_future(gateway.ask(gateway.signed("GET", "/1.0/me/hang"))) for _ in range(20)]
        while len(api.requests) < 20:
            await asyncio.sleep(0.01)
        quick = await gateway.ask(gateway.signed("GET", "/1.0/me"))
        quick_took = time.monotonic() - begun
        answers = await asyncio.gather(*hanging)
        took = time.monotonic() - begun
    assert quick.status == 200 and quick_took < 0.5
    assert {(answer.status, answer.code) for answer in answers} == {(504, "UPSTREAM_TIMED_OUT")}
    assert 0.5 < took < 2


@pytest.mark.parametrize(
    "start",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", b"broken"),
    ],
)
@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
async def test_an_answer_that_breaks_off_resets_the_client(start: tuple[bytes, ...], version: bytes) -> None:
    async with RecordingUpstream(answering(*start, then_close=True)) as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me").replace(b"HTTP/1.1", version))
        with pytest.raises(ConnectionResetError):
            await client.read_to_end(5)
        lines = await gateway.log_lines(1)
    assert (lines[0]["status"], lines[0]["reason"], lines[0]["is_cut_short"]) == (200, "upstream_unreachable", True)


async def test_an_answer_that_stalls_in_the_middle_resets_the_client() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
        await asyncio.sleep(30)

    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me"))
        with pytest.raises(ConnectionResetError):
            await client.read_to_end(5)


async def test_a_read_is_sent_again_when_a_kept_connection_turns_out_dead_and_a_write_is_not() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        if request.connection == 1 and len([r for r in api.requests if r.connection == 1]) > 1:
            writer.transport.abort()
        else:
            writer.write(OK)

    for method, wanted, attempts in (("GET", 200, 3), ("POST", 502, 2)):
        async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
            assert (await gateway.ask(gateway.signed("GET", "/1.0/me"))).status == 200
            answer = await gateway.ask(gateway.signed(method, "/1.0/me/x"))
        assert (answer.status, len(api.requests)) == (wanted, attempts)


async def test_an_upstream_that_closes_without_an_answer_is_not_asked_a_third_time() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert (answer.status, len(api.requests)) == (502, 1)


async def test_a_long_answer_to_a_slow_client_waits_at_the_upstream_not_in_memory() -> None:
    size = 200_000_000
    sent = 0

    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * 1_000_000
        for _ in range(size // len(block)):
            writer.write(block)
            await writer.drain()
            sent += len(block)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me"))
        await client.reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.8)
        held = sent
        # Longer than the upstream's time-out: the silence was the client's doing.
        received = 0
        while received < size:
            received += len(await client.reader.read(1_000_000))
        client.close()
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert received == size
    assert held < 40_000_000
    assert grown_kib < 60_000


async def test_a_client_that_leaves_ends_the_exchange_with_the_upstream() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        if request.target.endswith("stream"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\npart")
        await asyncio.Event().wait()

    for target in ("/1.0/me/hang", "/1.0/me/stream"):
        async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
            client = await gateway.connect()
            client.send(gateway.signed("GET", target))
            await _until(lambda: api.requests, "the request did not arrive")
            client.close()
            await _until(lambda: api.lost_connections == 1, "the upstream was not told")
            lines = await gateway.log_lines(1)
        assert lines[0]["is_cut_short"] is True


async def test_an_upstream_connection_is_kept_and_not_shared_by_two_calls_at_once() -> None:
    async def script(request: Recorded, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(_sized(f'"{request.target}"'))

    async with RecordingUpstream(script) as api, running_gateway(api.address) as gateway:
        await _ask_all(gateway, 10)
        await _ask_all(gateway, 10)
    assert api.connections == 10


async def _ask_all(gateway: TestedGateway, count: int) -> None:
    targets = [f"/1.0/me/{number}" for number in range(count)]
    answers = await asyncio.gather(*[gateway.ask(gateway.signed("GET", target)) for target in targets])
    assert [answer.body.decode() for answer in answers] == [f'"{target}"' for target in targets]
