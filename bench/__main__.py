"""Measures Mandat beside its peers, prints one table of ratios and goals, and keeps it in bench/results/."""

import argparse
import importlib
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

from bench.figures import FULL, QUICK, TINY, Figure, Result, Size
from bench.machine import BUSY_SHARE, describe, others_share, say
from bench.report import keep, markdown

PARTS = ("gateway", "decision", "middleware", "storage")
_ALONE_SECONDS = 1_200.0
"""For a part that has not to leave time for others."""
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str] | None = None) -> int:
    """Runs the wanted parts. 1 when something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="fewer and shorter rounds, small databases; under 90 s")
    sizes.add_argument("--tiny", action="store_true", help="only whether everything runs; the figures mean nothing")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be given several times")
    parser.add_argument("--output", type=Path, help="where to keep the result; one of all parts is kept in any case")
    options = parser.parse_args(arguments)
    size = QUICK if options.quick else TINY if options.tiny else FULL
    parts = tuple(options.part or PARTS)
    if parts == ("storage",):
        size = replace(size, touching_seconds=_ALONE_SECONDS)

    began = time.monotonic()
    results, shares = {}, []
    for name in parts:
        shares.append(others_share())
        if shares[-1] > BUSY_SHARE:
            say(f"!!! other programs use {shares[-1]:.0%} of this machine's cores: the report will say so")
        results[name] = measured(name, size)
    machine = describe([*shares, others_share()])
    machine += ["", f"Took {time.monotonic() - began:.0f} s."]
    text = markdown(results, size, command=_command(size, parts), machine=machine)
    sys.stdout.write(text)
    folder = options.output or (RESULTS if parts == PARTS and size.name != "tiny" else None)
    if folder is not None:
        say(f"kept in {keep(text, results, size, folder)}")
    return int(any(not figure.rounds for result in results.values() for figure in result.figures))


def measured(name: str, size: Size) -> Result:
    """Runs one part in a folder of its own, which is gone afterwards."""
    part = importlib.import_module(f"bench.{name}.part")
    began = time.monotonic()
    say(f"== {name}")
    with tempfile.TemporaryDirectory(prefix=f"mandat-bench-{name}-") as folder:
        try:
            result: Result = part.run(Path(folder), size)
        except (Exception, SystemExit) as fault:
            # What the other parts found must not be lost with this one, and its absence must not be overlooked.
            traceback.print_exc()
            result = Result(figures=[Figure(f"{name}: the whole part", (), why=f"failed: {fault!r}")])
    say(f"== {name} took {time.monotonic() - began:.0f} s")
    return result


def _command(size: Size, parts: tuple[str, ...]) -> str:
    words = [] if size.name == "full" else [f"--{size.name}"]
    words += [] if parts == PARTS else [f"--part {part}" for part in parts]
    if not words:
        return "make bench"
    arguments = " ".join(words)
    return f"make bench ARGS={arguments}" if " " not in arguments else f'make bench ARGS="{arguments}"'


if __name__ == "__main__":
    sys.exit(main())
