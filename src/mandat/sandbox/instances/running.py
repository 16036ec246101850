"""One running instance: its address, its process, its relay."""

import asyncio
import contextlib
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from mandat.sandbox.instances.jail import Jail
from mandat.sandbox.instances.processes import end_inside
from mandat.sandbox.instances.relay import Relay
from mandat.sandbox.store.cloud import Instance

STOP_SECONDS = 3.0
START_SECONDS = 10.0  # takes 0.06 s on an idle machine; the rest is for busy ones
BACKLOG = 128
FIRST_NUMBER, LAST_NUMBER = 1, 65_534
READY = b"r"  # what page_server says; never import it here, it keeps ssl out of its process
_SERVER = Path(__file__).with_name("page_server.py")
_SAID_BYTES = 400


class InstanceFault(Exception):
    """The instance could not be started; `str()` says why, for the log."""


@dataclass(frozen=True, slots=True)
class RunningInstance:
    """An instance that serves. Ends with `end`, or by itself when its process does."""

    address: str
    process: asyncio.subprocess.Process
    relay: Relay

    def end(self) -> None:
        """Ends it: the address refuses connections when this returns, its processes are gone soon after."""
        self.relay.close()
        end_inside(self.process.pid)

    async def wait_until_ended(self) -> None:
        """Waits for its processes to be gone. What does not go in STOP_SECONDS is killed, from the inside out."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            end_inside(self.process.pid)
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


async def start_instance(
    instance: Instance, jail: Jail, *, folder: Path, http_port: int, number: int
) -> RunningInstance:
    """Writes the instance's files, takes an address, starts its web server and waits until it serves.

    Args:
        folder: where the files go; emptied first.
        number: where to begin to look for a free address, for an instance that has none yet.

    Raises:
        InstanceFault: no address is free, or the web server did not start.
        OSError: the files cannot be written.
    """
    site = await asyncio.to_thread(write_site, instance.site, folder)
    listener = _listen(instance.address, http_port, number)
    address = str(listener.getsockname()[0])
    control, inner = socket.socketpair()
    said, voice = os.pipe()
    try:
        process = await _spawn(
            jail.command(site=site, script=_SERVER, host_name=instance.name), stdin=inner.fileno(), voice=voice
        )
    except BaseException:
        os.close(said)
        listener.close()
        control.close()
        raise
    finally:
        inner.close()
        os.close(voice)
    running = RunningInstance(address, process, Relay(listener, control))
    try:
        await _wait_until_ready(control, said)
        await running.relay.start()
    except BaseException:
        running.end()
        await asyncio.shield(running.wait_until_ended())
        raise
    finally:
        os.close(said)
    return running


async def _spawn(command: list[str], *, stdin: int, voice: int) -> asyncio.subprocess.Process:
    """Starts a bubblewrap, cancelled or not.

    A cancelled `create_subprocess_exec` kills what it started, and a bubblewrap that is killed while it sets up leaves
    a process behind (`jail`). So cancellation waits for the start; the bubblewrap then ends when its input is closed.
    """
    spawning = asyncio.create_task(
        asyncio.create_subprocess_exec(*command, stdin=stdin, stdout=voice, stderr=voice),
    )
    try:
        return await asyncio.shield(spawning)
    except asyncio.CancelledError:
        process = await asyncio.shield(spawning)
        end_inside(process.pid)
        raise


def write_site(site: dict[str, str], folder: Path) -> Path:
    """Writes the files below a fresh `folder`; their paths were checked when they came in."""
    remove_site(folder)
    folder.mkdir(parents=True, mode=0o700)
    for path, content in site.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8", newline="")
    return folder


def remove_site(folder: Path) -> None:
    """Removes the files of an instance, if there are any."""
    shutil.rmtree(folder, ignore_errors=True)


def address_of(number: int, http_port: int) -> str:
    """The loopback address of that number. Its second part follows from the port: sandboxes side by side differ."""
    return f"127.{64 + http_port % 128}.{number >> 8}.{number & 255}"


def number_of(address: str) -> int:
    """The number of an address that `address_of` gave."""
    _, _, high, low = address.split(".")
    return int(high) << 8 | int(low)


def _listen(address: str | None, port: int, number: int) -> socket.socket:
    """A listener on the instance's address, or on the first free one from `number` on.

    Raises:
        InstanceFault: it is taken, or none is free.
    """
    if address is not None:
        listener = _try_listen(address, port)
        if listener is None:
            raise InstanceFault(f"{address} port {port} is taken")
        return listener
    for step in range(LAST_NUMBER):
        wanted = (number + step - FIRST_NUMBER) % LAST_NUMBER + FIRST_NUMBER
        if wanted & 255 in (0, 255):
            continue
        listener = _try_listen(address_of(wanted, port), port)
        if listener is not None:
            return listener
    raise InstanceFault(f"no loopback address with a free port {port} is left")


def _try_listen(address: str, port: int) -> socket.socket | None:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        return None
    return listener


async def _wait_until_ready(control: socket.socket, said: int) -> None:
    """`said` is the end of a pipe on which the web server complains when it cannot start."""
    control.setblocking(False)
    try:
        async with asyncio.timeout(START_SECONDS):
            answer = await asyncio.get_running_loop().sock_recv(control, len(READY))
    except TimeoutError:
        raise InstanceFault(f"its web server was not ready within {START_SECONDS:.0f} s") from None
    if answer != READY:
        os.set_blocking(said, False)
        try:
            complaint = os.read(said, _SAID_BYTES)
        except BlockingIOError:
            complaint = b""
        raise InstanceFault(f"its web server did not start: {complaint.decode(errors='replace').strip()}")
