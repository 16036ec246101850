"""The clock and the source of randomness. Every other room gets these two as arguments (design.md 3)."""

import os
import time

clock = time.time
"""Unix seconds with fraction."""

entropy = os.urandom
"""`entropy(size)` gives `size` unpredictable bytes from the operating system."""
