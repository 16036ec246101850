"""Text with stars: when it matches, and when two such texts are about the same thing.

`*` stands for any run of characters, the empty one and `/` included. There is nothing else: no `?`, no classes, no
regular expressions. An escape (`%2F`) counts as one character, so that no star ends inside it: otherwise `/x/*40` would
cover `/x/%40`, which is served as `/x/@`. Everything here is linear in the text, whatever the pattern (threats.md 3.3
has the figures of the rejected ways).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

_escape = re.compile("%([!-~])([!-~])")


def join_escapes(text: str) -> str:
    """The text with each escape as one character that no path can contain.

    `%2F` and `%2f` stay two different characters: escapes are compared as written. A pattern and a path so joined match
    exactly when they match in whatever way a reader decodes both, since decoding then replaces characters one by one.
    """
    if "%" not in text:
        return text
    return _escape.sub(lambda found: chr(256 + (ord(found[1]) << 7 | ord(found[2]))), text)


@dataclass(frozen=True, slots=True)
class Starred:
    """A pattern with at least one star, cut at its stars.

    `head` is the text before the first star, `tail` the text after the last one, `middles` the non-empty texts between.
    """

    head: str
    middles: tuple[str, ...]
    tail: str

    def matches(self, text: str) -> bool:
        """Whether the pattern matches the whole text."""
        end = len(text) - len(self.tail)
        return (
            len(self.head) <= end
            and text.startswith(self.head)
            and text.endswith(self.tail)
            and _stand_in_order(self.middles, text, len(self.head), end)
        )


def _stand_in_order(middles: tuple[str, ...], text: str, start: int, end: int) -> bool:
    """Greedy from the left: the first place a middle fits is never worse than a later one."""
    for middle in middles:
        found = find_text(middle, text, start)
        if found < 0 or found + len(middle) > end:
            return False
        start = found + len(middle)
    return True


def find_text(needle: str, text: str, start: int = 0) -> int:
    """`text.find(needle, start)`, linear whatever they are."""
    return (text if len(needle) < LONG_NEEDLE else _padded(text)).find(needle, start)


# `str.find` takes its linear algorithm only in texts of 30,000 characters; before that, a needle such as
# `aaa...baaa...` in a text of `aaa...` costs length times length. A padded text makes it linear: 256 such rules take 2
# ms instead of 40. The padding is a character that no path contains and that shares no low bits with one, so that it is
# skipped in strides.
LONG_NEEDLE = 32
_PADDING = "?" * 30_000


@lru_cache(maxsize=1)
def _padded(text: str) -> str:
    return text + _PADDING


def cut(pattern: str) -> Starred:
    """The parts of a pattern that has at least one star and whose escapes are joined."""
    head, *middles, tail = pattern.split("*")
    return Starred(head, tuple(middle for middle in middles if middle), tail)


def is_matched(pattern: str, path: str) -> bool:
    """Whether one pattern matches one path. For many patterns at once compile a `RuleSet`."""
    pattern, path = join_escapes(pattern), join_escapes(path)
    return cut(pattern).matches(path) if "*" in pattern else pattern == path


def covers(wider: str, narrower: str) -> bool:
    """Whether every path that `narrower` matches is matched by `wider` too.

    The stars of `narrower` become a character that no pattern contains: only a star of `wider` can swallow it.
    """
    return is_matched(wider, narrower.replace("*", "\0"))


def reaches(pattern: str, prefix: str) -> bool:
    """Whether `pattern` matches at least one text that starts with `prefix` (plain text, no stars)."""
    head, star, _ = pattern.partition("*")
    return head.startswith(prefix) or (star == "*" and prefix.startswith(head))
