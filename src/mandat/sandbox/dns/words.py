"""Record text split into words as a zone file does it: blanks part words, quotes hold them together.

Source: RFC 1035 5.1; RFC 7208 3.3 for long texts.
"""

import re
from typing import NamedTuple

from mandat.sandbox.dns.names import TargetFault

MAX_STRING_BYTES = 255  # RFC 1035 3.3: a character-string has one length byte
_ESCAPE = re.compile(r"\\(?:(\d{3})|(.))", re.ASCII | re.DOTALL)
_WORD = re.compile(r'[ \t]*(?:"((?:[^"\\]|\\.)*)"(?=[ \t]|$)|([^ \t"]+)(?=[ \t]|$))', re.DOTALL)


class Word(NamedTuple):
    """One word; `quoted` tells `"a b"` from `ab`."""

    text: bytes
    quoted: bool


def split_words(text: str) -> list[Word]:
    """The words of `text`, quotes removed and escapes resolved.

    Raises:
        TargetFault: a quote is not closed or stands inside a word.
    """
    words = []
    position, text = 0, text.rstrip(" \t")
    while position < len(text):
        match = _WORD.match(text, position)
        if match is None:
            raise TargetFault("its quotes do not match")
        quoted, plain = match.groups()
        words.append(Word(_unescape(plain if quoted is None else quoted), quoted is not None))
        position = match.end()
    return words


def split_text(text: str) -> list[bytes]:
    """The character-strings that a TXT record with this target serves.

    A target that starts with a quote is a list of quoted strings; any other is one text, taken to the letter.
    Strings longer than 255 bytes are parted, which readers undo by joining.

    Raises:
        TargetFault: quotes do not match, or the whole does not fit into one record.
    """
    if text.startswith('"'):
        words = split_words(text)
        if not all(word.quoted for word in words):
            raise TargetFault("text outside the quotes")
        strings = [word.text for word in words]
    else:
        strings = [text.encode()]
    return [part for string in strings for part in _part(string)]


def _part(string: bytes) -> list[bytes]:
    step = MAX_STRING_BYTES
    return [string[start : start + step] for start in range(0, len(string), step)] or [b""]


def _unescape(text: str) -> bytes:
    pieces = []
    position = 0
    for match in _ESCAPE.finditer(text):
        decimal, character = match.groups()
        if decimal is not None and int(decimal) > 255:
            raise TargetFault(f"\\{decimal} is not a byte")
        pieces += [text[position : match.start()].encode(), bytes([int(decimal)]) if decimal else character.encode()]
        position = match.end()
    pieces.append(text[position:].encode())
    return b"".join(pieces)
