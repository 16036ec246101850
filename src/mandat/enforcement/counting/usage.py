"""Tells the authority which rights are used: counted here, sent once a second, dropped when it does not listen.

Best effort by design: no call waits for a counter (design.md 6). Each batch is one line, a JSON list of `Use`.
Implements `interfaces.UsageSink`; storage reads the other end.
"""

import asyncio
from typing import Final

import msgspec

from mandat.enforcement.interfaces import Use
from mandat.enforcement.socket_lines import SocketLines

SEND_SECONDS: Final = 1.0
MAX_KEYS: Final = 20_000
"""Different (credential, rule, address, secret) in one second; more are not counted. As many refusals beside them."""

RULE_NONE: Final = ""
"""In place of the rule of a call that was refused: no rule led to that."""


class UsageSender:
    """Counts permitted calls, and authentic ones that were refused; sends the counts over a unix stream socket.

    `run` does the sending. `dropped` says how many calls were counted in vain, or not at all.
    """

    def __init__(self, path: str, *, send_seconds: float = SEND_SECONDS, max_keys: int = MAX_KEYS) -> None:
        self._lines = SocketLines(path)
        self._send_seconds = send_seconds
        self._max_keys = max_keys
        self._calls: dict[tuple[int, str, str, int], int] = {}
        self._refused: dict[tuple[int, str, str], int] = {}
        self._last: int = 0
        self.dropped = 0

    def note(self, credential_id: int, rule: str, address: str, at: int, secret_id: int = 0) -> None:
        """See `interfaces.UsageSink.note`."""
        key = (credential_id, rule, address, secret_id)
        calls = self._calls.get(key)
        if calls is not None:
            self._calls[key] = calls + 1
        elif len(self._calls) < self._max_keys:
            self._calls[key] = 1
        else:
            self.dropped += 1
        self._last = at

    def note_refusal(self, credential_id: int, reason: str, address: str, at: int) -> None:
        """See `interfaces.UsageSink.note_refusal`."""
        key = (credential_id, reason, address)
        if key in self._refused or len(self._refused) < self._max_keys:
            self._refused[key] = self._refused.get(key, 0) + 1
        else:
            self.dropped += 1
        self._last = at

    async def run(self) -> None:
        """Send until cancelled; then send once more what is left."""
        try:
            while True:
                await asyncio.sleep(self._send_seconds)
                await self.send()
        finally:
            await self.send()
            self._lines.close()

    async def send(self) -> None:
        """Send what was counted since the last time. What cannot be delivered is dropped."""
        if not self._calls and not self._refused:
            return
        calls, self._calls = self._calls, {}
        refused, self._refused = self._refused, {}
        uses = [
            Use(credential_id, rule, address, calls=number, at=self._last, secret_id=secret_id)
            for (credential_id, rule, address, secret_id), number in calls.items()
        ] + [
            Use(credential_id, RULE_NONE, address, calls=number, at=self._last, outcome=reason)
            for (credential_id, reason, address), number in refused.items()
        ]
        if not await self._lines.send(msgspec.json.encode(uses)):
            self.dropped += sum(calls.values()) + sum(refused.values())
