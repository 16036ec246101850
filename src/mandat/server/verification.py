"""Verification as a command: reads the databases of a configuration, running or not, and changes nothing."""

from pathlib import Path

from mandat.server.config import load_config
from mandat.server.layout import layout_of
from mandat.server.problems import Problem
from mandat.storage.faults import StorageFault
from mandat.storage.keys import load_authority_keys
from mandat.storage.verify import Finding, verify


def verify_installation(config_file: Path) -> list[Finding]:
    """What is not as the authority wrote it; empty when everything is.

    Raises:
        Problem: the configuration, the keys or the databases cannot be used.
    """
    config = load_config(config_file)
    layout = layout_of(config, config_file)
    try:
        return verify(layout.data, load_authority_keys(layout.keys))
    except StorageFault as fault:
        raise Problem(fault.sentence) from None
