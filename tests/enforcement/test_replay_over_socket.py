"""The node's keeper and the workers that ask it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mandat.enforcement.interfaces import SourceUnavailable, WriteSeen
from mandat.enforcement.replay.client import ReplayClient
from mandat.enforcement.replay.keeper import serve_replay
from mandat.enforcement.replay.memory import ReplayMemory


def _memory() -> ReplayMemory:
    now = asyncio.get_running_loop().time()
    return ReplayMemory(window_seconds=180, started=0, started_monotonic=now)


def _write(number: int, *, strict: bool = True) -> WriteSeen:
    return WriteSeen(number.to_bytes(32), b"c" * 32, 1_700_000_000 + number, strict)


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "replay.sock"
    server = await serve_replay(path, _memory())
    yield path
    server.close()


async def test_what_one_worker_admitted_another_refuses(path: Path) -> None:
    first, second = ReplayClient(str(path)), ReplayClient(str(path))
    assert await first.admit(_write(1))
    assert not await second.admit(_write(1))
    assert await second.admit(_write(2))


async def test_many_questions_at_once_get_each_their_own_answer(path: Path) -> None:
    client = ReplayClient(str(path))
    numbers = [number // 2 for number in range(2000)]
    answers = await asyncio.gather(*[client.admit(_write(number)) for number in numbers])
    assert answers == [index % 2 == 0 for index in range(2000)]


async def test_only_the_owner_may_connect(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600


async def test_no_keeper_is_no_admission(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        await ReplayClient(str(tmp_path / "nobody.sock")).admit(_write(1))


async def test_a_keeper_that_does_not_answer_is_no_admission_and_is_asked_again_on_a_new_connection(
    tmp_path: Path,
) -> None:
    connections = 0

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    path = str(tmp_path / "replay.sock")
    server = await asyncio.start_unix_server(keep_silent, path)
    client = ReplayClient(path, deadline_seconds=0.1)
    for _ in range(2):
        with pytest.raises(SourceUnavailable):
            await client.admit(_write(1))
    server.close()
    assert connections == 2


async def test_a_keeper_that_comes_back_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "replay.sock"
    client = ReplayClient(str(path))
    server = await serve_replay(path, _memory())
    assert await client.admit(_write(1))
    client.close()
    server.close()
    server = await serve_replay(path, _memory())
    assert await client.admit(_write(1))
    server.close()


async def test_an_asker_that_gives_up_does_not_shift_the_answers_of_the_others(path: Path) -> None:
    client = ReplayClient(str(path))
    await client.admit(_write(0))
    given_up = asyncio.ensure_future(client.admit(_write(0)))
    await asyncio.sleep(0)
    given_up.cancel()
    assert await client.admit(_write(1))
    assert not await client.admit(_write(1))
