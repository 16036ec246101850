"""The table behind a rule set: finds the rule for a path without looking at every rule.

Three questions narrow the rules down, each answered by a table: is the path written out exactly; with which texts
before a first star does it start; with which texts after a last star does it end, or which short run of characters must
it contain. What is left is compared one by one. Rules of one method in one reading; see `core.rules` for both. Source:
design.md 5.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

from mandat.core.pattern import LONG_NEEDLE, Starred, cut, find_text, join_escapes
from mandat.protocol.access_rule import AccessRule

_Entry = tuple[Starred, AccessRule]

# A run of this many characters tells rules apart (`e/17/` in `/instance/17/`) and is still in most texts between stars.
_RUN_CHARACTERS = 6
# Up to here, comparing one by one is faster than cutting the path into runs.
_FEW = 12


class Matcher:
    """Compiled from the rules of one method."""

    __slots__ = ("_exact", "_heads", "_nodes")

    def __init__(self, rules: Sequence[AccessRule]) -> None:
        self._exact: dict[str, AccessRule] = {}
        entries: dict[str, list[_Entry]] = {}
        for rule in rules:
            path = join_escapes(rule.path)
            if "*" in path:
                starred = cut(path)
                entries.setdefault(starred.head, []).append((starred, rule))
            else:
                self._exact.setdefault(path, rule)
        self._heads = sorted(entries)
        self._nodes = [_Node(head, entries[head]) for head in self._heads]
        _link_parents(self._nodes)

    def find(self, path: str) -> AccessRule | None:
        """The exact rule, else the matching rule with the longest text before its first star, then after its last.

        `path` has its escapes joined.
        Of all heads that `path` starts with, the longest is the greatest head not above `path`, or an ancestor of that.
        """
        rule = self._exact.get(path)
        if rule is not None:
            return rule
        place = bisect_right(self._heads, path)
        node = self._nodes[place - 1] if place else None
        while node is not None:
            if path.startswith(node.head):
                rule = node.find(path)
                if rule is not None:
                    return rule
            node = node.parent
        return None


class _Node:
    """The rules with the same text before the first star.

    `open_end` is the rule with nothing after its only star. `parent` is the node with the longest head that this one's
    head starts with.
    """

    __slots__ = ("_by_tail", "_tail_lengths", "head", "open_end", "parent")

    def __init__(self, head: str, entries: Sequence[_Entry]) -> None:
        self.head = head
        self.parent: _Node | None = None
        self.open_end = next((rule for starred, rule in entries if not (starred.middles or starred.tail)), None)
        tails: dict[str, list[_Entry]] = {}
        for starred, rule in entries:
            if starred.middles or starred.tail:
                tails.setdefault(starred.tail, []).append((starred, rule))
        self._by_tail = {tail: _Bucket(bucket) for tail, bucket in tails.items()}
        self._tail_lengths = sorted({len(tail) for tail in tails}, reverse=True)

    def find(self, path: str) -> AccessRule | None:
        """For a path that starts with `head`."""
        for length in self._tail_lengths:
            bucket = self._by_tail.get(path[len(path) - length :])
            rule = bucket.find(path) if bucket is not None else None
            if rule is not None:
                return rule
        return self.open_end


class _Bucket:
    """The rules with the same text before the first and after the last star."""

    __slots__ = ("_by_run", "_one_by_one")

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self._one_by_one: list[_Entry] = []
        self._by_run: dict[str, list[_Entry]] = {}
        # Each rule is filed under the one of its runs that the fewest rules share.
        shared = Counter(run for starred, _ in entries for run in _runs(starred))
        for entry in entries:
            run = min(_runs(entry[0]), key=shared.__getitem__, default=None) if len(entries) > _FEW else None
            if run is None:
                self._one_by_one.append(entry)
            else:
                self._by_run.setdefault(run, []).append(entry)

    def find(self, path: str) -> AccessRule | None:
        rule = _first_match(self._one_by_one, path)
        if rule is not None:
            return rule
        if self._by_run:
            places = range(len(path) - _RUN_CHARACTERS + 1)
            for run in dict.fromkeys([path[place : place + _RUN_CHARACTERS] for place in places]):
                rule = _first_match(self._by_run.get(run, ()), path)
                if rule is not None:
                    return rule
        return None


def _first_match(entries: Sequence[_Entry], path: str) -> AccessRule | None:
    """Of rules with long texts between stars, those that begin with a text already missed are not looked for again."""
    missed = ""
    for starred, rule in entries:
        first = starred.middles[0] if starred.middles else ""
        if len(first) >= LONG_NEEDLE:
            if missed and first.startswith(missed):
                continue
            if find_text(first, path) < 0:
                missed = first
                continue
        if starred.matches(path):
            return rule
    return None


def _runs(starred: Starred) -> Iterator[str]:
    """The first and the last run of each middle: ids stand next to stars, and all runs would be thousands.

    Of a long one also the run around its rarest character, which says most about it.
    """
    for middle in starred.middles:
        if len(middle) >= _RUN_CHARACTERS:
            yield middle[:_RUN_CHARACTERS]
            yield middle[-_RUN_CHARACTERS:]
        if len(middle) >= LONG_NEEDLE:
            rarest = middle.index(min(sorted(set(middle)), key=middle.count))
            start = min(max(0, rarest - _RUN_CHARACTERS // 2), len(middle) - _RUN_CHARACTERS)
            yield middle[start : start + _RUN_CHARACTERS]


def _link_parents(nodes: Sequence[_Node]) -> None:
    """`nodes` are in order of their heads, so those that are still open form a stack."""
    stack: list[_Node] = []
    for node in nodes:
        while stack and not node.head.startswith(stack[-1].head):
            stack.pop()
        node.parent = stack[-1] if stack else None
        stack.append(node)
