"""Verification as a command: reads the databases of a configuration, running or not, and changes nothing."""

from pathlib import Path

from mandat.server.configuration.reading import load_config
from mandat.server.key_sources import authority_keys
from mandat.server.layout import layout_of
from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault
from mandat.storage.operations.verify import Finding, verify


def verify_installation(config_file: Path) -> list[Finding]:
    """What is not as the authority wrote it; empty when everything is.

    Raises:
        Problem: the configuration, the keys or the databases cannot be used.
    """
    layout = layout_of(load_config(config_file), config_file)
    try:
        keys = authority_keys(layout.keys, layout.key_sources)
        if layout.place is None:
            return verify(layout.data, keys)
        from mandat.storage.postgres.verify import verify_postgres  # noqa: PLC0415 - the driver, where it is used

        return verify_postgres(layout.place, keys)
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
