"""The clock and the source of randomness. Every other room gets these two as arguments (design.md 3)."""

import os
import time


def clock() -> float:
    """Unix seconds with fraction."""
    return time.time()


def entropy(size: int) -> bytes:
    """`size` unpredictable bytes from the operating system."""
    return os.urandom(size)
