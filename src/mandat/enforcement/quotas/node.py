"""The buckets of one node: served by its supervisor, asked by its workers, or kept by a process that stands alone.

Source: our own frames; both ends are always of the same release, because one supervisor starts them.
"""

import asyncio
import math
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Final, Protocol

from mandat.enforcement.node_link import DEADLINE_SECONDS, NodeLink, serve_link
from mandat.enforcement.quotas.buckets import Buckets, Subject, Taken

_QUESTION: Final = Struct("!qq16sHH")
_ANSWER: Final = Struct("!HBII")
_NO_KIND: Final = 255
_MOST: Final = 2**32 - 1


class QuotaSource(Protocol):
    """Where a worker draws calls from."""

    async def take(self, subject: Subject, *, wanted: int, returned: int) -> Taken:
        """See `Buckets.take`.

        Raises:
            SourceUnavailable: there is no answer.
        """


class OwnBuckets:
    """Implements `QuotaSource` inside one process, for doors that run without a supervisor: each counts for itself."""

    def __init__(self, buckets: Buckets, *, monotonic: Callable[[], float]) -> None:
        self._buckets = buckets
        self._monotonic = monotonic

    async def take(self, subject: Subject, *, wanted: int, returned: int) -> Taken:
        """See `QuotaSource.take`. Never unavailable."""
        return self._buckets.take(subject, wanted=wanted, returned=returned, now=self._monotonic())


class NodeBuckets:
    """Implements `QuotaSource` by asking the supervisor of this node, at the socket `path`."""

    def __init__(self, path: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._link = NodeLink(path, answer_bytes=_ANSWER.size, deadline_seconds=deadline_seconds)

    async def take(self, subject: Subject, *, wanted: int, returned: int) -> Taken:
        """See `QuotaSource.take`."""
        granted, kind, left, milliseconds = _ANSWER.unpack(
            await self._link.ask(_QUESTION.pack(*subject, wanted, returned))
        )
        return Taken(granted, None if kind == _NO_KIND else kind, left, milliseconds / 1000)

    def close(self) -> None:
        """Drop the connection."""
        self._link.close()


async def serve_buckets(path: Path, buckets: Buckets) -> asyncio.Server:
    """Start serving `buckets` at `path`, see `serve_link`. Close the returned server to stop.

    Raises:
        OSError: the socket cannot be made.
    """

    def answer(frame: bytes, now: float) -> bytes:
        credential, application, account, wanted, returned = _QUESTION.unpack(frame)
        taken = buckets.take(Subject(credential, application, account), wanted=wanted, returned=returned, now=now)
        kind = _NO_KIND if taken.kind is None else taken.kind
        milliseconds = min(math.ceil(taken.wait_seconds * 1000), _MOST)
        return _ANSWER.pack(taken.granted, kind, min(taken.left, _MOST), milliseconds)

    return await serve_link(path, _QUESTION.size, answer)
