"""Makes the guard of a middleware over an installation, as `processes.gateway` does for a gateway."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

from mandat.enforcement.counting.usage import SEND_SECONDS, UsageSender
from mandat.enforcement.doors.guard import Guard
from mandat.server.key_sources import node_keys
from mandat.server.middleware.options import MiddlewareSettings
from mandat.server.nature import clock, entropy
from mandat.server.node_access import call_quotas, grant_source, replay_memory


async def open_guard(settings: MiddlewareSettings, opened: AsyncExitStack) -> Guard:
    """The guard, on the running loop. What it stands on is closed with `opened`.

    Raises:
        StorageFault: the keys cannot be read.
        Problem: the database, the Redis server or the `run` folder cannot be used.
    """
    config, layout, is_alone = settings.config, settings.layout, settings.is_alone
    keys = node_keys(layout.keys, layout.key_sources)
    async with AsyncExitStack() as opening:
        guard = Guard(
            settings.guard,
            source=await opening.enter_async_context(grant_source(config, layout, keys, is_alone=is_alone)),
            replay=await opening.enter_async_context(replay_memory(config, layout, is_alone=is_alone)),
            usage=_Unreported() if is_alone else _FollowedReports(layout.run),
            clock=clock,
            monotonic=time.monotonic,
            entropy=entropy,
            quotas=await opening.enter_async_context(call_quotas(config, layout, is_alone=is_alone)),
        )
        opened.push_async_callback(opening.pop_all().aclose)
        return guard


class _Unreported:
    """Implements `UsageSink` where nobody listens."""

    def note(self, credential_id: int, rule: str, address: str, at: int, secret_id: int = 0) -> None:
        """See `UsageSink.note`."""

    def note_refusal(self, credential_id: int, reason: str, address: str, at: int) -> None:
        """See `UsageSink.note_refusal`."""


class _FollowedReports:
    """Implements `UsageSink`: sends to the authority of the running generation, and to the next one after a reload."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self._path = ""
        self._sender: UsageSender | None = None
        self._sending: asyncio.Task[None] | None = None

    def note(self, credential_id: int, rule: str, address: str, at: int, secret_id: int = 0) -> None:
        """See `UsageSink.note`. The first one starts the sending."""
        self._begun().note(credential_id, rule, address, at, secret_id)

    def note_refusal(self, credential_id: int, reason: str, address: str, at: int) -> None:
        """See `UsageSink.note_refusal`."""
        self._begun().note_refusal(credential_id, reason, address, at)

    def _begun(self) -> UsageSender:
        if self._sender is None:
            self._path = self._newest()
            self._sender = UsageSender(self._path)
            self._sending = asyncio.get_running_loop().create_task(self._send_regularly())
        return self._sender

    async def _send_regularly(self) -> None:
        while self._sender is not None:
            await asyncio.sleep(SEND_SECONDS)
            await self._sender.send()
            path = await asyncio.to_thread(self._newest)
            if path != self._path:
                self._path, self._sender = path, UsageSender(path)

    def _newest(self) -> str:
        """The usage socket that was made last; each generation of the authority has one."""
        found = sorted(self._run.glob("usage.*.sock"), key=lambda path: path.stat().st_mtime)
        return str(found[-1]) if found else ""
