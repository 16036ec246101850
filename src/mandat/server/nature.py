"""The clock and the source of randomness. Every other room gets these two as arguments (design.md 3)."""

import os
import time


def clock() -> float:
    """Unix seconds with fraction."""
    return time.time()


def monotonic() -> float:
    """Seconds that only go forward, through sleep of the machine as well. For lengths of time, never for dates."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def entropy(size: int) -> bytes:
    """`size` unpredictable bytes from the operating system."""
    return os.urandom(size)
