"""For commands that read or exchange database files: the layout, where the databases are files."""

from pathlib import Path

from mandat.server.configuration.reading import load_config
from mandat.server.layout import Layout, layout_of
from mandat.server.problems import Problem


def sqlite_layout(config_file: Path, *, instead: str) -> Layout:
    """The layout that `config_file` describes.

    Raises:
        Problem: the file cannot be used, or the databases are on PostgreSQL; `instead` says what to do there.
    """
    layout = layout_of(load_config(config_file), config_file)
    if layout.place is not None:
        raise Problem(f"This command works on SQLite files, and {config_file} names a PostgreSQL database; {instead}.")
    return layout
