"""Bytes that two hops could read differently are refused: one answer, then the end, and nothing reaches an upstream."""

import asyncio

import pytest

from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import TestedGateway, running_gateway
from mandat.enforcement.settings import Limits

HOST = "Host: 127.0.0.1\r\n"

BAD_HEADS = {
    "HTTP/2.0": f"GET /1.0/auth/time HTTP/2.0\r\n{HOST}\r\n",
    "HTTP/1.2": f"GET /1.0/auth/time HTTP/1.2\r\n{HOST}\r\n",
    "HTTP/0.9": "GET /1.0/auth/time\r\n\r\n",
    "no version digits": f"GET /1.0/auth/time HTTP/\r\n{HOST}\r\n",
    "lower-case version": f"GET /1.0/auth/time http/1.1\r\n{HOST}\r\n",
    "two blanks": f"GET  /1.0/auth/time HTTP/1.1\r\n{HOST}\r\n",
    "a blank in the target": f"GET /1.0/auth/time x HTTP/1.1\r\n{HOST}\r\n",
    "a tab in the request line": f"GET\t/1.0/auth/time HTTP/1.1\r\n{HOST}\r\n",
    "lower-case method": f"get /1.0/auth/time HTTP/1.1\r\n{HOST}\r\n",
    "unknown method": f"BREW /1.0/auth/time HTTP/1.1\r\n{HOST}\r\n",
    "no Host": "GET /1.0/auth/time HTTP/1.1\r\nAccept: x\r\n\r\n",
    "no Host in 1.0": "GET /1.0/auth/time HTTP/1.0\r\nAccept: x\r\n\r\n",
    "empty Host": "GET /1.0/auth/time HTTP/1.1\r\nHost:\r\n\r\n",
    "two Hosts": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}{HOST}\r\n",
    "two Hosts in two spellings": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}hOST: other\r\n\r\n",
    "blank before the colon": "GET /1.0/auth/time HTTP/1.1\r\nHost : a\r\n\r\n",
    "no colon": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}Broken\r\n\r\n",
    "empty name": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}: x\r\n\r\n",
    "folded header": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}X: a\r\n b\r\n\r\n",
    "folded with a tab": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}X: a\r\n\tb\r\n\r\n",
    "folded first header": f"GET /1.0/auth/time HTTP/1.1\r\n X: a\r\n{HOST}\r\n",
    "bare LF": "GET /1.0/auth/time HTTP/1.1\nHost: a\n\n",
    "bare LF inside": "GET /1.0/auth/time HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "bare CR inside": "GET /1.0/auth/time HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",
    "CR CR LF": "GET /1.0/auth/time HTTP/1.1\r\r\nHost: a\r\n\r\n",
    "NUL in a value": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}X: a\0b\r\n\r\n",
    "control in a value": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}X: a\x01b\r\n\r\n",
    "DEL in a value": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}X: a\x7fb\r\n\r\n",
    "CONNECT": f"CONNECT 127.0.0.1:80 HTTP/1.1\r\n{HOST}\r\n",
    "websocket": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "h2c": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
    "Upgrade alone": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}Upgrade: x\r\n\r\n",
    "CL and TE": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": f"POST /login HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "TE twice": f"POST /login HTTP/1.1\r\n{HOST}" + "Transfer-Encoding: chunked\r\n" * 2 + "\r\n0\r\n\r\n",
    "TE list": f"POST /login HTTP/1.1\r\n{HOST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE identity": f"POST /login HTTP/1.1\r\n{HOST}Transfer-Encoding: identity\r\n\r\n",
    "TE chunked twice in one": f"POST /login HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "TE with a parameter": f"POST /login HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "TE quoted": f'POST /login HTTP/1.1\r\n{HOST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "TE in 1.0": f"POST /login HTTP/1.0\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CL twice": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}",
    "CL list": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: 2, 2\r\n\r\n{{}}",
    "CL with a sign": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: +2\r\n\r\n{{}}",
    "CL negative": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: -1\r\n\r\n{{}}",
    "CL hex": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: 0x2\r\n\r\n{{}}",
    "CL empty": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: \r\n\r\n{{}}",
    "CL huge": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: {2**64}\r\n\r\n{{}}",
    "CL fraction": f"POST /login HTTP/1.1\r\n{HOST}Content-Length: 2.0\r\n\r\n{{}}",
    "Trailer announced": f"POST /login HTTP/1.1\r\n{HOST}Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "odd Expect": f"POST /login HTTP/1.1\r\n{HOST}Expect: 200-maybe\r\nContent-Length: 2\r\n\r\n{{}}",
    "too many fields": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}" + "X: y\r\n" * 64 + "\r\n",
    "too large a head": f"GET /1.0/auth/time HTTP/1.1\r\n{HOST}X: {'y' * 16_384}\r\n\r\n",
    "too large a target": f"GET /1.0/{'y' * 16_384} HTTP/1.1\r\n{HOST}\r\n",
    "a TLS hello": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "the HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_HEADS)
async def test_a_head_that_is_not_clear_is_refused_once_and_ends_the_connection(name: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        follower = gateway.request("GET", "/login")
        client.send(BAD_HEADS[name].encode("latin-1") + follower)
        everything = await client.read_to_end(5)
    assert everything.startswith(b"HTTP/1.1 400 "), everything[:200]
    assert everything.count(b"\r\nX-Ovh-QueryID: ") == 1
    assert b"\r\nX-Ovh-QueryID: " in everything
    assert b"\r\nConnection: close\r\n" in everything
    assert b'"errorCode":"BAD_REQUEST"' in everything
    assert api.requests == []


BAD_CHUNKS = {
    "bare LF after the size": b"2\n{}\r\n0\r\n\r\n",
    "bare LF after the chunk": b"2\r\n{}\n0\r\n\r\n",
    "longer than said": b"2\r\n{} \r\n0\r\n\r\n",
    "size with a blank": b"2 \r\n{}\r\n0\r\n\r\n",
    "size with 0x": b"0x2\r\n{}\r\n0\r\n\r\n",
    "negative size": b"-2\r\n{}\r\n0\r\n\r\n",
    "overflowing size": b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    "bare LF in an extension": b"2;a\nb\r\n{}\r\n0\r\n\r\n",
    "a trailer": b"2\r\n{}\r\n0\r\nX-Ovh-Application: x\r\n\r\n",
    "bare LF at the end": b"2\r\n{}\r\n0\r\n\n",
    "no size": b"\r\n{}\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
@pytest.mark.parametrize("is_judged", [True, False])
async def test_a_chunked_body_that_is_not_clear_is_refused_once_and_ends_the_connection(
    name: str, is_judged: bool
) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        head = gateway.signed("POST", "/1.0/me/x", b"{}") if is_judged else gateway.request("POST", "/login", b"{}")
        head = head[:-2].replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")
        client = await gateway.connect()
        client.send(head + BAD_CHUNKS[name] + gateway.request("GET", "/login"))
        everything = await client.read_to_end(5)
    assert everything.startswith(b"HTTP/1.1 400 "), everything[:200]
    assert everything.count(b"\r\nX-Ovh-QueryID: ") == 1
    assert api.requests == []


async def test_requests_sent_ahead_are_answered_in_order() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        requests = [
            gateway.signed("GET", "/1.0/me?n=1"),
            gateway.request("GET", "/1.0/auth/time"),
            gateway.signed("POST", "/1.0/me/x?n=2", b'{"n":2}'),
            gateway.request("GET", "/nowhere"),
            gateway.signed("GET", "/1.0/me?n=3"),
        ]
        client.send(b"".join(requests))
        answers = [await client.read_answer() for _ in requests]
        client.close()
    assert [answer.status for answer in answers] == [200, 200, 200, 404, 200]
    assert answers[1].body.isdigit()
    assert [request.target for request in api.requests] == ["/1.0/me?n=1", "/1.0/me/x?n=2", "/1.0/me?n=3"]


async def test_a_request_right_after_a_chunked_body_is_answered_too() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        first = gateway.signed("POST", "/1.0/me/x", b"{}")[:-2].replace(
            b"Content-Length: 2", b"Transfer-Encoding: chunked"
        )
        client = await gateway.connect()
        client.send(first + b"2\r\n{}\r\n0\r\n\r\n" + gateway.signed("GET", "/1.0/me"))
        statuses = [(await client.read_answer()).status, (await client.read_answer()).status]
        client.close()
    assert statuses == [200, 200]
    assert [request.method for request in api.requests] == ["POST", "GET"]


async def test_one_byte_at_a_time_is_understood() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        request = gateway.signed("POST", "/1.0/me/x", b"{}")[:-2].replace(
            b"Content-Length: 2", b"Transfer-Encoding: chunked"
        )
        for byte in request + b"2\r\n{}\r\n0\r\n\r\n":
            client.send(bytes([byte]))
            await client.writer.drain()
            await asyncio.sleep(0)
        answer = await client.read_answer()
        client.close()
    assert (answer.status, api.requests[0].body) == (200, b"{}")


async def test_an_empty_line_before_a_request_is_ignored() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(b"\r\n" + gateway.request("GET", "/1.0/auth/time"))
    assert answer.status == 200


async def test_an_http_10_client_gets_its_answer_and_the_end_of_the_connection() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me").replace(b"HTTP/1.1", b"HTTP/1.0"))
        everything = await client.read_to_end()
    assert everything.startswith(b"HTTP/1.1 200 ") and everything.endswith(b"\r\n\r\nnull")


async def test_a_client_that_says_close_gets_its_answer_and_the_end_of_the_connection() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me", extra="Connection: close\r\n") + gateway.request("GET", "/login"))
        everything = await client.read_to_end()
    assert everything.count(b"\r\nX-Ovh-QueryID: ") == 1
    assert b"\r\nConnection: close\r\n" in everything
    assert len(api.requests) == 1


async def _ended_after(gateway: TestedGateway, *pieces: bytes) -> tuple[float, bytes]:
    loop = asyncio.get_running_loop()
    client = await gateway.connect()
    begun = loop.time()
    for piece in pieces:
        client.send(piece)
        await asyncio.sleep(0.15)
    everything = await client.read_to_end(5)
    return loop.time() - begun, everything


async def test_a_head_that_never_ends_is_ended_by_a_deadline_however_it_drips() -> None:
    limits = Limits(head_seconds=0.5, idle_seconds=60)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=limits) as gateway:
        silent, nothing = await _ended_after(gateway)
        dripping, refusal = await _ended_after(gateway, *[b"GET /1.0/me HTTP/1.1\r\nX: y", *[b"z"] * 6])
    assert nothing == b""
    assert refusal.startswith(b"HTTP/1.1 400 ")
    assert 0.4 < silent < 2 and 0.4 < dripping < 2


async def test_a_kept_connection_is_closed_after_a_while_of_silence() -> None:
    limits = Limits(idle_seconds=0.4)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=limits) as gateway:
        took, everything = await _ended_after(gateway, gateway.request("GET", "/1.0/auth/time"))
    assert everything.startswith(b"HTTP/1.1 200 ")
    assert 0.3 < took < 2


async def test_a_body_that_never_ends_is_ended_by_a_deadline() -> None:
    limits = Limits(body_seconds=0.4)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=limits) as gateway:
        request = gateway.signed("POST", "/1.0/me/x", b'{"a":1}')
        took, everything = await _ended_after(gateway, request[:-3])
    assert everything.startswith(b"HTTP/1.1 400 ") and b"took too long" in everything
    assert 0.3 < took < 2
    assert api.requests == []


@pytest.mark.parametrize("is_judged", [True, False])
async def test_a_body_over_the_limit_is_refused_before_it_is_read(is_judged: bool) -> None:
    limits = Limits(max_body_bytes=1000)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=limits) as gateway:
        body = b'"' + b"x" * 1000 + b'"'
        request = gateway.signed("POST", "/1.0/me/x", body) if is_judged else gateway.request("POST", "/login", body)
        whole = await gateway.ask(request)
        head_only = await gateway.ask(request[: -len(body)])
    assert (whole.status, head_only.status) == (413, 413)
    assert whole.code == "BODY_TOO_LARGE"
    assert api.requests == []


async def test_a_chunked_body_over_the_limit_is_refused() -> None:
    limits = Limits(max_body_bytes=1000)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=limits) as gateway:
        head = gateway.request("POST", "/login", b"x")[:-1].replace(b"Content-Length: 1", b"Transfer-Encoding: chunked")
        answer = await gateway.ask(head + b"1ff\r\n" + b"x" * 511 + b"\r\n" + b"1ff\r\n" + b"x" * 511 + b"\r\n")
    assert (answer.status, api.requests) == (413, [])


async def test_bodies_beyond_the_budget_of_the_worker_are_refused_until_there_is_room_again() -> None:
    limits = Limits(max_body_bytes=1000, buffer_bytes=1500)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=limits) as gateway:
        body = b'"' + b"x" * 900 + b'"'
        request = gateway.request("POST", "/login", body)
        slow = await gateway.connect()
        slow.send(request[:-10])
        await asyncio.sleep(0.1)
        refused = await gateway.ask(request)
        slow.send(request[-10:])
        assert (await slow.read_answer()).status == 200
        slow.close()
        admitted = await gateway.ask(request)
    assert (refused.status, refused.code, admitted.status) == (503, "OVERLOADED", 200)


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_once_the_decision_wants_it() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        request = gateway.signed("POST", "/1.0/me/x", b'{"a":1}', extra="Expect: 100-continue\r\n")
        client = await gateway.connect()
        client.send(request[:-7])
        assert (await client.read_answer()).status == 100
        client.send(request[-7:])
        assert (await client.read_answer()).status == 200
        client.close()
    assert api.requests[0].body == b'{"a":1}'
    assert api.requests[0].get("expect") is None


async def test_a_client_that_waits_to_be_asked_is_told_no_at_once() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        request = gateway.request("POST", "/1.0/me/x", b'{"a":1}', extra="Expect: 100-continue\r\n")
        client = await gateway.connect()
        client.send(request[:-7])
        everything = await client.read_to_end(5)
    assert everything.startswith(b"HTTP/1.1 401 ")


async def test_after_a_refusal_the_rest_of_a_small_body_is_skipped_and_the_connection_kept() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        client = await gateway.connect()
        unsigned = gateway.request("POST", "/1.0/me/x", b"GET /login HTTP/1.1\r\nHost: a\r\n\r\n")
        client.send(unsigned[:-20])
        assert (await client.read_answer()).status == 401
        client.send(unsigned[-20:] + gateway.signed("GET", "/1.0/me"))
        assert (await client.read_answer()).status == 200
        client.close()
    assert [request.target for request in api.requests] == ["/1.0/me"]


@pytest.mark.parametrize(
    "target",
    [
        "*",
        "http://127.0.0.1/1.0/me",
        "//1.0/me",
        "/1.0/me#x",
        "/1.0//me",
        "/1.0/me/../vps",
        "/1.0/me/%2e%2e/vps",
        "/1.0/me;x",
        "/1.0/me%00",
        "/1.0/m%65",
        "/1.0/me%",
        "/1.0/me\\x",
        "/login//",
        "/%6cogin",
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_a_target_that_is_not_canonical_is_refused_whatever_the_route(method: str, target: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed(method, target))
    assert answer.status == 400
    assert api.requests == []
