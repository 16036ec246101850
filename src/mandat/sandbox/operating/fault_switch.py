"""The fault switch: makes a named operation fail, hang, answer late, or end what it started in an error.

Ordered from the command line on the sandbox's data folder, running or not; the next call of that operation meets it.
"""

import difflib
from contextlib import closing
from pathlib import Path

from mandat.protocol.refusals import WORDINGS, Reason, refusal_fields
from mandat.sandbox.api.operations import OPERATIONS
from mandat.sandbox.store.database import find_folder, open_database, transaction
from mandat.sandbox.store.faults import Fault, FaultAction, add_fault, delete_faults, list_faults

LONGEST_SECONDS = 600.0
MOST_TIMES = 1_000_000
MAX_MESSAGE_CHARACTERS = 300

_REASONS: dict[int, Reason] = {
    400: Reason.BAD_PARAMETER,
    401: Reason.MISSING_CREDENTIAL,
    403: Reason.FORBIDDEN,
    404: Reason.UNKNOWN_OBJECT,
    409: Reason.CONFLICT,
    413: Reason.BODY_TOO_LARGE,
    429: Reason.QUOTA_EXCEEDED,
    500: Reason.INTERNAL_ERROR,
    502: Reason.UPSTREAM_UNREACHABLE,
    503: Reason.STORAGE_UNAVAILABLE,
    504: Reason.UPSTREAM_TIMED_OUT,
}
STATUSES = tuple(_REASONS)
"""What a failing call can answer."""


class FaultRefused(Exception):
    """A fault cannot be ordered; `str()` is a sentence for the person who ordered it."""


def order_fault(data: Path, fault: Fault) -> int:
    """Orders `fault` in the sandbox of `data` (its folder, or that of a demo); gives the fault's id.

    Raises:
        FaultRefused: no such operation, or figures that cannot be meant.
        SandboxStartError: there is no sandbox's data.
    """
    _check(fault)
    with closing(open_database(find_folder(data))) as connection, transaction(connection):
        return add_fault(connection, fault)


def ordered_faults(data: Path) -> list[Fault]:
    """What is ordered, used up ones included, oldest first. Raises SandboxStartError as `order_fault`."""
    with closing(open_database(find_folder(data))) as connection:
        return list_faults(connection)


def clear_faults(data: Path, fault_id: int | None = None) -> int:
    """Forgets one, or all; gives how many there were. Raises SandboxStartError as `order_fault`."""
    with closing(open_database(find_folder(data))) as connection, transaction(connection):
        return delete_faults(connection, fault_id)


def failure(fault: Fault, query_id: str | None) -> dict[str, object]:
    """The body of the answer to a call that `fault` makes fail, in the wire's shape."""
    reason = _REASONS[fault.status or 0]
    message = fault.message or f"{WORDINGS[reason].message} (the fault switch wants it so)"
    return refusal_fields(reason, query_id=query_id, message=message)


def _check(fault: Fault) -> None:
    operation = OPERATIONS.get(fault.operation)
    if operation is None:
        near = difflib.get_close_matches(fault.operation, OPERATIONS, n=1, cutoff=0.3)
        hint = f" The nearest is {near[0]!r}." if near else ""
        raise FaultRefused(f"There is no operation {fault.operation!r}.{hint}")
    if fault.action is FaultAction.FAIL and fault.status not in STATUSES:
        raise FaultRefused(f"A call can fail with one of {', '.join(map(str, STATUSES))}.")
    if fault.action is FaultAction.LATE and not 0 < (fault.seconds or 0) <= LONGEST_SECONDS:
        raise FaultRefused(f"A late answer comes more than 0 and at most {LONGEST_SECONDS:.0f} seconds late.")
    if fault.action is FaultAction.BREAK and not operation.starts_work:
        raise FaultRefused(f"{fault.operation} starts nothing that could end in an error; let it fail instead.")
    if fault.remaining is not None and not 0 < fault.remaining <= MOST_TIMES:
        raise FaultRefused(f"A fault is met from 1 to {MOST_TIMES} times, or always.")
    if fault.message is not None and not 0 < len(fault.message) <= MAX_MESSAGE_CHARACTERS:
        raise FaultRefused(f"A message has 1 to {MAX_MESSAGE_CHARACTERS} characters.")
