"""Text with stars: when it matches, and when two such texts are about the same thing.

`*` stands for any run of characters, the empty one and `/` included. There is nothing else: no `?`, no classes, no
regular expressions. Everything here is linear in the text, whatever the pattern (threats.md 3.3 has the figures of the
rejected ways).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Starred:
    """A pattern with at least one star, cut at its stars.

    `head` is the text before the first star, `tail` the text after the last one, `middles` the non-empty texts between.
    """

    head: str
    middles: tuple[str, ...]
    tail: str

    def matches(self, text: str) -> bool:
        """Greedy from the left: the first place a middle fits is never worse than a later one."""
        end = len(text) - len(self.tail)
        return (
            len(self.head) <= end
            and text.startswith(self.head)
            and text.endswith(self.tail)
            and _in_order(self.middles, text, len(self.head), end)
        )


def _in_order(middles: tuple[str, ...], text: str, start: int, end: int) -> bool:
    for middle in middles:
        found = text.find(middle, start, end)
        if found < 0:
            return False
        start = found + len(middle)
    return True


def cut(pattern: str) -> Starred:
    """The parts of a pattern that has at least one star."""
    head, *middles, tail = pattern.split("*")
    return Starred(head, tuple(middle for middle in middles if middle), tail)


def is_matched(pattern: str, text: str) -> bool:
    """Whether one pattern matches one text. For many patterns at once compile a `RuleSet`."""
    return cut(pattern).matches(text) if "*" in pattern else pattern == text


def covers(wider: str, narrower: str) -> bool:
    """Whether every text that `narrower` matches is matched by `wider` too.

    The stars of `narrower` become a character that no pattern contains: only a star of `wider` can swallow it.
    """
    return is_matched(wider, narrower.replace("*", "\0"))


def reaches(pattern: str, prefix: str) -> bool:
    """Whether `pattern` matches at least one text that starts with `prefix` (plain text, no stars)."""
    head, star, _ = pattern.partition("*")
    return head.startswith(prefix) or (star == "*" and prefix.startswith(head))
