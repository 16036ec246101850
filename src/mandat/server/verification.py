"""Verification as a command: reads the databases of a configuration, running or not, and changes nothing."""

from pathlib import Path

from mandat.server.problems import Problem
from mandat.server.sqlite_only import sqlite_layout
from mandat.storage.faults import StorageFault
from mandat.storage.keys import load_authority_keys
from mandat.storage.verify import Finding, verify


def verify_installation(config_file: Path) -> list[Finding]:
    """What is not as the authority wrote it; empty when everything is.

    Raises:
        Problem: the configuration, the keys or the databases cannot be used.
    """
    layout = sqlite_layout(config_file, instead="`mandat migrate` checks every row when it moves them there")
    try:
        keys = load_authority_keys(layout.keys)
        if layout.place is None:
            return verify(layout.data, keys)
        from mandat.storage.postgres.verify import verify_postgres  # noqa: PLC0415 - the driver, where it is used

        return verify_postgres(layout.place, keys)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
