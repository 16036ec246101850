"""`mandat explain` as an operation: finds the exchange, looks up what it named, says what became of it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from mandat.enforcement.access_log import LogLine
from mandat.server.configuration.reading import load_config
from mandat.server.explanation.facts import gather_facts
from mandat.server.explanation.finding import find_line
from mandat.server.explanation.right import find_nearest
from mandat.server.explanation.wording import Explanation, explain
from mandat.server.layout import layout_of
from mandat.server.problems import Problem


@dataclass(frozen=True, slots=True)
class Explained:
    """One exchange: its line, what became of it, and the rule that comes nearest to a missing one ("" without)."""

    line: LogLine
    explanation: Explanation
    nearest_rule: str


def explain_exchange(config_file: Path, query_id: str) -> Explained:
    """What became of the exchange with this id.

    Raises:
        Problem: there is none in the access log, said in the same way whatever the id looks like; or there is no log.
    """
    config = load_config(config_file)
    layout = layout_of(config, config_file)
    if layout.access_log is None:
        raise Problem("The access log is no file (`log.access`), so it cannot be searched; set it to a file.")
    try:
        line = find_line(layout.access_log, query_id)
    except OSError as fault:
        raise Problem(f"The access log {layout.access_log} cannot be read ({fault.strerror}).") from None
    if line is None:
        raise Problem(
            f"There is no such exchange in {layout.access_log} and its rotated files: another node answered it (the"
            " second part of an id is the node's name), it is too old, or it is less than a second old."
        )
    facts = asyncio.run(gather_facts(config, layout, line))
    nearest = find_nearest(line, facts)
    return Explained(line, explain(line, facts), "" if nearest is None else str(nearest))
