"""Breaks what decides over rights in every small way and counts how often the tests notice (`make mutants`).

mutmut makes the mutants and runs, for each, the tests that reach the changed function; here is which functions belong
together, the sample, the table and the goal. Tables and regular expressions outside functions are not mutated.
"""

import argparse
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "bench" / "results" / "mutants.md"
GOAL = 0.85

GROUPS = {
    "signing": ("mandat.protocol.signature.",),
    "canonical targets": ("mandat.protocol.target.",),
    "rules": ("mandat.core.rules.", "mandat.core.matcher.", "mandat.core.pattern."),
    "decision": ("mandat.core.decision.", "mandat.core.call."),
    "life cycle": ("mandat.core.credential.", "mandat.core.credential_diagram.", "mandat.authority.consent."),
}
NOTICED = ("killed", "timeout", "segfault", "suspicious")
# Any one: mutants have names only once mutmut was run.
FIRST = "mandat.protocol.signature.x_is_signature__mutmut_1"


def main() -> int:
    """Runs it. 1 when a group stays below the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, help="only so many mutants of each group")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--keep", action="store_true", help="go on with what an earlier run found out")
    parser.add_argument("--max-children", default="2", help="mutants at once")
    options = parser.parse_args()
    if not options.keep:
        shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    names: list[str] = []
    if options.sample is not None:
        _mutmut("run", "--max-children", options.max_children, FIRST)
        names = draw(verdicts(_results()), options.sample, seed=options.seed)
    _mutmut("run", "--max-children", options.max_children, *names)
    found = verdicts(_results())
    if names:
        found = {name: found[name] for name in names}
    text, is_good = table(found)
    how = "all" if options.sample is None else f"{options.sample} of each group, drawn with seed {options.seed}"
    text = f"{text}\nMutants: {how}. {datetime.now(UTC):%Y-%m-%d}, `make mutants`.\n\n{survivors(found)}"
    RESULT.write_text(f"# Mutants\n\n{text}", encoding="utf-8")
    print(text)
    return 0 if is_good else 1


def verdicts(results: str) -> dict[str, str]:
    """Verdict by name, from what `mutmut results --all` prints: a line `name: verdict` each."""
    lines = (line.strip().partition(": ") for line in results.splitlines())
    return {name: verdict for name, _, verdict in lines if "__mutmut_" in name}


def draw(found: dict[str, str], count: int, *, seed: int) -> list[str]:
    """So many names of each group; all of a small one."""
    chosen: list[str] = []
    for prefixes in GROUPS.values():
        names = sorted(name for name in found if name.startswith(prefixes))
        chosen += random.Random(seed).sample(names, min(count, len(names)))
    return chosen


def table(found: dict[str, str]) -> tuple[str, bool]:
    """Markdown with a line for each group, and whether each reaches the goal; what nobody judged was missed."""
    lines = ["| Group | Mutants | Noticed | Score |", "|---|---:|---:|---:|"]
    is_good = True
    for group, prefixes in GROUPS.items():
        counts = Counter(verdict for name, verdict in found.items() if name.startswith(prefixes))
        noticed = sum(counts[verdict] for verdict in NOTICED)
        score = noticed / max(1, counts.total())
        is_good = is_good and score >= GOAL
        lines.append(f"| {group} | {counts.total()} | {noticed} | {score:.1%} |")
    return "\n".join(lines) + "\n", is_good


def survivors(found: dict[str, str]) -> str:
    """Which mutants no test noticed; `mutmut show NAME` shows one."""
    names = [f"- `{name}`: {verdict}" for name, verdict in sorted(found.items()) if verdict not in NOTICED]
    return "\n".join(["Not noticed (`.venv/bin/mutmut show NAME` shows one):", "", *names, ""])


def _results() -> str:
    return _mutmut("results", "--all", "true", output=subprocess.PIPE)


def _mutmut(*arguments: str, output: int | None = None) -> str:
    command: Sequence[str] = (sys.executable, "-m", "mutmut", *arguments)
    done = subprocess.run(command, cwd=ROOT, stdout=output, text=True, check=False)
    if done.returncode:
        sys.exit(f"mutmut {arguments[0]} failed with status {done.returncode}.")
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main())
