"""Public SSH keys: what is accepted as one, and its fingerprint. Source: RFC 4253 6.6, RFC 4716 4."""

import base64
import binascii
import hashlib

MAX_KEY_CHARACTERS = 4096
_KINDS = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip


def is_public_key(text: str) -> bool:
    """Whether `text` is one line of an authorized_keys file without options, such as `ssh-ed25519 AAAA... me@host`."""
    words = text.split(" ", 2)
    if len(text) > MAX_KEY_CHARACTERS or len(words) < 2 or words[0] not in _KINDS:
        return False
    blob = _blob(words[1])
    kind = words[0].encode("ascii")
    return blob is not None and len(blob) > len(kind) + 8 and blob.startswith(len(kind).to_bytes(4) + kind)


def fingerprint(public_key: str) -> str:
    """The MD5 fingerprint of a key that `is_public_key`, as OVH shows it: `4c:a2:...`."""
    blob = _blob(public_key.split(" ", 2)[1]) or b""
    return hashlib.md5(blob, usedforsecurity=False).digest().hex(":")


def _blob(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
