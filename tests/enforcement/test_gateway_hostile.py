"""Whatever a stranger sends: never a 5xx, never anything at an upstream, and the gateway still serves."""

import random

import pytest

from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import RawClient, TestedGateway, running_gateway
from mandat.enforcement.settings import Limits

ROUNDS = 250


def _mutated(request: bytes, dice: random.Random) -> bytes:
    """The request with a few bytes changed, dropped, doubled or swapped, so that no signature holds any more."""
    data = bytearray(request)
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(data))
        match dice.randrange(5):
            case 0:
                data[place] = dice.choice(b"\0\r\n\t :;/%.#?\\\x7f\x80\xff0A")
            case 1:
                del data[place : place + dice.randint(1, 9)]
            case 2:
                data[place:place] = dice.choice([b"\r\n", b"\r\n\r\n", b"%2e", b"/../", b"\n", b"0", b"chunked", b": "])
            case 3:
                data[place:place] = data[place : place + dice.randint(1, 60)]
            case 4:
                data[place:place] = dice.randbytes(dice.randint(1, 5))
        if not data:
            return b"\r\n"
    return bytes(data)


async def _everything(client: RawClient) -> bytes:
    """All answers; a client that keeps its connection open gets a reset from the test."""
    try:
        return await client.read_to_end(0.25)
    except TimeoutError:
        return bytes(client.reader._buffer)  # type: ignore[attr-defined]
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("seed", range(4))
async def test_mutated_requests_get_a_client_error_or_silence(seed: int) -> None:
    dice = random.Random(seed)
    async with RecordingUpstream() as api, running_gateway(api.address, limits=Limits(head_seconds=0.2)) as gateway:
        gateway.grants.grants.clear()  # no credential, so that not even a harmless mutation is permitted
        seeds = _seeds(gateway)
        for _ in range(ROUNDS // 4):
            client = await gateway.connect()
            client.send(_mutated(dice.choice(seeds), dice) + b"\r\n\r\n")
            client.writer.write_eof()
            answers = await _everything(client)
            client.close()
            for status in answers.split(b"HTTP/1.1 ")[1:]:
                assert status[:1] in b"24", answers
        answer = await gateway.ask(gateway.request("GET", "/1.0/auth/time"))
    assert answer.status == 200
    assert [request.line for request in api.requests if not request.target.startswith("/login")] == []


def _seeds(gateway: TestedGateway) -> list[bytes]:
    return [
        gateway.signed("GET", "/1.0/me?a=b"),
        gateway.signed("POST", "/v1/domain/zone/example.org/record", b'{"a":"b"}'),
        gateway.signed("POST", "/1.0/me", b"x")[:-1].replace(b"Content-Length: 1", b"Transfer-Encoding: chunked")
        + b"1\r\nx\r\n0\r\n\r\n",
        gateway.request("OPTIONS", "/1.0/me"),
        gateway.request("GET", "/1.0/auth/time"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        b"{" * 100_000,
        b"[" * 1_000_000,
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b"1" * 5_000,
        b'"\\ud800"',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"",
        b"\0",
        b'{"a":"\0"}',
        b"'a'",
        b"{}\x80\0\0",
    ],
)
async def test_a_signed_body_that_is_not_one_strict_json_value_is_refused(body: bytes) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("POST", "/1.0/me/x", body))
    is_empty = body == b""
    assert answer.status == (200 if is_empty else 400), answer.body
    assert len(api.requests) == is_empty


@pytest.mark.parametrize(
    "fields",
    [
        "X-Ovh-Timestamp: 99999999999999999999\r\n",
        "X-Ovh-Application: a,b\r\n",
        "X-Ovh-Batch: ,\r\n",
        "X-Ovh-Consumer: \u0663\u0663\r\n",
        "Content-Encoding: gzip\r\n",
    ],
)
async def test_a_signed_call_with_an_unsigned_twist_is_refused(fields: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("POST", "/1.0/me/x", b"{}", extra=fields))
    assert 400 <= answer.status < 500
    assert api.requests == []
