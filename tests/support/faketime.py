"""Other clocks for processes of a test, by libfaketime.

By its library and not by its command: that one starts what it runs as a child of its own, which nobody ends then.
"""

from pathlib import Path

import pytest


def other_clock(**settings: str) -> dict[str, str]:
    """The environment of a process whose clock is not ours; its steady clock stays. Skips without libfaketime.

    `settings` are the library's own variables, such as `FAKETIME="+300s"`.
    """
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("NOT TESTED: libfaketime is not installed on this machine (Debian package faketime)")
    return {"LD_PRELOAD": str(found[0]), "FAKETIME_DONT_FAKE_MONOTONIC": "1", **settings}
