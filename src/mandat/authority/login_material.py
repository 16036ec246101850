"""What a login and a password may look like. Source: threats.md 3.6."""

import re
import unicodedata

from mandat.authority.fault import Fault
from mandat.protocol.refusals import Reason

PASSWORD_MIN_BYTES = 8
PASSWORD_MAX_BYTES = 1024
"""Long enough for any passphrase; more would only buy hashing time (threats.md 3.6)."""

_LOGIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+-]{1,62})[A-Za-z0-9]")


def login_fault(login: str) -> Fault | None:
    """Why `login` cannot be one, or None. Only ASCII: two logins must never look alike."""
    if _LOGIN.fullmatch(login) is not None:
        return None
    message = (
        "A login has 3 to 64 characters: letters, digits and . _ @ + -, and begins and ends with a letter or a digit"
    )
    return Fault(Reason.BAD_PARAMETER, message, "login")


def password_fault(password: str, *, field: str = "password") -> Fault | None:
    """Why `password` cannot be one, or None."""
    if len(password) > PASSWORD_MAX_BYTES * 4:  # before normalising, which costs time by length
        return Fault(Reason.BAD_PARAMETER, f"A password has at most {PASSWORD_MAX_BYTES} bytes", field)
    try:
        size = len(composed(password).encode("utf-8"))
    except UnicodeEncodeError:
        return Fault(Reason.BAD_PARAMETER, "This password holds a character that cannot be encoded", field)
    if size < PASSWORD_MIN_BYTES:
        return Fault(Reason.BAD_PARAMETER, f"A password has at least {PASSWORD_MIN_BYTES} characters", field)
    if size > PASSWORD_MAX_BYTES:
        return Fault(Reason.BAD_PARAMETER, f"A password has at most {PASSWORD_MAX_BYTES} bytes", field)
    return None


def composed(password: str) -> str:
    """The NFC form: the same password typed on another system may arrive decomposed."""
    return unicodedata.normalize("NFC", password)
