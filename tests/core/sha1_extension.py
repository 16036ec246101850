"""SHA-1 continued from its own result: what an eavesdropper can compute without the secret (FIPS 180-4, 6.1)."""

MASK = 0xFFFFFFFF


def padding(length: int) -> bytes:
    """What SHA-1 itself appends to a text of `length` bytes."""
    return b"\x80" + b"\0" * ((55 - length) % 64) + (length * 8).to_bytes(8, "big")


def extend(digest_hex: str, length: int, suffix: bytes) -> str:
    """The SHA-1 of (text, its padding, `suffix`), from the SHA-1 of a text of `length` bytes alone."""
    state = [int(digest_hex[start : start + 8], 16) for start in range(0, 40, 8)]
    hashed = length + len(padding(length))
    rest = suffix + padding(hashed + len(suffix))
    for start in range(0, len(rest), 64):
        state = _compress(state, rest[start : start + 64])
    return "".join(f"{word:08x}" for word in state)


def _compress(state: list[int], block: bytes) -> list[int]:
    words = [int.from_bytes(block[start : start + 4], "big") for start in range(0, 64, 4)]
    for index in range(16, 80):
        words.append(_rotated(words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16], 1))
    a, b, c, d, e = state
    for index, word in enumerate(words):
        mixed, constant = _round(index // 20, b, c, d)
        a, b, c, d, e = (_rotated(a, 5) + mixed + e + constant + word) & MASK, a, _rotated(b, 30), c, d
    return [(old + new) & MASK for old, new in zip(state, (a, b, c, d, e), strict=True)]


def _round(number: int, b: int, c: int, d: int) -> tuple[int, int]:
    if number == 0:
        return (b & c) | (~b & d & MASK), 0x5A827999
    if number == 2:
        return (b & c) | (b & d) | (c & d), 0x8F1BBCDC
    return b ^ c ^ d, 0x6ED9EBA1 if number == 1 else 0xCA62C1D6


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> (32 - bits)) & MASK
