"""Runs the measurements and prints one table; the same table goes to bench/results/."""

import argparse
import datetime
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from bench.credentials import make_keys
from bench.load import Outcome, permission_requests, run_wrk, signed_calls
from bench.processes import bare_proxy, mandat, trivial_api

API, PROXY, GATEWAY = 18_901, 18_902, 18_903


def main() -> None:
    """Interleaved rounds, medians, ratios."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter rounds, fewer credentials; under 90 s")
    options = parser.parse_args()
    rounds, seconds, credentials = (3, 3, 1_000) if options.quick else (5, 8, 10_000)
    with tempfile.TemporaryDirectory(prefix="mandat-bench-") as name:
        rows = measure(Path(name), rounds=rounds, seconds=seconds, credentials=credentials)
    report(rows, rounds=rounds, seconds=seconds, credentials=credentials, quick=options.quick)


def measure(folder: Path, *, rounds: int, seconds: int, credentials: int) -> list[tuple[str, list[Outcome]]]:
    """Every measurement with its outcomes, round by round in turn."""
    with ExitStack() as stack:
        stack.enter_context(trivial_api(folder, API))
        stack.enter_context(bare_proxy(folder, PROXY, API))
        say("starting mandat")
        stack.enter_context(mandat(folder, GATEWAY, API, workers=1))
        say(f"making {credentials} credentials")
        keys = make_keys(folder / "mandat.toml", credentials)
        loads: list[tuple[str, int, Callable[[], list[str]]]] = [
            ("nginx bare proxy_pass", PROXY, lambda: signed_calls(PROXY, keys)),
            ("Mandat gateway, signed GET", GATEWAY, lambda: signed_calls(GATEWAY, keys)),
            ("Mandat, durable POST /auth/credential", GATEWAY, lambda: permission_requests(GATEWAY, keys)),
        ]
        outcomes: dict[str, list[Outcome]] = {name: [] for name, _, _ in loads}
        for number in range(-1, rounds):
            for name, port, requests in loads:
                say(f"round {number + 1} of {rounds}: {name}" if number >= 0 else f"warming up: {name}")
                outcome = run_wrk(port, requests(), seconds=seconds if number >= 0 else 2, folder=folder)
                if number >= 0:
                    outcomes[name].append(outcome)
        return list(outcomes.items())


def report(rows: list[tuple[str, list[Outcome]]], *, rounds: int, seconds: int, credentials: int, quick: bool) -> None:
    """Prints the table and keeps it."""
    base = [outcome.per_second for outcome in rows[0][1]]
    lines = [
        f"# Measured {datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        "",
        f"`make bench{' ARGS=--quick' if quick else ''}`: {rounds} interleaved rounds of {seconds} s after a warm-up, "
        f"wrk with 64 keep-alive connections, {credentials} credentials of 10 rules, one gateway process, "
        "access log on.",
        f"Machine: {os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        "the proxy under test on one core of its own, load generator and API together on another; nginx logs too.",
        "",
        "| what | per second (median, min to max) | ratio to nginx, round by round | p50 | p99 | errors |",
        "|---|---|---|---|---|---|",
    ]
    for name, outcomes in rows:
        rates = [outcome.per_second for outcome in outcomes]
        ratios = sorted(rate / other for rate, other in zip(rates, base, strict=True))
        lines.append(
            f"| {name} | {statistics.median(rates):.0f} ({min(rates):.0f} to {max(rates):.0f}) "
            f"| {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) "
            f"| {statistics.median(o.p50_us for o in outcomes) / 1000:.1f} ms "
            f"| {statistics.median(o.p99_us for o in outcomes) / 1000:.1f} ms | {sum(o.errors for o in outcomes)} |"
        )
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    kept = Path(__file__).parent / "results" / ("quick.md" if quick else "full.md")
    kept.write_text(text)


def say(what: str) -> None:
    """Progress, on standard error."""
    sys.stderr.write(f"... {what}\n")


if __name__ == "__main__":
    main()
