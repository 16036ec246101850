"""The stacks on offer: documents of a folder, compiled once at start; and older ones that installations still need."""

from collections.abc import Callable
from pathlib import Path

from mandat.marketplace.stacks.compiler import compile_stack
from mandat.marketplace.stacks.values import Stack
from mandat.marketplace.stacks.yaml_text import MAX_STACK_BYTES, StackRefused

LIBRARY = Path(__file__).parent / "library"
"""The stacks that come with the marketplace."""

ENDING = ".arazzo.yaml"


class Shelf:
    """Compiled stacks.

    Args:
        offered: what the catalogue shows.
        source_of: finds the text of a document by its digest, for installations of documents no longer offered.
    """

    def __init__(self, offered: list[Stack], *, source_of: Callable[[str], str]) -> None:
        self._offered = {stack.id: stack for stack in offered}
        self._by_digest = {stack.digest: stack for stack in offered}
        self._source_of = source_of

    def list_offered(self) -> list[Stack]:
        """By title."""
        return sorted(self._offered.values(), key=lambda stack: stack.title)

    def find_offered(self, stack_id: str) -> Stack | None:
        """By id."""
        return self._offered.get(stack_id)

    def get_ordered(self, stack_id: str, digest: str) -> Stack:
        """The stack that an installation was ordered from, whatever is offered today."""
        if digest not in self._by_digest:
            self._by_digest[digest] = compile_stack(self._source_of(digest), stack_id=stack_id)
        return self._by_digest[digest]


def read_library(folder: Path = LIBRARY) -> list[Stack]:
    """Compiles every document of a folder.

    Raises:
        StackRefused: a document is not acceptable; its text begins with the file's name.
    """
    stacks = []
    for file in sorted(folder.glob(f"*{ENDING}")):
        raw = file.read_bytes()[: MAX_STACK_BYTES + 1]
        try:
            stacks.append(compile_stack(raw.decode("utf-8"), stack_id=file.name.removesuffix(ENDING)))
        except UnicodeDecodeError:
            raise StackRefused("this is not UTF-8", place=file.name, line=1) from None
        except StackRefused as fault:
            raise StackRefused(
                fault.reason, place=f"{file.name}: {fault.place or 'document'}", line=fault.line
            ) from None
    return stacks
