"""Uses are counted and sent; nobody waits for them."""

import asyncio
import json
from pathlib import Path

import msgspec

from mandat.enforcement.counting.usage import UsageSender
from mandat.enforcement.interfaces import Use


async def _collect(path: Path, received: list[bytes]) -> asyncio.Server:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            received.append(line)
        writer.close()

    return await asyncio.start_unix_server(take, str(path))


async def _until_received(received: list[bytes], count: int) -> None:
    async with asyncio.timeout(5):
        while len(received) < count:
            await asyncio.sleep(0.01)


async def test_a_second_s_uses_are_one_line_with_equal_ones_counted_together(tmp_path: Path) -> None:
    received: list[bytes] = []
    server = await _collect(tmp_path / "usage.sock", received)
    sender = UsageSender(str(tmp_path / "usage.sock"), send_seconds=0.05)
    for _ in range(3):
        sender.note(11, "GET /me", "203.0.113.9", 1_700_000_000)
    sender.note(11, "GET /me", "203.0.113.10", 1_700_000_001)
    task = asyncio.create_task(sender.run())
    await _until_received(received, 1)
    sender.note(12, "-", "203.0.113.9", 1_700_000_002)
    await _until_received(received, 2)
    task.cancel()
    server.close()
    assert [msgspec.json.decode(line, type=list[Use]) for line in received] == [
        [
            Use(11, "GET /me", "203.0.113.9", calls=3, at=1_700_000_001),
            Use(11, "GET /me", "203.0.113.10", calls=1, at=1_700_000_001),
        ],
        [Use(12, "-", "203.0.113.9", calls=1, at=1_700_000_002)],
    ]


async def test_what_was_counted_before_the_end_is_sent(tmp_path: Path) -> None:
    received: list[bytes] = []
    server = await _collect(tmp_path / "usage.sock", received)
    sender = UsageSender(str(tmp_path / "usage.sock"), send_seconds=60)
    task = asyncio.create_task(sender.run())
    await asyncio.sleep(0)
    sender.note(11, "GET /me", "::1", 1_700_000_000)
    task.cancel()
    await _until_received(received, 1)
    server.close()


async def test_uses_nobody_takes_are_dropped_and_later_ones_arrive(tmp_path: Path) -> None:
    path = tmp_path / "usage.sock"
    sender = UsageSender(str(path), max_keys=2)
    sender.note(1, "lost", "::1", 1)
    await sender.send()
    received: list[bytes] = []
    server = await _collect(path, received)
    for number in range(4):
        sender.note(number, "kept", "::1", 2)
    await sender.send()
    await _until_received(received, 1)
    server.close()
    assert [use["credential_id"] for use in json.loads(received[0])] == [0, 1]


async def test_refusals_are_sent_beside_the_uses_and_told_apart(tmp_path: Path) -> None:
    received: list[bytes] = []
    server = await _collect(tmp_path / "usage.sock", received)
    sender = UsageSender(str(tmp_path / "usage.sock"), send_seconds=60, max_keys=1)
    sender.note(11, "GET /me", "::1", 1_700_000_000)
    for address in ("::1", "::1", "::2"):
        sender.note_refusal(11, "not_granted_call", address, 1_700_000_000)
    await sender.send()
    await _until_received(received, 1)
    server.close()
    assert msgspec.json.decode(received[0], type=list[Use]) == [
        Use(11, "GET /me", "::1", calls=1, at=1_700_000_000),
        Use(11, "", "::1", calls=2, at=1_700_000_000, outcome="not_granted_call"),
    ]
    assert sender.dropped == 1
