"""Makes the ids of exchanges: unique, but no secret. Their form is `mandat.protocol.query_id`'s."""

import os
import random
from collections.abc import Callable
from typing import Final

from mandat.protocol.query_id import make_query_id

_DIGITS: Final = 16
_AHEAD: Final = 256
"""Ids whose random digits are drawn at once."""


class QueryIds:
    """The ids of one process."""

    __slots__ = ("_digits", "_host", "_next", "_random_bytes", "_second", "_start", "_zone")

    def __init__(self, zone: str, host: str, entropy: Callable[[int], bytes]) -> None:
        """`zone` and `host` are as in `make_query_id`; `entropy` gives the random bytes that only seed the ids."""
        self._zone = zone
        self._host = host
        self._random_bytes = random.Random(entropy(32)).randbytes  # noqa: S311 unique, not secret
        self._second = -1
        self._start = ""
        self._digits = ""
        self._next = 0

    def make(self, now: float) -> str:
        """The id of an exchange that begins now (Unix seconds)."""
        second = int(now)
        if second != self._second:
            self._second = second
            # The process id is asked for anew: a server may have forked.
            self._start = make_query_id(zone=self._zone, host=self._host, now=now, pid=os.getpid(), random="")
        begin = self._next
        if begin == len(self._digits):
            self._digits = self._random_bytes(_AHEAD * _DIGITS // 2).hex()
            begin = 0
        self._next = begin + _DIGITS
        return self._start + self._digits[begin : begin + _DIGITS]
