"""What reaches an upstream is exactly what was judged."""

import pytest

from doubles.grants import MemoryGrants
from doubles.upstream import RecordingUpstream
from doubles.upstream_gateway import TestedGateway, running_gateway


async def test_a_signed_get_reaches_the_upstream_and_its_answer_the_client() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert (answer.status, answer.body) == (200, b"null")
    assert [(request.method, request.target) for request in api.requests] == [("GET", "/1.0/me")]


@pytest.mark.parametrize(
    "target",
    [
        "/1.0/me",
        "/v1/me",
        "/1.0/domain/zone/",
        "/1.0/domain/zone/example.org/record?fieldType=TXT&subDomain=_acme-challenge+%C3%A9t%C3%A9",
        "/1.0/ip/203.0.113.0%2F29?a=true&b=null",
        "/1.0/ip/203.0.113.0%2f29/reverse",
        "/1.0/me/api%20x/a+b,c=d:e@f!$&'()*~",
        "/1.0/domain/zone/caf%C3%A9",
        "/1.0/me?next=https://other.example/%2e%2e/x&empty=&&=",
        "/1.0/me?",
    ],
)
async def test_the_target_is_forwarded_byte_for_byte(target: str) -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", target))
    assert answer.status == 200, answer.body
    assert [request.target for request in api.requests] == [target]


async def test_the_trace_that_a_caller_is_in_goes_on_behind_the_gateway() -> None:
    trace = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1"}
    extra = "".join(f"{name}: {value}\r\n" for name, value in trace.items())
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        await gateway.ask(gateway.signed("GET", "/1.0/me", extra=extra))
    assert {name: api.requests[0].get(name) for name in trace} == trace


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
async def test_the_body_is_forwarded_byte_for_byte_with_its_length(method: str) -> None:
    body = b'{ "a" : "\\u00e9 \xc3\xa9", "b":[1, 2.50, null]}'
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed(method, "/1.0/domain/zone/example.org/record", body))
    assert answer.status == 200, answer.body
    assert api.requests[0].body == body
    assert api.requests[0].get("content-length") == str(len(body))


async def test_a_write_without_a_body_is_forwarded_with_length_zero_and_a_read_without_a_length() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        await gateway.ask(gateway.signed("POST", "/1.0/domain/zone/example.org/refresh"))
        await gateway.ask(gateway.signed("GET", "/1.0/me", extra="Content-Length: 0\r\n"))
    assert [request.get("content-length") for request in api.requests] == ["0", None]


@pytest.mark.parametrize("split", [1, 7, 1000])
async def test_a_chunked_body_is_joined_and_forwarded_with_its_length(split: int) -> None:
    body = b'{"text":"' + b"\\r\\n\\r\\n0" * 40 + b'"}'
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        request = _chunked(gateway, body, size=split)
        answer = await gateway.ask(request)
    assert answer.status == 200, answer.body
    assert (api.requests[0].body, api.requests[0].get("content-length")) == (body, str(len(body)))


async def test_a_body_that_comes_in_many_packets_is_judged_and_forwarded_whole() -> None:
    body = b'{"text":"' + b"x" * 3000 + b'"}'
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        request = gateway.signed("POST", "/1.0/me/x", body)
        client = await gateway.connect()
        for begin in range(0, len(request), 500):
            client.send(request[begin : begin + 500])
            await client.writer.drain()
        answer = await client.read_answer()
        client.close()
    assert (answer.status, api.requests[0].body) == (200, body)


async def test_a_head_is_judged_as_a_get_and_forwarded_as_a_head() -> None:
    grants = MemoryGrants()
    grants.add_application()
    grants.add_grant("GET /me")
    async with RecordingUpstream() as api, running_gateway(api.address, grants=grants) as gateway:
        answer = await gateway.ask(gateway.signed("HEAD", "/1.0/me"))
    assert (answer.status, answer.body) == (200, b"")
    assert api.requests[0].method == "HEAD"


async def test_a_call_waits_for_storage_when_memory_does_not_have_the_answer() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        gateway.grants.is_cold = True
        answer = await gateway.ask(gateway.signed("POST", "/1.0/me/x", b'{"a":1}'))
    assert (answer.status, gateway.grants.finds) == (200, 2)
    assert api.requests[0].body == b'{"a":1}'


async def test_an_ungranted_call_reaches_no_upstream_and_names_the_missing_rule() -> None:
    grants = MemoryGrants()
    grants.add_application()
    grants.add_grant("GET /me")
    async with RecordingUpstream() as api, running_gateway(api.address, grants=grants) as gateway:
        answer = await gateway.ask(gateway.signed("DELETE", "/1.0/domain/zone/other.example"))
    assert (answer.status, answer.code, api.requests) == (403, "NOT_GRANTED_CALL", [])
    assert answer.json["details"]["missingRule"] == "DELETE /domain/zone/other.example"  # type: ignore[index]


async def test_a_revoked_credential_is_refused_on_the_next_call_of_the_same_connection() -> None:
    grants = MemoryGrants()
    grants.add_application()
    grant = grants.add_grant("GET /me")
    async with RecordingUpstream() as api, running_gateway(api.address, grants=grants) as gateway:
        client = await gateway.connect()
        client.send(gateway.signed("GET", "/1.0/me"))
        assert (await client.read_answer()).status == 200
        grants.revoke(grant)
        client.send(gateway.signed("GET", "/1.0/me"))
        answer = await client.read_answer()
        client.close()
    assert (answer.status, answer.code, len(api.requests)) == (403, "INVALID_CREDENTIAL", 1)


async def test_storage_that_does_not_answer_closes_the_door() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        gateway.grants.is_down = True
        answer = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert (answer.status, answer.code, api.requests) == (503, "SERVICE_UNAVAILABLE", [])
    assert answer.headers["retry-after"] == "1"


async def test_a_write_is_refused_when_the_replay_memory_does_not_answer_and_a_read_is_not() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        gateway.replay.is_down = True
        write = await gateway.ask(gateway.signed("POST", "/1.0/me/x"))
        read = await gateway.ask(gateway.signed("GET", "/1.0/me"))
    assert (write.status, read.status, len(api.requests)) == (503, 200, 1)


async def test_a_write_is_admitted_three_times_at_most_and_a_read_as_often_as_it_comes() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        write, read = gateway.signed("POST", "/1.0/me/x"), gateway.signed("GET", "/1.0/me")
        writes = [(await gateway.ask(write)).status for _ in range(5)]
        reads = [(await gateway.ask(read)).status for _ in range(5)]
    assert (writes, reads) == ([200, 200, 200, 400, 400], [200] * 5)
    assert len(api.requests) == 8


async def test_two_calls_that_share_one_signature_are_not_a_repetition_of_each_other() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        first = gateway.signed("POST", "/1.0/me/x?name=a", b'1+{"evil":1}')
        honest = gateway.signed("POST", "/1.0/me/x?name=a+1", b'{"evil":1}')
        shifted = gateway.request("POST", "/1.0/me/x?name=a", b'1+{"evil":1}')
        assert first != shifted
        assert _signature(first) == _signature(honest)
        assert (await gateway.ask(honest)).status == 200
        refused = await gateway.ask(first)
    assert (refused.status, len(api.requests)) == (400, 1)


async def test_an_encoded_slash_is_refused_where_the_upstream_reads_it_as_a_slash() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("GET", "/1.0/domain/zone/a%2Fb"))
    assert (answer.status, answer.code, api.requests) == (400, "INVALID_URL", [])


async def test_a_permitted_call_that_no_upstream_answers_is_an_unknown_route() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        for target in ("/1.0/cloud/project", "/1.0/domains", "/1.0/mer"):
            answer = await gateway.ask(gateway.signed("GET", target))
            assert (answer.status, answer.code) == (404, "INVALID_URL"), target
    assert api.requests == []


async def test_each_use_is_counted_under_its_rule_and_refusals_are_not() -> None:
    grants = MemoryGrants()
    grants.add_application()
    grants.add_grant("GET /me", "POST /me/*")
    async with RecordingUpstream() as api, running_gateway(api.address, grants=grants) as gateway:
        await gateway.ask(gateway.signed("GET", "/1.0/me"))
        await gateway.ask(gateway.signed("POST", "/1.0/me/x"))
        await gateway.ask(gateway.signed("DELETE", "/1.0/me/x"))
    assert [use[:3] for use in gateway.uses.uses] == [
        (11, "GET /me", "127.0.0.1"),
        (11, "POST /me/*", "127.0.0.1"),
    ]


def _chunked(gateway: TestedGateway, body: bytes, *, size: int) -> bytes:
    head = gateway.signed("POST", "/1.0/me/x", body).partition(b"\r\n\r\n")[0]
    head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: Chunked")
    pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"\r\n\r\n" + chunks + b"0\r\n\r\n"


def _signature(request: bytes) -> bytes:
    return request.partition(b"X-Ovh-Signature: ")[2].partition(b"\r\n")[0]
