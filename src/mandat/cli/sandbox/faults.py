"""`mandat sandbox`: the program itself, its fault switch, its ledger.

The last two work on the sandbox's data, and a running sandbox notices at its next call.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from mandat.cli import running
from mandat.cli.options import DEMO_FOLDER, AnyText, JsonFlag, UsageFault
from mandat.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from mandat.sandbox.store.faults import Fault
    from mandat.sandbox.store.ledger import LedgerEntry

app = App(name="sandbox", group="Run")
app.default(running.sandbox)
fault = App(name="fault", help="Make calls of the sandbox go wrong on purpose: set, list, clear.")
app.command(fault)

Switch = Annotated[bool, Parameter(negative="")]


@fault.command(name="set")
def set_fault(  # noqa: PLR0913  one parameter for each option
    operation: str,
    /,
    *,
    fail: int | None = None,
    message: AnyText | None = None,
    hang: Switch = False,
    late: float | None = None,
    break_: Annotated[bool, Parameter(name="--break", negative="")] = False,
    after: Switch = False,
    times: int = 1,
    always: Switch = False,
    account: str | None = None,
    data: Path | None = None,
    as_json: JsonFlag = False,
) -> int:
    """Order a fault: the next calls of an operation fail, hang, are answered late, or start what ends in an error.

    Parameters
    ----------
    operation
        Method and path as the description has them, such as "POST /domain/zone/{zoneName}/record".
    fail
        Answer with this status: 400, 401, 403, 404, 409, 413, 429, 500, 502, 503 or 504.
    message
        What a failing call says.
    hang
        Never answer.
    late
        Answer this many seconds late.
    break_
        Accept the call, and let the task or instance that it starts end in an error.
    after
        Carry the call out first, and disturb only its answer.
    times
        How many calls meet the fault.
    always
        All calls meet it, until it is cleared.
    account
        Only calls of this account.
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    as_json
        Print {"id": ...}.
    """
    from mandat.sandbox.fault_switch import order_fault
    from mandat.sandbox.store.faults import Fault, FaultAction

    chosen = {
        FaultAction.FAIL: fail is not None,
        FaultAction.HANG: hang,
        FaultAction.LATE: late is not None,
        FaultAction.BREAK: break_,
    }
    actions = [action for action, is_chosen in chosen.items() if is_chosen]
    if len(actions) != 1:
        raise UsageFault("Say what is to happen: one of --fail STATUS, --hang, --late SECONDS, --break.")
    if break_ and after:
        raise UsageFault("--after says when an answer is disturbed, and --break disturbs none.")
    ordered = Fault(
        operation, actions[0], int(time.time()), account, after, fail, message, late, None if always else times
    )
    with _explained():
        fault_id = order_fault(_folder(data), ordered)
    if as_json:
        say_json({"id": fault_id})
    else:
        met = "All calls" if always else f"The next {times} calls" if times > 1 else "The next call"
        say(f"Fault {fault_id}. {met} of {operation}: {ordered.in_words()}.")
    return 0


@fault.command(name="list")
def list_faults(*, data: Path | None = None, as_json: JsonFlag = False) -> int:
    """List the faults that are ordered, used up ones included.

    Parameters
    ----------
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    as_json
        Print a list of {"id", "operation", "does", "account", "remaining", "hits"}; remaining is null for always.
    """
    from mandat.sandbox.fault_switch import ordered_faults

    with _explained():
        faults = ordered_faults(_folder(data))
    if as_json:
        say_json([_fault_fields(each) for each in faults])
    elif not faults:
        say("No faults are ordered.")
    else:
        rows = [[_shown(value) for value in _fault_fields(each).values()] for each in faults]
        say_table("Faults", ("id", "operation", "does", "account", "left", "met"), rows)
    return 0


@fault.command(name="clear")
def clear_faults(fault_id: int | None = None, /, *, data: Path | None = None) -> int:
    """Forget one fault, or all. Exit status 1 when there was none.

    Parameters
    ----------
    fault_id
        Its number in the list; all when not given.
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    """
    from mandat.sandbox import fault_switch

    with _explained():
        count = fault_switch.clear_faults(_folder(data), fault_id)
    say(f"Forgot {count} fault{'' if count == 1 else 's'}.")
    return 0 if count else 1


@app.command
def ledger(
    *, account: str | None = None, changes: Switch = False, data: Path | None = None, as_json: JsonFlag = False
) -> int:
    """Print what happened in the sandbox: every call that was let in, oldest first.

    Parameters
    ----------
    account
        Only calls of this account.
    changes
        Only calls that were carried out and may have changed something; repetitions of a creating call are none.
    data
        The sandbox's folder or a demo's; else ./mandat-demo, else ./mandat-sandbox.
    as_json
        Print a list of {"id", "at", "account", "application", "credential", "method", "path", "status", "queryId",
        "changed", "fault"}.
    """
    from mandat.sandbox.inspection import read_ledger

    with _explained():
        entries = [each for each in read_ledger(_folder(data), account) if each.changed or not changes]
    if as_json:
        say_json([_entry_fields(entry) for entry in entries])
    else:
        rows = [[_shown(value) for value in _entry_row(entry)] for entry in entries]
        say_table("Ledger", ("at", "account", "call", "status", "fault"), rows)
    return 0


def _folder(data: Path | None) -> Path:
    if data is not None:
        return data
    for candidate in (DEMO_FOLDER, Path("mandat-sandbox")):
        if candidate.is_dir():
            return candidate
    raise UsageFault("Which sandbox? There is no ./mandat-demo and no ./mandat-sandbox; name its folder with --data.")


@contextmanager
def _explained() -> Iterator[None]:
    """What the sandbox's own functions raise, as the command line says it."""
    from mandat.sandbox.fault_switch import FaultRefused
    from mandat.sandbox.problems import SandboxStartError
    from mandat.server.problems import Problem

    try:
        yield
    except FaultRefused as refused:
        raise UsageFault(str(refused)) from None
    except SandboxStartError as problem:
        raise Problem(str(problem)) from None


def _fault_fields(ordered: "Fault") -> dict[str, object]:
    return {
        "id": ordered.id,
        "operation": ordered.operation,
        "does": ordered.in_words(),
        "account": ordered.account,
        "remaining": ordered.remaining,
        "hits": ordered.hits,
    }


def _entry_fields(entry: "LedgerEntry") -> dict[str, object]:
    return {
        "id": entry.id,
        "at": entry.at,
        "account": entry.account,
        "application": entry.application,
        "credential": entry.credential,
        "method": entry.method,
        "path": entry.path,
        "status": entry.status,
        "queryId": entry.query_id,
        "changed": entry.changed,
        "fault": entry.fault,
    }


def _entry_row(entry: "LedgerEntry") -> tuple[object, ...]:
    at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="seconds")
    return at, entry.account, f"{entry.method} {entry.path}", entry.status or "no answer", entry.fault or ""


def _shown(value: object) -> str:
    return "any" if value is None else value if isinstance(value, str) else json.dumps(value)
