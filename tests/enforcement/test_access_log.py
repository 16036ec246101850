"""Every exchange leaves one line, and no line holds a secret."""

import asyncio
import json
import threading

import pytest

from doubles.grants import APPLICATION_KEY, APPLICATION_SECRET, CONSUMER_KEY, MemoryGrants
from doubles.upstream import Recorded, RecordingUpstream
from doubles.upstream_gateway import running_gateway
from mandat.enforcement.access_log import FLUSH_LINES, MAX_BUFFERED_LINES, AccessLog, LogLine

LINE = LogLine(time=1.5, query_id="q", address="::1", method="GET", path="/", status=200, seconds=0.25)


async def _ended(log: AccessLog, task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
    assert log.dropped == 0


async def test_a_permitted_call_is_logged_with_who_and_where_and_how_long() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        answer = await gateway.ask(gateway.signed("POST", "/1.0/me/x?secret=1", b'{"a":1}'))
        (line,) = await gateway.log_lines(1)
    seconds, when = line.pop("seconds"), line.pop("time")
    assert isinstance(seconds, float) and 0 < seconds < 1 and isinstance(when, float)
    assert line == {
        "query_id": answer.headers["x-ovh-queryid"],
        "address": "127.0.0.1",
        "method": "POST",
        "path": "/1.0/me/x",
        "status": 200,
        "received_bytes": 7,
        "sent_bytes": 4,
        "upstream": "api",
        "account": "aa1-mandat",
        "application": 1,
        "credential": 11,
    }


async def test_the_trace_that_a_caller_is_in_is_logged() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        await gateway.ask(gateway.request("GET", "/1.0/auth/time", headers={"traceparent": trace}))
        await gateway.ask(gateway.request("GET", "/1.0/auth/time", headers={"traceparent": trace + "-secret"}))
        lines = await gateway.log_lines(2)
    assert [line.get("trace") for line in lines] == [trace, None]


async def test_a_refusal_is_logged_with_its_reason() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        await gateway.ask(gateway.request("GET", "/1.0/me"))
        await gateway.ask(b"rubbish\r\n\r\n")
        await gateway.ask(gateway.request("GET", "/1.0/auth/time"))
        lines = await gateway.log_lines(3)
    assert [(line["status"], line.get("reason"), line["path"]) for line in lines] == [
        (401, "missing_credential", "/1.0/me"),
        (400, "malformed_request", ""),
        (200, None, "/1.0/auth/time"),
    ]


async def test_a_refusal_is_logged_with_what_it_named_and_what_the_caller_was_told() -> None:
    grants = MemoryGrants()
    grants.add_application()
    grants.add_grant("GET /*")
    async with RecordingUpstream() as api, running_gateway(api.address, grants=grants) as gateway:
        answer = await gateway.ask(gateway.signed("DELETE", "/1.0/nowhere"))
        (line,) = await gateway.log_lines(1)
    told = json.loads(answer.body)["details"]
    assert told["missingRule"] == "DELETE /nowhere"
    assert (line["application"], line["credential"], line["details"]) == (1, 11, told)
    assert "account" not in line


async def test_a_refusal_of_the_authority_is_logged_with_its_reason_which_the_caller_does_not_see() -> None:
    async def refuse(_: Recorded, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nX-Mandat-Refused-For: unknown_object\r\n\r\n{}")

    async with RecordingUpstream(refuse) as authority, running_gateway(authority.address) as gateway:
        answer = await gateway.ask(gateway.request("GET", "/login"))
        (line,) = await gateway.log_lines(1)
    assert (line["status"], line["reason"], line["upstream"]) == (404, "unknown_object", "authority")
    assert "x-mandat-refused-for" not in answer.headers


async def test_no_secret_of_any_exchange_is_in_the_log() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        extra = "Cookie: session=canary-cookie\r\nAuthorization: Bearer canary-bearer\r\n"
        good = gateway.signed("POST", "/1.0/me/x?q=canary-query", b'"canary-body"', extra=extra)
        signature = good.partition(b"$1$")[2][:40]
        requests = [
            good,
            good,
            good.replace(b"/1.0/me/x", b"/1.0/me/y"),
            gateway.request("GET", "/login?credentialToken=canary-token", extra=extra),
            gateway.request("GET", "/auth/?credentialToken=canary-token#x", extra=extra),
            gateway.request("POST", "/1.0/auth/credential", b'"canary-body"', extra=extra),
        ]
        for request in requests:
            await gateway.ask(request)
        await gateway.log_lines(len(requests))
    log = b"".join(gateway.raw_log)
    for secret in (APPLICATION_SECRET, CONSUMER_KEY, APPLICATION_KEY, "canary"):
        assert secret.encode() not in log
    assert signature not in log


async def test_control_characters_cannot_forge_a_line() -> None:
    async with RecordingUpstream() as api, running_gateway(api.address) as gateway:
        target = b'/1.0/x"%0a{"status":200}\xc3\xa9\xff'
        await gateway.ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        await gateway.log_lines(1)
    log = b"".join(gateway.raw_log)
    assert log.count(b"\n") == 1
    assert json.loads(log)["status"] == 400


async def test_lines_are_written_in_order_soon_and_in_blocks() -> None:
    blocks: list[bytes] = []
    log = AccessLog(blocks.append)
    task = asyncio.create_task(log.run())
    log.note(LINE)
    log.note(LINE)
    assert blocks == []
    await asyncio.sleep(0.3)
    assert len(blocks) == 1 and blocks[0].count(b"\n") == 2
    for _ in range(FLUSH_LINES * 2):
        log.note(LINE)
    await _ended(log, task)
    lines = b"".join(blocks).splitlines()
    assert len(lines) == 2 + FLUSH_LINES * 2
    assert set(lines) == {lines[0]}


@pytest.mark.parametrize("is_broken", [True, False])
async def test_a_disk_that_fails_or_is_slow_loses_lines_and_nothing_else(is_broken: bool) -> None:
    released = threading.Event()

    def write(block: bytes) -> None:
        if is_broken:
            raise OSError("no space left on device")
        released.wait(5)

    log = AccessLog(write)
    task = asyncio.create_task(log.run())
    count = MAX_BUFFERED_LINES * 2
    for number in range(count):
        log.note(LINE)
        if number % 1000 == 0:
            await asyncio.sleep(0)
    released.set()
    task.cancel()
    await asyncio.wait([task])
    assert 0 < log.dropped <= count
