"""What the commands print: results to standard output, everything else to standard error. No decisions.

Texts that come from a server pass `printable` first, so that nobody's answer can steer the terminal.
"""

import json
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

WIDTH_WHEN_PIPED = 200
"""Tables that nobody looks at in a terminal must not be folded: their links are copied by scripts."""


def say(text: str = "") -> None:
    """One line of result."""
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def say_json(value: Any, *, pretty: bool = False) -> None:
    """A result as JSON: on one line, or indented for reading."""
    say(json.dumps(value, indent=2 if pretty else None, ensure_ascii=False))


def complain(what: str, advice: str = "") -> None:
    """What went wrong, and what to do next."""
    sys.stderr.write(printable(f"{what}\n{advice}\n" if advice else f"{what}\n"))


def say_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table for humans; nothing in it is shortened."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_WHEN_PIPED)
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    console.print(table)
    sys.stdout.flush()


def counted(number: int, one: str, many: str = "") -> str:
    """`1 login`, `2 logins`; `many` where an s is not enough."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def printable(text: str) -> str:
    """`text` with control characters other than line ends and tabs written as escapes."""
    return "".join(
        character if character in "\n\t" or unicodedata.category(character) != "Cc" else f"\\x{ord(character):02x}"
        for character in text
    )
