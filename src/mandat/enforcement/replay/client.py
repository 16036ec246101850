"""Asks the node's keeper whether a write may pass. Implements `interfaces.ReplayMemory` for a gateway worker."""

from mandat.enforcement.interfaces import WriteSeen
from mandat.enforcement.node_link import DEADLINE_SECONDS, NodeLink
from mandat.enforcement.replay.wire import ADMITTED, encode_write


class ReplayClient:
    """The replay memory of this node, asked over `path`. Connects when first needed and again after a loss."""

    def __init__(self, path: str, *, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._link = NodeLink(path, answer_bytes=len(ADMITTED), deadline_seconds=deadline_seconds)

    async def admit(self, write: WriteSeen) -> bool:
        """See `interfaces.ReplayMemory.admit`.

        Raises:
            SourceUnavailable: no answer within the deadline.
        """
        return await self._link.ask(encode_write(write)) == ADMITTED

    def close(self) -> None:
        """Drop the connection."""
        self._link.close()
