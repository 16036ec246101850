"""What came in together is judged under one freshness check and sent in one go, each connection in its own order."""

import asyncio
from typing import cast

from mandat.enforcement.gateway.batch import MOST_KEPT_BYTES, Batch, Outlet


class Seen:
    """A transport that writes down what it is given, and the checks of freshness between."""

    def __init__(self) -> None:
        self.events: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.events.append(data)

    def hold(self) -> bool:
        self.events.append("hold")
        return True

    def release(self) -> None:
        self.events.append("release")


class Speaker:
    """A reader that says one thing when it is its turn, or fails."""

    def __init__(self, outlet: Outlet, word: bytes) -> None:
        self._outlet = outlet
        self._word = word

    def advance(self) -> None:
        if not self._word:
            raise RuntimeError("a bug")
        self._outlet.write(self._word)


def outlet_to(seen: Seen, batch: Batch) -> Outlet:
    outlet = Outlet(batch)
    outlet.transport = cast(asyncio.Transport, seen)
    return outlet


async def test_pieces_for_one_connection_become_one_write_in_their_order() -> None:
    seen = Seen()
    outlet = outlet_to(seen, Batch(seen.hold, seen.release))
    outlet.write(b"a")
    outlet.write(b"b")
    assert seen.events == []
    await asyncio.sleep(0)
    assert seen.events == [b"ab"]


async def test_all_readers_are_judged_under_one_check_and_sent_after_it() -> None:
    seen = Seen()
    batch = Batch(seen.hold, seen.release)
    for word in (b"a", b"b", b"c"):
        batch.add_reader(Speaker(outlet_to(seen, batch), word))
    await asyncio.sleep(0)
    assert seen.events == ["hold", "release", b"a", b"b", b"c"]


async def test_every_wake_up_checks_anew() -> None:
    seen = Seen()
    batch = Batch(seen.hold, seen.release)
    outlet = outlet_to(seen, batch)
    for _ in range(2):
        batch.add_reader(Speaker(outlet, b"a"))
        await asyncio.sleep(0)
    assert seen.events == ["hold", "release", b"a"] * 2


async def test_a_large_piece_goes_out_at_once_after_what_was_kept() -> None:
    seen = Seen()
    outlet = outlet_to(seen, Batch(seen.hold, seen.release))
    outlet.write(b"first")
    outlet.write(b"x" * MOST_KEPT_BYTES)
    assert seen.events == [b"first" + b"x" * MOST_KEPT_BYTES]
    await asyncio.sleep(0)
    assert len(seen.events) == 1


async def test_a_reader_that_fails_stops_no_other_and_releases_the_check() -> None:
    seen = Seen()
    batch = Batch(seen.hold, seen.release)
    for word in (b"", b"b"):
        batch.add_reader(Speaker(outlet_to(seen, batch), word))
    await asyncio.sleep(0)
    assert seen.events == ["hold", "release", b"b"]


async def test_what_was_discarded_is_not_sent() -> None:
    seen = Seen()
    outlet = outlet_to(seen, Batch(seen.hold, seen.release))
    outlet.write(b"a")
    outlet.discard()
    outlet.write(b"b")
    await asyncio.sleep(0)
    assert seen.events == [b"b"]
