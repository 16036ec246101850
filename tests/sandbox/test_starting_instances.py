"""Starting one instance: addresses, and what is said when it does not work."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from mandat.sandbox.instances.jail import Isolation, Jail
from mandat.sandbox.instances.running import InstanceFault, address_of, number_of, start_instance
from mandat.sandbox.store.cloud import Instance
from support.instances import needs_isolation, processes_of
from support.ports import free_ports
from support.waiting import wait_for

pytestmark = pytest.mark.slow

PORT = 8705


def instance(address: str | None = None) -> Instance:
    return Instance("i", "p", "GRA1", "web", "f", "m", "BUILD", 0, {"index.html": "hello"}, address=address)


def pretended(tmp_path: Path, script: str) -> Jail:
    """An isolation that does `script` instead."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Jail(str(program), "prlimit", tmp_path / "hidden")


async def start(tmp_path: Path, script: str, *, address: str | None = None, port: int | None = None):
    jail = pretended(tmp_path, script)
    return await start_instance(
        instance(address), jail, folder=tmp_path / "site", http_port=port or free_ports(1), number=1
    )


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'bwrap: out of order' >&2; exit 1", "did not start: bwrap: out of order"),
        ("exit 0", "did not start: "),
        ("printf x >&0", "did not start: "),
    ],
)
async def test_a_web_server_that_does_not_start_is_said_in_its_own_words(tmp_path, script, words):
    before = open_files()

    with pytest.raises(InstanceFault) as fault:
        await start(tmp_path, script)

    assert words in str(fault.value)
    await asyncio.sleep(0)
    assert open_files() <= before + 1  # the loop keeps one for its children


async def test_a_program_that_is_not_there_is_a_fault_of_the_machine(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        await start_instance(
            instance(), Jail("/nowhere/bwrap", "prlimit", tmp_path), folder=tmp_path / "s", http_port=PORT, number=1
        )


async def test_an_address_that_is_taken_is_said_and_a_new_instance_takes_the_next(tmp_path):
    port = free_ports(1)
    with socket.create_server((address_of(1, port), port)):
        with pytest.raises(InstanceFault, match="is taken"):
            await start(tmp_path, "exit 0", address=address_of(1, port), port=port)
        running = await start(tmp_path, "printf r >&0; exec cat > /dev/null", port=port)
        running.end()
        await running.process.wait()

    assert running.address == address_of(2, port)


async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path):
    starting = asyncio.create_task(start(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 30"))
    async with asyncio.timeout(10):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            await asyncio.sleep(0.01)
    pid = int((tmp_path / "pid").read_text())

    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert not Path(f"/proc/{pid}").exists()


@needs_isolation
async def test_a_start_that_is_cancelled_at_any_step_of_it_leaves_no_process_behind(tmp_path):
    jail = Isolation(hidden=tmp_path / "hidden").jail()
    port = free_ports(1)
    for steps in range(40):
        starting = asyncio.create_task(
            start_instance(instance(), jail, folder=tmp_path / f"site-{steps}", http_port=port, number=1)
        )
        for _ in range(steps):
            await asyncio.sleep(0.001)
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            (await starting).end()

    await asyncio.to_thread(wait_for, lambda: not processes_of(tmp_path), what="the end of all processes")


@pytest.mark.parametrize("number", [1, 254, 256 + 1, 65_534])
@pytest.mark.parametrize("port", [1024, 8705, 65_535])
def test_addresses_are_on_the_loopback_and_say_their_number(number, port):
    address = address_of(number, port)

    assert number_of(address) == number
    assert address.startswith("127.")
    assert not address.startswith("127.0.")
