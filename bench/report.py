"""Writes results down: one table of figures beside their goals, then what is behind them, as Markdown."""

from collections.abc import Mapping
from pathlib import Path

from bench.figures import Figure, Result, Size, Table, shown, spread
from bench.plots import draw

_OPENING = (
    "Medians over the rounds. Ratios are taken round by round, inside one run; *spread* is the least and the most of "
    "them. How to read this, and what is not measured: [Performance](../../docs/guide/performance.md)."
)


def markdown(results: Mapping[str, Result], size: Size, *, command: str, machine: list[str]) -> str:
    """The whole report."""
    lines = [f"# Measured: {size.name}", "", f"`{command}`", "", *machine, "", _OPENING, ""]
    lines += ["| figure | median | spread | goal | |", "|---|---|---|---|---|"]
    lines += [_line(figure, size) for result in results.values() for figure in result.figures]
    for name, result in results.items():
        lines += ["", f"## {name.capitalize()}", ""]
        for table in result.tables:
            lines += [*_table(table), ""]
        lines += [f"![{chart.title}]({size.name}-{chart.name}.svg)\n" for chart in result.charts]
        lines += [f"- {note}" for note in result.notes]
    return "\n".join(lines).rstrip() + "\n"


def keep(text: str, results: Mapping[str, Result], size: Size, folder: Path) -> Path:
    """Writes the report and its plots; answers where the report is."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results.values():
        for chart in result.charts:
            (folder / f"{size.name}-{chart.name}.svg").write_bytes(draw(chart))
    file = folder / f"{size.name}.md"
    file.write_text(text)
    return file


def verdict(figure: Figure, size: Size) -> str:
    """met, **not met**, or nothing where there is no goal or the run can say nothing."""
    if figure.goal is None or not figure.rounds or size.name == "tiny":
        return ""
    if figure.goal.needs_full and size.name != "full":
        return "needs the full run"
    return "met" if figure.goal.is_met(figure.median) else "**not met**"


def _line(figure: Figure, size: Size) -> str:
    goal = "" if figure.goal is None else str(figure.goal)
    if not figure.rounds:
        return f"| {figure.what} | **NOT MEASURED** | {figure.why} | {goal} | |"
    unit = f" {figure.unit}" if figure.unit else ""
    value = f"{shown(figure.median)}{unit}"
    return f"| {figure.what} | {value} | {spread(figure.rounds)} | {goal} | {verdict(figure, size)} |"


def _table(table: Table) -> list[str]:
    return [
        f"### {table.title}",
        "",
        f"| {' | '.join(table.columns)} |",
        "|" + "---|" * len(table.columns),
        *(f"| {' | '.join(row)} |" for row in table.rows),
    ]
