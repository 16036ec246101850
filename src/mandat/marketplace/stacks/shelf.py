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
        offered: what the catalogue shows: of each stack the newest version, and on request the others.
        source_of: finds the text of a document by its digest, for installations of documents no longer offered.
    """

    def __init__(self, offered: list[Stack], *, source_of: Callable[[str], str]) -> None:
        self._versions: dict[str, list[Stack]] = {}
        for stack in sorted(offered, key=lambda stack: stack.number, reverse=True):
            self._versions.setdefault(stack.id, []).append(stack)
        self._by_digest = {stack.digest: stack for stack in offered}
        self._source_of = source_of

    def list_offered(self) -> list[Stack]:
        """The newest version of each, by title."""
        return sorted((versions[0] for versions in self._versions.values()), key=lambda stack: stack.title)

    def list_versions(self, stack_id: str) -> list[Stack]:
        """Every version that can be had, newest first."""
        return list(self._versions.get(stack_id, ()))

    def find_offered(self, stack_id: str, version: str = "") -> Stack | None:
        """By id, and by version; without one, the newest."""
        return next((each for each in self.list_versions(stack_id) if version in ("", each.version)), None)

    def get_ordered(self, stack_id: str, digest: str) -> Stack:
        """The stack that an installation was ordered from, whatever is offered today."""
        if digest not in self._by_digest:
            self._by_digest[digest] = compile_stack(self._source_of(digest), stack_id=stack_id)
        return self._by_digest[digest]


def stack_id_of(file_name: str) -> tuple[str, str]:
    """From `NAME.arazzo.yaml` or `NAME@VERSION.arazzo.yaml` to the stack's id, and the version that the name says."""
    stack_id, _at, version = file_name.removesuffix(ENDING).partition("@")
    return stack_id, version


def read_library(folder: Path = LIBRARY) -> list[Stack]:
    """Compiles every document of a folder.

    Raises:
        StackRefused: a document is not acceptable; its text begins with the file's name.
    """
    stacks: list[Stack] = []
    for file in sorted(folder.glob(f"*{ENDING}")):
        raw = file.read_bytes()[: MAX_STACK_BYTES + 1]
        try:
            stack_id, version = stack_id_of(file.name)
            stack = compile_stack(raw.decode("utf-8"), stack_id=stack_id)
        except UnicodeDecodeError:
            raise StackRefused("this is not UTF-8", place=file.name, line=1) from None
        except StackRefused as fault:
            raise StackRefused(
                fault.reason, place=f"{file.name}: {fault.place or 'document'}", line=fault.line
            ) from None
        known = {(each.id, each.version) for each in stacks}
        if version not in ("", stack.version) or (stack.id, stack.version) in known:
            reason = f"{stack.version!r} is not the version in the file's name, or another file has it too"
            raise StackRefused(reason, place=f"{file.name}: info.version", line=1)
        stacks.append(stack)
    return stacks
