"""How the workers of a node and the keeper of their replay memory speak: fixed frames over one stream, in order.

Source: our own; both ends are always of the same release, because one supervisor starts them.
"""

from struct import Struct
from typing import Final

from mandat.enforcement.interfaces import WriteSeen

_WRITE: Final = Struct("!32s32sq?")
FRAME_BYTES: Final = _WRITE.size
ADMITTED: Final = b"\x01"
REFUSED: Final = b"\x00"


def encode_write(write: WriteSeen) -> bytes:
    """One question: FRAME_BYTES bytes."""
    return _WRITE.pack(write.signature_digest, write.call_digest, write.timestamp, write.strict)


def decode_write(frame: bytes) -> WriteSeen:
    """The question in FRAME_BYTES bytes."""
    return WriteSeen(*_WRITE.unpack(frame))
