"""Which sandbox a command means, and what its own functions raise, as the command line says it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mandat.cli.options import DEMO_FOLDER, UsageFault


def find_folder(data: Path | None) -> Path:
    """The folder that was named, else the demo's here, else the sandbox's here.

    Raises:
        UsageFault: none was named, and there is none here.
    """
    if data is not None:
        return data
    for candidate in (DEMO_FOLDER, Path("mandat-sandbox")):
        if candidate.is_dir():
            return candidate
    raise UsageFault("Which sandbox? There is no ./mandat-demo and no ./mandat-sandbox; name its folder with --data.")


@contextmanager
def explained() -> Iterator[None]:
    """What the sandbox's own functions raise becomes a failure with advice."""
    from mandat.sandbox.operating.fault_switch import FaultRefused
    from mandat.sandbox.problems import SandboxStartError
    from mandat.server.problems import Problem

    try:
        yield
    except FaultRefused as refused:
        raise UsageFault(str(refused)) from None
    except SandboxStartError as problem:
        raise Problem(str(problem)) from None


def shown(value: object) -> str:
    """A cell of a table: "any" for what was not narrowed."""
    return "any" if value is None else value if isinstance(value, str) else json.dumps(value)
